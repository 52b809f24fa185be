"""The known sets of harder digits: MNIST's, turned, or with noise or photographs behind them."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from featlearn.datasets.entries import KNOWN
from featlearn.datasets.imageset import Images, Indices
from featlearn.datasets.raw import EncodedImages, RawSet, RawSplits
from featlearn.datasets.tensors import as_images
from featlearn.datasets.warps import warp
from featlearn.errors import DataError
from featlearn.ops.random import generator

Opener = Callable[[str], RawSplits]
"""Opens a known set by its name."""

Picture = tuple[str, NDArray[np.uint8]]
"""The name of a photograph, and its grey values `(height, width)`."""

Variant = Literal["rotated", "random-background", "image-background"]

VARIANTS: dict[Variant, str] = {
    "rotated": "mnist-rotated",
    "random-background": "mnist-random-background",
    "image-background": "mnist-image-background",
}
"""What changes digits, and the known set of digits that are changed so."""

VARIANT_OF: dict[str, Variant] = {name: variant for variant, name in VARIANTS.items()}
"""The same the other way round."""

VALIDATED = 2000
"""How many of the training images, the last ones, are there to choose by."""

_SEED = 0
_LEAST_DEVIATION = 0.05  # of the grey values in [0, 1] of a window: smooth ones are left out
_AT_ONCE = 4000  # images that are turned together, to bound memory
_TRIES = 20
_PHOTOGRAPHS = "natural-bsds500"


class Sizes(NamedTuple):
    """How many digits a set has.

    Attributes:
        learned: To learn from.
        validated: To choose by; they follow the former in the training split.
        judged: Of the test split.
    """

    learned: int
    validated: int
    judged: int


def open_variant(variant: Variant, opened: Opener) -> RawSplits:
    """Make one of the known sets of harder digits; it is the same each time.

    Args:
        variant: What changes the digits.
        opened: Opens the sets that it is made of.

    Raises:
        DataError: If one of these is missing or broken.
    """
    known = KNOWN[VARIANTS[variant]]
    sizes = Sizes(known.train - VALIDATED, VALIDATED, known.test)
    return harder_digits(variant, opened, sizes, seed=_SEED)


def harder_digits(variant: Variant, opened: Opener, sizes: Sizes, *, seed: int) -> RawSplits:
    """Draw digits from all of MNIST, no digit twice, and change them.

    Under one seed the three sets show the same digits. Photographs behind digits to learn from,
    to choose by and to be judged by are different ones.

    Args:
        variant: What changes the digits: a turn by an angle drawn from [0, 2π); behind the
            digit a value drawn from 0 to 255 for every pixel; or a window of a photograph. Before
            a ground, every pixel is the brighter one of digit and ground.
        opened: Opens a known set.
        sizes: How many digits there are.
        seed: Of everything drawn.

    Returns:
        The training images, those to choose by last, and the test images, in bytes. Those before
        photographs are named `PICTURE/PLACE`.

    Raises:
        DataError: If a set that this is made of is missing or broken, or has too few digits.

    Source:
        Larochelle, Erhan, Courville, Bergstra and Bengio, ICML 2007. Their files are not made
        here: these have the same numbers of digits, of the same digits, but other draws, and
        photographs of BSDS500.
    """
    images, labels = _digits(opened("mnist"), sum(sizes), seed=seed)
    name = VARIANTS[variant]
    ids: list[str] | None = None
    match variant:
        case "rotated":
            images = _turned(images, seed=seed)
        case "random-background":
            draw = generator(seed, variant)
            noise = torch.randint(0, 256, images.shape, generator=draw, dtype=torch.uint8)
            images = np.maximum(images, noise.numpy())
        case "image-background":
            grounds, names = _grounds(opened(_PHOTOGRAPHS), sizes, seed=seed)
            images = np.maximum(images, grounds)
            ids = [f"{picture}/{place}" for place, picture in enumerate(names)]
    cut = sizes.learned + sizes.validated

    def split(which: str, part: slice) -> RawSet:
        return RawSet(
            f"{name}: {which}",
            images[part],
            len(images[part]),
            labels[part],
            KNOWN[name].class_names,
            None if ids is None else tuple(ids[part]),
        )

    return RawSplits(split("train", slice(cut)), split("test", slice(cut, None)))


def windows_of(
    pictures: Sequence[Picture], count: int, *, side: int, draw: torch.Generator
) -> tuple[NDArray[np.uint8], list[str]]:
    """Cut windows out of photographs, anywhere but where they are smooth.

    Args:
        pictures: The photographs.
        count: How many windows.
        side: Of a window, in pixels.
        draw: Draws the photograph and the place of each.

    Returns:
        `(count, 1, side, side)`, and the name of the photograph of each.

    Raises:
        DataError: If a photograph is smaller, or none of very many windows has any texture.
    """
    for name, pixels in pictures:
        if min(pixels.shape) < side:
            raise DataError(f"{name} is {pixels.shape}, too small for a window of {side}x{side}")
    found: list[NDArray[np.uint8]] = []
    names: list[str] = []
    for _ in range(_TRIES if pictures else 0):
        wanted = (count - len(names)) * 3 // 2 + 100
        drawn = torch.rand(wanted, 3, generator=draw, dtype=torch.float64).tolist()
        chosen = [pictures[int(which * len(pictures))] for which, _, _ in drawn]
        windows = np.stack(
            [
                _window(pixels, down, right, side)
                for (_, pixels), (_, down, right) in zip(chosen, drawn, strict=True)
            ]
        )
        textured = windows.std((1, 2)) >= 255 * _LEAST_DEVIATION
        found.append(windows[textured])
        names += [name for (name, _), kept in zip(chosen, textured, strict=True) if kept]
        if len(names) >= count:
            return np.concatenate(found)[:count, None], names[:count]
    raise DataError(f"{len(pictures)} photographs have no windows with enough texture")


def _digits(mnist: RawSplits, count: int, *, seed: int) -> tuple[Images, Indices]:
    """Draw digits from both of MNIST's splits, which hold digits of the same kind."""
    parts = [mnist.train] if mnist.test is None else [mnist.train, mnist.test]
    labels = [part.labels for part in parts if part.labels is not None]
    pictures = [part.images for part in parts if isinstance(part.images, np.ndarray)]
    images, classes = np.concatenate(pictures), np.concatenate(labels)
    if len(images) < count:
        raise DataError(f"{count} digits were asked for, and {parts[0].name} has {len(images)}")
    order = torch.randperm(len(images), generator=generator(seed, "digits"))[:count].numpy()
    return images[order], classes[order]


