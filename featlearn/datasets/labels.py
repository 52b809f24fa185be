"""Which images are labelled, held out or set apart."""

import operator
from collections.abc import Sequence
from typing import SupportsIndex, cast

import numpy as np

from featlearn.datasets.imageset import ImageSet, Indices
from featlearn.errors import DataError, UsageError
from featlearn.seeds import derive


def whole_labels(count: object) -> int | None:
    """Give how many labels are asked for, `None` for all of them.

    Raises:
        UsageError: If that is no whole number.
    """
    if count is None:
        return None
    try:
        return operator.index(cast("SupportsIndex", count))
    except TypeError:
        raise UsageError(
            f"labels is a whole number, or None for all of them; got {count!r}"
        ) from None


def balanced_subset(
    labels: Indices, count: int, *, seed: int, classes: Sequence[str] = ()
) -> Indices:
    """Draw labelled images, as many of each class (within one), and at least one.

    Args:
        labels: `(n,)` classes of all images.
        count: How many to draw.
        seed: The seed of this draw, separate from the initialisation's.
        classes: The names of the classes, for messages.

    Returns:
        `(count,)` places in `labels`, ascending.

    Raises:
        DataError: If there are fewer images, a class has too few of them, or there are
            more classes than labels, so that some would never be learned.
    """
    if count > len(labels):
        raise DataError(
            f"{count} labels were asked for, but there are {len(labels)} labelled images"
        )
    rng = _rng(seed, "labels")
    values, sizes = np.unique(labels, return_counts=True)
    if count < max(len(values), 1):
        raise DataError(
            f"{count} label{'s' * (count != 1)} cannot be shared among {len(values)} classes, of "
            f"which each needs at least one; ask for at least {len(values)}"
        )
    quotas = _level_quotas(sizes, count, rng)
    needed = count // len(values)
    short = int(np.argmin(sizes))
    if sizes[short] < needed or quotas.max() - quotas.min() > 1:
        value = int(values[short])
        name = classes[value] if value < len(classes) else str(value)
        raise DataError(
            f"{count} labels shared evenly are {-(-count // len(values))} of each of "
            f"{len(values)} classes, but class {name!r} has {sizes[short]}; "
            f"ask for at most {sizes[short] * len(values) + (sizes > sizes[short]).sum()}"
        )
    return _draw(labels, values, quotas, rng)


def limited(labels: Indices | None, n: int, limit: int, *, seed: int) -> Indices:
    """Draw up to `limit` of `n` images: classes as even as their sizes allow.

    Returns:
        Places, ascending; all of them if there are no more than `limit`.
    """
    if limit >= n:
        return np.arange(n)
    rng = _rng(seed, "limit")
    if labels is None:
        return np.sort(rng.permutation(n)[:limit])
    values, sizes = np.unique(labels, return_counts=True)
    return _draw(labels, values, _level_quotas(sizes, limit, rng), rng)


def hold_out(n: int, fraction: float, *, seed: int) -> tuple[Indices, Indices]:
    """Set a part of the training images apart, for early stopping.

    Args:
        n: How many images there are.
        fraction: The part to hold out, in [0, 1).
        seed: The seed of the run.

    Returns:
        The places to train on and those held out, each ascending: at least one
        held out (unless `fraction` is 0 or there is one image), at least one
        to train on.
    """
    count = min(max(round(n * fraction), 1), n - 1) if fraction > 0 and n > 1 else 0
    order = _rng(seed, "hold-out").permutation(n)
    return np.sort(order[count:]), np.sort(order[:count])


def set_apart(
    labels: Indices | None, n: int, fraction: float, *, seed: int
) -> tuple[Indices, Indices]:
    """Split `n` images for training and test, each class in proportion.

    Returns:
        The places to train on and to test on, each ascending. The second has
        `round(n * fraction)` places as far as every class keeps an image to
        train on; it may be empty.
    """
    groups = np.zeros(n, np.int64) if labels is None else labels
    return _apart(groups, fraction, _rng(seed, "test"))


