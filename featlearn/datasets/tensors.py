"""The one place where arrays become tensors."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from featlearn.errors import ShapeError


def as_tensor(array: NDArray[Any]) -> Tensor:
    """Turn an array into a tensor of the same shape and dtype.

    Memory is shared where PyTorch can share it. An array that is read-only, in
    another byte order or has negative strides is copied: PyTorch would warn of
    the first (a write would go through) and refuse the others.
    """
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    if not native.flags.writeable or any(stride < 0 for stride in native.strides):
        native = native.copy()
    return torch.from_numpy(native)


def as_images(array: NDArray[Any], device: torch.device | None = None) -> Tensor:
    """Turn images into float32.

    Args:
        array: Images of any shape, uint8 in 0..255 or floats, as a rule in [0, 1].
        device: Where the tensor shall be; the bytes move there, and become floats there.

    Returns:
        A tensor of the same shape: uint8 divided by 255, floats as they are.

    Raises:
        ShapeError: If the array holds something else.
    """
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise ShapeError(f"images are uint8 or floats; got {array.dtype}")
    return in_floats(as_tensor(array).to(device))


def in_floats(images: Tensor) -> Tensor:
    """Turn images into float32: uint8 divided by 255, floats as they are."""
    floats = images.to(torch.float32)
    return floats.div_(255) if images.dtype == torch.uint8 else floats
