"""The three products of a locally connected layer by a processor's vectors, with 4 or 8 bytes.

The tensors lie as those of `local_kernels`; planes that a kernel reads otherwise are laid out
anew.
"""

import functools
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from featlearn.ops import local_plain

if TYPE_CHECKING:
    from featlearn.ops.kernels.compiler import Kernel
    from featlearn.ops.kernels.geometry import Local

_BEHIND = 64  # numbers behind planes that a kernel may read, of which it uses none


def local(x: Tensor, weight: Tensor, bias: Tensor | None, sizes: "Local") -> Tensor:
    """Compute codes; of planes in single precision also with weights in bfloat16.

    The bias is `(rows, columns, maps)`, or none.
    """
    codes = x.new_empty(sizes.rows, sizes.columns, sizes.maps, sizes.batch)
    half = weight.dtype == torch.bfloat16
    kernel, parts = _forward(sizes, x.itemsize, bias is not None, half)
    kernel(_in_parts(x, parts), weight, codes if bias is None else bias, codes)
    return codes


def transpose(codes: Tensor, weight: Tensor, sizes: "Local") -> Tensor:
    """Compute planes; of codes in single precision also with weights in bfloat16."""
    kernel = _transpose(sizes, codes.itemsize, weight.dtype == torch.bfloat16)
    if kernel is None:
        plane = (sizes.height, sizes.width)
        return local_plain.transpose(codes, weight.to(codes.dtype), *plane, sizes.stride)
    x = codes.new_empty(sizes.height, sizes.width, sizes.channels, sizes.batch)
    kernel(codes, weight, x)
    return x


def gradient(x: Tensor, codes: Tensor, sizes: "Local") -> Tensor:
    """Compute weights."""
    kernel_size = (sizes.kernel_height, sizes.kernel_width)
    weight = x.new_empty(sizes.rows, sizes.columns, sizes.maps, *kernel_size, sizes.channels)
    turn, kernel = _gradient(sizes, x.itemsize)
    if turn is not None:
        turned = x.new_empty(x.numel() + _BEHIND)
        turn(x, turned)
        x = turned
    assert weight.data_ptr() % 64 == 0  # as what goes past the caches must
    kernel(x, codes, weight)
    return weight


def _in_parts(x: Tensor, parts: list[int]) -> Tensor:
    """Lay parts of the batch out one after the other."""
    if len(parts) == 1:
        return x
    laid = x.new_empty(x.numel())
    places = laid.split([x[..., 0].numel() * samples for samples in parts])
    for place, part in zip(places, x.split(parts, dim=3), strict=True):
        place.view(part.shape).copy_(part)
    return laid


@functools.lru_cache(maxsize=512)
def _forward(sizes: "Local", itemsize: int, biased: bool, half: bool) -> tuple["Kernel", list[int]]:
    """Give the kernel, and the samples of the parts of the batch that it reads."""
    from featlearn.ops.kernels.local_forward import forward_kernel, parts_of
    from featlearn.ops.kernels.target import host, number

    kind = number(itemsize, host())
    kernel = forward_kernel(sizes, kind, host(), biased=biased, half=half)
    return kernel, parts_of(sizes, kind, host())


@functools.lru_cache(maxsize=512)
def _transpose(sizes: "Local", itemsize: int, half: bool) -> "Kernel | None":
    """Give the kernel, if a thread can keep the sums of a line of the planes."""
    from featlearn.ops.kernels.local_transpose import fits, transpose_kernel
    from featlearn.ops.kernels.target import host, number

    kind = number(itemsize, host())
    if not fits(sizes, kind, host()):
        return None
    return transpose_kernel(sizes, kind, host(), half=half)


@functools.lru_cache(maxsize=512)
def _gradient(sizes: "Local", itemsize: int) -> tuple["Kernel | None", "Kernel"]:
    """Give the kernel, and one that turns the planes before, if it reads them turned."""
    from featlearn.ops.kernels.local_gradient import gradient_kernel
    from featlearn.ops.kernels.run_gradient import fills_vectors, run_gradient_kernel
    from featlearn.ops.kernels.target import host, number
    from featlearn.ops.kernels.turned import turned_kernel

    kind = number(itemsize, host())
    if not fills_vectors(sizes, kind):
        return None, gradient_kernel(sizes, kind, host())
    length = sizes.width * sizes.channels
    turn = turned_kernel(sizes.height, length, sizes.batch, kind, host())
    return turn, run_gradient_kernel(sizes, kind, host())
