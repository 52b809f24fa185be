"""The three products of a locally connected layer on a CUDA device, below differentiation.

All tensors lie as those of `local_kernels`.
"""

from torch import Tensor

from featlearn.ops import local_blocks


def local(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """Compute codes: every position's filters applied to its window."""
    return local_blocks.local(x, weight, bias, stride)


def transpose(codes: Tensor, weight: Tensor, height: int, width: int, stride: int) -> Tensor:
    """Compute planes: every code lays its filter down, overlaps are added."""
    return local_blocks.transpose(codes, weight, height, width, stride)


def gradient(
    x: Tensor, codes: Tensor, kernel_height: int, kernel_width: int, stride: int
) -> Tensor:
    """Compute weights: every code times the window that its unit sees, summed over the batch."""
    return local_blocks.gradient(x, codes, kernel_height, kernel_width, stride)