def hold_out_labelled(
    labels: Indices, fraction: float, *, seed: int, pictures: Indices | None = None
) -> tuple[Indices, Indices]:
    """Set a part of some labelled images apart for validation, each class in proportion.

    Args:
        labels: `(n,)` classes of the images.
        fraction: The part to hold out, in (0, 1).
        seed: The seed of the draw.
        pictures: `(n,)` the picture that each image is cut out of, where one may
            give several: they overlap, so all go to one side. A picture has one class.

    Returns:
        The places to train on and those held out, each ascending. Every class keeps
        a picture to train on; as far as that allows, at least one is held out.
    """
    named = np.arange(len(labels)) if pictures is None else pictures
    _, first, inverse = np.unique(named, return_index=True, return_inverse=True)
    least = 1 / max(len(first), 1)
    _, held = _apart(labels[first], max(fraction, least), _rng(seed, "hold-out"))
    kept = np.isin(inverse, held)
    return np.flatnonzero(~kept), np.flatnonzero(kept)


def match_classes(images: ImageSet, classes: Sequence[str]) -> Indices:
    """Number the labels of a set as another list of classes numbers them.

    A folder of test images may lack a class or have them in another order;
    names decide.

    Returns:
        `(n,)` places in `classes`.

    Raises:
        DataError: If the set has no labels, or a class that is not in the list.
    """
    if images.labels is None:
        raise DataError(
            f"{images.name} has no labels; put the images of each class into a subfolder, "
            "or give a `labels` array"
        )
    places = {name: place for place, name in enumerate(classes)}
    for used in np.unique(images.labels):
        if images.classes[used] not in places:
            raise DataError(
                f"{images.name} has the class {images.classes[used]!r}, which is none of the "
                f"model's: {', '.join(classes)}"
            )
    table = np.array([places.get(name, -1) for name in images.classes], np.int64)
    return table[images.labels]


def _level_quotas(sizes: Indices, count: int, rng: np.random.Generator) -> Indices:
    """Share `count` among classes as evenly as their sizes allow.

    The level rises until the classes are used up; what does not divide goes
    to classes drawn at random.
    """
    quotas = np.zeros_like(sizes)
    while (left := count - quotas.sum()) > 0:
        open_ = np.flatnonzero(quotas < sizes)
        step = left // len(open_)
        if step == 0:
            quotas[rng.permutation(open_)[:left]] += 1
        else:
            quotas[open_] += np.minimum(step, sizes[open_] - quotas[open_])
    return quotas


def _apart(groups: Indices, fraction: float, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Take a fraction of the places away, group by group, and leave each group one."""
    values, sizes = np.unique(groups, return_counts=True)
    exact = sizes * fraction
    quotas = np.minimum(np.floor(exact).astype(np.int64), sizes - 1)
    # Largest remainders first; equal ones in a random order.
    ties = rng.permutation(len(values))
    for place in ties[np.argsort(-(exact - quotas)[ties], kind="stable")]:
        if quotas.sum() < round(len(groups) * fraction) and quotas[place] < sizes[place] - 1:
            quotas[place] += 1
    taken = _draw(groups, values, quotas, rng)
    return np.setdiff1d(np.arange(len(groups)), taken), taken


def _draw(labels: Indices, values: Indices, quotas: Indices, rng: np.random.Generator) -> Indices:
    """Draw `quotas[i]` places of class `values[i]`, and sort them."""
    chosen = [
        rng.permutation(np.flatnonzero(labels == value))[:quota]
        for value, quota in zip(values, quotas, strict=True)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64, copy=False)


def _rng(seed: int, purpose: str) -> np.random.Generator:
    """Make the generator of one kind of draw."""
    return np.random.Generator(np.random.PCG64(derive(seed, purpose)))
