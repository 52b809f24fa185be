"""The three products of a locally connected layer on a CUDA device, below differentiation.

By Triton's kernels where tensor cores multiply the numbers as they are, or as TF32 where torch may
round to that; otherwise by blocks of positions. All tensors lie as those of `local_kernels`.
"""

import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor

from featlearn.ops import local_blocks
from featlearn.ops.kernels.geometry import Local
from featlearn.ops.triton import tiles
from featlearn.ops.triton.tiles import Tile

INSTALLED = importlib.util.find_spec("triton") is not None
"""Whether there is what compiles kernels for CUDA devices."""

_FURTHEST = 2**31  # numbers from where a program begins: kernels count them in 32 bits
_OLDEST = (8, 0)  # the compute capability that has bfloat16 and TF32


def able(x: Tensor) -> bool:
    """Tell whether Triton's kernels can be compiled for the device of `x`."""
    return (
        INSTALLED
        and x.device.type == "cuda"
        and torch.cuda.get_device_capability(x.device) >= _OLDEST
    )


def local(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """Compute codes: every position's filters applied to its window."""
    sizes = _sizes(x.shape, weight.shape, stride)
    tile = _tile(tiles.forward_tile, sizes, x)
    if tile is None:
        return local_blocks.local(x, weight, bias, stride)
    from featlearn.ops.triton import local_forward

    bias = None if bias is None else bias.contiguous()
    return local_forward.local(x.contiguous(), weight.contiguous(), bias, sizes, tile)


def transpose(codes: Tensor, weight: Tensor, height: int, width: int, stride: int) -> Tensor:
    """Compute planes: every code lays its filter down, overlaps are added."""
    planes = torch.Size((height, width, weight.shape[5], codes.shape[3]))
    sizes = _sizes(planes, weight.shape, stride)
    assert codes.shape[:3] == weight.shape[:3]
    tile = _tile(tiles.transpose_tile, sizes, codes)
    if tile is None:
        return local_blocks.transpose(codes, weight, height, width, stride)
    from featlearn.ops.triton import local_transpose

    return local_transpose.transpose(codes.contiguous(), weight.contiguous(), sizes, tile)


def gradient(
    x: Tensor, codes: Tensor, kernel_height: int, kernel_width: int, stride: int
) -> Tensor:
    """Compute weights: every code times the window that its unit sees, summed over the batch."""
    weight = torch.Size((*codes.shape[:3], kernel_height, kernel_width, x.shape[2]))
    sizes = _sizes(x.shape, weight, stride)
    assert x.shape[3] == codes.shape[3]
    tile = _tile(tiles.gradient_tile, sizes, x)
    if tile is None:
        return local_blocks.gradient(x, codes, kernel_height, kernel_width, stride)
    from featlearn.ops.triton import local_gradient

    return local_gradient.gradient(x.contiguous(), codes.contiguous(), sizes, tile)


def _tile(choose: Callable[[Local, int], Tile], sizes: Local, x: Tensor) -> Tile | None:
    """Choose what a program of Triton's kernels computes; `None` where blocks must do."""
    single = x.dtype == torch.float32 and torch.backends.cuda.matmul.fp32_precision == "tf32"
    if not ((single or x.dtype in (torch.bfloat16, torch.float16)) and able(x)):
        return None
    tile = choose(sizes, x.itemsize)
    return tile if tiles.furthest(sizes, tile) < _FURTHEST else None


def _sizes(planes: torch.Size, weight: torch.Size, stride: int) -> Local:
    """Put sizes together, sure that no kernel leaves the memory of its operands."""
    height, width, channels, batch = planes
    rows, columns, maps, kernel_height, kernel_width, own = weight
    sizes = Local(batch, height, width, channels, maps, kernel_height, kernel_width, stride)
    assert own == channels
    assert (rows, columns) == (sizes.rows, sizes.columns)
    return sizes