def _turned(images: Images, *, seed: int) -> Images:
    """Turn each image about its centre by an angle of its own."""
    draw = generator(seed, "rotated")
    angles = torch.rand(len(images), generator=draw) * (2 * torch.pi)
    still = torch.zeros(len(images), 2)
    turned = [
        warp(
            as_images(images[first : first + _AT_ONCE]),
            shift=still[first : first + _AT_ONCE],
            radians=some,
            factor=torch.ones(len(some)),
        )
        for first, some in zip(range(0, len(images), _AT_ONCE), angles.split(_AT_ONCE), strict=True)
    ]
    return (torch.cat(turned) * 255).round().to(torch.uint8).numpy()


def _grounds(photographs: RawSplits, sizes: Sizes, *, seed: int) -> tuple[Images, list[str]]:
    """Cut a ground for every digit out of the photographs of its part."""
    assert photographs.test is not None
    train, test = _decoded(photographs.train), _decoded(photographs.test)
    # Those to choose by have photographs in proportion, as a choice by others would have it.
    cut = round(len(train) * sizes.learned / max(sizes.learned + sizes.validated, 1))
    cut = min(max(cut, 1), len(train) - 1)
    parts = {"learned": train[:cut], "validated": train[cut:], "judged": test}
    windows: list[Images] = []
    names: list[str] = []
    side = KNOWN["mnist"].shape.height
    for (part, pictures), count in zip(parts.items(), sizes, strict=True):
        draw = generator(seed, "image-background", part)
        cuts, of = windows_of(pictures, count, side=side, draw=draw)
        windows.append(cuts)
        names += of
    return np.concatenate(windows), names


def _decoded(pictures: RawSet) -> list[Picture]:
    """Decode photographs in grey, without the folders and the endings of their names."""
    assert isinstance(pictures.images, EncodedImages)
    decoded = pictures.images.decode(np.arange(pictures.count), colour="grey")
    names = [name.rpartition("/")[2].partition(".")[0] for name in pictures.ids or ()]
    return [(name, pixels[0]) for name, (_, pixels) in zip(names, decoded, strict=True)]


def _window(pixels: NDArray[np.uint8], down: float, right: float, side: int) -> NDArray[np.uint8]:
    """Cut a window whose place is given in [0, 1) of where it may be."""
    top, left = (
        int(place * (length - side + 1))
        for place, length in zip((down, right), pixels.shape, strict=True)
    )
    return pixels[top : top + side, left : left + side]
