"""Which samples of several modalities belong together."""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from featlearn.config.modalities import PairsSpec
from featlearn.datasets.imageset import ImageSet, Indices
from featlearn.datasets.labels import match_classes
from featlearn.errors import DataError
from featlearn.seeds import derive


def pair_samples(
    names: Sequence[str], sets: Sequence[ImageSet], spec: PairsSpec, *, seed: int
) -> Indices:
    """Pair the samples of several modalities.

    Args:
        names: What the modalities are called, for messages.
        sets: Their samples.
        spec: By what they are paired, and how many pairs are taken.
        seed: Of what is drawn.

    Returns:
        `(pairs, modalities)`: places in each of the sets.

    Raises:
        DataError: If the modalities have different lengths, no key or class in common, or
            fewer pairs than are asked for.
    """
    rng = np.random.Generator(np.random.PCG64(derive(seed, "pairs")))
    match spec.by:
        case "order":
            pairs = _by_order(names, sets)
        case "key":
            pairs = _by_key(names, sets)
        case "class":
            return _by_class(names, sets, spec.count, rng)
    if spec.count is None:
        return pairs
    if spec.count > len(pairs):
        raise DataError(
            f"`pairs.count` is {spec.count}, but {' and '.join(names)} have {len(pairs)} pairs"
        )
    chosen = _even(_labels_of(sets[0], pairs[:, 0]), spec.count, rng)
    return pairs[np.sort(chosen)]


def unpaired(pairs: Indices, count: int, place: int) -> Indices:
    """List the samples of one modality that are in no pair, ascending."""
    return np.setdiff1d(np.arange(count), pairs[:, place])


def both_in(pairs: Indices, kept: Sequence[Indices]) -> Indices:
    """Take the pairs all of whose samples are kept, and number them as what is kept."""
    tables: list[Indices] = []
    for place, chosen in enumerate(kept):
        size = int(max(pairs[:, place].max(initial=-1), chosen.max(initial=-1))) + 1
        table = np.full(size, -1, np.int64)
        table[chosen] = np.arange(len(chosen))
        tables.append(table[pairs[:, place]])
    moved = np.stack(tables, 1)
    return moved[(moved >= 0).all(1)]


def keys_of(name: str, samples: ImageSet) -> dict[str, int]:
    """Give the place of each key, the name of a file up to its ending.

    Args:
        name: What the modality is called, for messages.
        samples: Its samples.

    Raises:
        DataError: If they have no names, or two have one key.
    """
    if samples.ids is None:
        raise DataError(
            f"{samples.name}, the modality {name!r}, has no names of files to pair by; pair by "
            "order or by class"
        )
    keys = [str(PurePosixPath(each).with_suffix("")) for each in samples.ids]
    if repeated := [key for key, times in Counter(keys).items() if times > 1]:
        raise DataError(
            f"{samples.name}, the modality {name!r}, has the key {repeated[0]!r} twice, so that "
            "it does not say which sample is meant"
        )
    return {key: place for place, key in enumerate(keys)}


def _by_order(names: Sequence[str], sets: Sequence[ImageSet]) -> Indices:
    """Pair the first with the first."""
    sizes = [len(each) for each in sets]
    if len({*sizes}) > 1:
        told = ", ".join(f"{name} has {size}" for name, size in zip(names, sizes, strict=True))
        raise DataError(
            f'`pairs.by = "order"` needs as many samples of each modality, but {told}; pair them '
            "by key or by class"
        )
    return np.repeat(np.arange(sizes[0])[:, None], len(sets), axis=1)


def _by_key(names: Sequence[str], sets: Sequence[ImageSet]) -> Indices:
    """Pair samples whose files are called alike, in the order of the first modality."""
    tables = [keys_of(name, each) for name, each in zip(names, sets, strict=True)]
    common = [key for key in tables[0] if all(key in table for table in tables[1:])]
    if not common:
        told = ", ".join(
            f"{name} has {next(iter(table), 'none')!r}"
            for name, table in zip(names, tables, strict=True)
        )
        raise DataError(
            f"{' and '.join(names)} have no key in common, the name of a file up to its ending: "
            f"{told} first; name files alike, or pair by order or class"
        )
    return np.array([[table[key] for table in tables] for key in common], np.int64)


def _by_class(
    names: Sequence[str], sets: Sequence[ImageSet], count: int | None, rng: np.random.Generator
) -> Indices:
    """Pair samples of one class, each used again only when all of its class are used."""
    largest = max(range(len(sets)), key=lambda place: len(sets[place]))
    classes = sets[largest].classes
    labels = [match_classes(each, classes) for each in sets]
    for name, found in zip(names, labels, strict=True):
        if missing := {*labels[largest].tolist()} - {*found.tolist()}:
            raise DataError(
                f"the modality {name!r} has no sample of the class {classes[min(missing)]!r}, "
                f"which {names[largest]!r} has, so that they cannot be paired by class"
            )
    leading = labels[largest]
    if count is not None and count < len(leading):
        chosen = np.sort(_even(leading, count, rng))
    elif count is None or count == len(leading):
        chosen = np.arange(len(leading))
    else:
        raise DataError(
            f"`pairs.count` is {count}, but the largest modality, {names[largest]!r}, has "
            f"{len(leading)} samples"
        )
    pairs = np.empty((len(chosen), len(sets)), np.int64)
    pairs[:, largest] = chosen
    for place, found in enumerate(labels):
        for value in np.unique(leading[chosen]) if place != largest else ():
            wanted = np.flatnonzero(leading[chosen] == value)
            pairs[wanted, place] = _drawn(np.flatnonzero(found == value), len(wanted), rng)
    return pairs


def _drawn(places: Indices, count: int, rng: np.random.Generator) -> Indices:
    """Draw with as few repeats as can be."""
    rounds = -(-count // len(places))
    return np.concatenate([rng.permutation(places) for _ in range(rounds)])[:count]


def _even(labels: Indices, count: int, rng: np.random.Generator) -> Indices:
    """Draw places, as many of every class as can be, within one."""
    order = rng.permutation(len(labels))
    ranks = np.empty(len(labels), np.int64)
    for value in np.unique(labels):
        mine = order[labels[order] == value]
        ranks[mine] = np.arange(len(mine))
    # The first of every class, then the second of every class, in the drawn order.
    return order[np.argsort(ranks[order], kind="stable")][:count]


def _labels_of(samples: ImageSet, places: Indices) -> Indices:
    """Give the classes of samples, or one class for all."""
    if samples.labels is None:
        return np.zeros(len(places), np.int64)
    return samples.labels[places]
