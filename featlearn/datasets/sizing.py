"""The size policy of a recipe: exact, crop, pad, resize; and random crops."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featlearn.config.data import Fit
from featlearn.datasets.imageset import Images
from featlearn.datasets.limits import MAX_IMAGE_PIXELS, check_set_bytes
from featlearn.errors import DataError, UnfitError

Size = tuple[int, int]


def fit_images(images: Images, *, size: Size | None, fit: Fit, name: str) -> Images:
    """Give images of one shape the size that a recipe asks for.

    Args:
        images: `(n, maps, height, width)`, uint8 or float32.
        size: The wanted (height, width); None leaves them.
        fit: `exact` refuses any other size; `crop` cuts out the centre; `pad`
            repeats the border pixels outwards, so that a background goes on
            whatever its colour; `resize` stretches to the size, bilinearly, and
            averages when it shrinks.
        name: What the images are called in messages.

    Returns:
        `(n, maps, *size)` in the same dtype.

    Raises:
        UnfitError: If an image does not have the size (`exact`), or is smaller
            (`crop`) or larger (`pad`) than it.
        DataError: If the result would be too large.
    """
    height, width = images.shape[-2:]
    if size is None or (height, width) == tuple(size):
        return images
    wanted = f"`data.size` is {size[0]} x {size[1]} (height x width)"
    has = f"{name} is {height} x {width}, but {wanted}"
    if fit == "exact":
        raise UnfitError(has, advice='set `data.fit` to "crop", "pad" or "resize"')
    if fit == "crop":
        if height < size[0] or width < size[1]:
            raise UnfitError(
                f"{has}, which cannot be cut out of it", advice='set `data.fit` to "resize"'
            )
        top, left = (height - size[0]) // 2, (width - size[1]) // 2
        return images[..., top : top + size[0], left : left + size[1]]
    _check_result(images, size, name=name)
    if fit == "pad":
        if height > size[0] or width > size[1]:
            raise UnfitError(has, advice='to shrink it, set `data.fit` to "crop" or "resize"')
        return _pad(images, size)
    return _resize(images, size)


def random_crops(
    images: Images, *, size: Size, count: int, rng: np.random.Generator, name: str
) -> Images:
    """Cut `count` windows out of each image, each place equally likely.

    Args:
        images: `(n, maps, height, width)`.
        size: Height and width of a window.
        count: Windows per image.
        rng: Draws the places.
        name: What the images are called in messages.

    Returns:
        `(n · count, maps, *size)`, the windows of one image next to each other.

    Raises:
        DataError: If the images are smaller than a window.
    """
    height, width = images.shape[-2:]
    if height < size[0] or width < size[1]:
        raise DataError(
            f"{name} is {height} x {width}, smaller than crops of {size[0]} x {size[1]}; "
            "set a smaller `data.size`"
        )
    tops = rng.integers(height - size[0] + 1, size=len(images) * count)
    lefts = rng.integers(width - size[1] + 1, size=len(images) * count)
    crops = np.empty((len(images) * count, images.shape[1], *size), images.dtype)
    for place, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        crops[place] = images[place // count, :, top : top + size[0], left : left + size[1]]
    return crops


def _check_result(images: Images, size: Size, *, name: str) -> None:
    """Refuse a result that is too large, before memory is taken for it."""
    pixels = size[0] * size[1]
    if pixels > MAX_IMAGE_PIXELS:
        raise DataError(
            f"{name} would become {size[0]} x {size[1]} by `data.size`; an image may have "
            f"{MAX_IMAGE_PIXELS} pixels"
        )
    count = len(images) * images.shape[1] * pixels * images.itemsize
    check_set_bytes(count, name=name)


def _pad(images: Images, size: Size) -> Images:
    """Repeat the border outwards, the odd pixel after."""
    extra = [wanted - has for wanted, has in zip(size, images.shape[-2:], strict=True)]
    widths = [(0, 0), (0, 0), *((total // 2, total - total // 2) for total in extra)]
    return np.pad(images, widths, mode="edge")


def _resize(images: Images, size: Size) -> Images:
    """Resize each map by Pillow, which averages over the area when it shrinks."""
    result = np.empty((*images.shape[:2], *size), images.dtype)
    for place in np.ndindex(images.shape[:2]):
        plane: NDArray[Any] = np.ascontiguousarray(images[place])
        picture = Image.fromarray(plane)  # uint8 is mode L, float32 mode F
        result[place] = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return result
