"""The three products of a locally connected layer in bfloat16, by a processor's matrix unit.

Sums are taken in single precision and rounded once. The tensors lie as those of
`local_kernels`; what products of tiles read otherwise, planes or codes but never weights, is
laid out anew.

Of few samples, whose tiles would be half empty, codes and planes are computed by vectors in
single precision, which read the weights in one run.
"""

import functools
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor
from torch.compiler import assume_constant_result

from featlearn.ops import local_vectors

if TYPE_CHECKING:
    from featlearn.ops.kernels.compiler import Kernel
    from featlearn.ops.kernels.geometry import Local

MOST_SAMPLES = 4096
"""Samples over which one kernel sums, for the derivative by the weights."""

_INNER = 32  # numbers that a product of tiles sums over
_FEW = 16
_MOST_SCRATCH = 2**20  # bytes on the stack of a thread


@assume_constant_result  # so that a program that is compiled asks while it is traced
def available() -> bool:
    """Tell whether this processor has a matrix unit that may be used."""
    from featlearn.ops.kernels.tiles import available

    return available()


def local(x: Tensor, weight: Tensor, bias: Tensor | None, sizes: "Local") -> Tensor:
    """Compute codes; the bias is `(rows, columns, maps)`, or none."""
    if x.shape[3] <= _FEW:
        own = None if bias is None else bias.float()
        return local_vectors.local(x.float(), weight, own, sizes).to(x.dtype)
    batch = x.shape[3]
    x, sizes = _whole(x), _padded(sizes)
    shifts = 1 + sizes.shift % 2
    pairs = -(-sizes.width * sizes.channels // 2)
    pair = 2 * sizes.batch
    kernel, behind = _forward(sizes, bias is not None)
    laid = _with_zeros(x, shifts * sizes.height * pairs * pair, behind * pair)
    _pairs(sizes)(x, laid)
    codes = x.new_empty(sizes.rows, sizes.columns, sizes.maps, sizes.batch)
    kernel(laid, weight, weight if bias is None else bias, codes)
    return _cut(codes, batch)


def transpose(codes: Tensor, weight: Tensor, sizes: "Local") -> Tensor:
    """Compute planes."""
    if codes.shape[3] <= _FEW:
        return local_vectors.transpose(codes.float(), weight, sizes).to(codes.dtype)
    if sizes.maps % 2:
        codes, weight = F.pad(codes, (0, 0, 0, 1)), F.pad(weight, (0, 0, 0, 0, 0, 0, 0, 1))
        sizes = sizes._replace(maps=sizes.maps + 1)
    batch = codes.shape[3]
    codes, sizes = _whole(codes), _padded(sizes)
    turn, kernel, padded = _transpose(sizes)
    laid = _with_zeros(codes, sizes.rows * sizes.batch * padded, _INNER)
    turn(codes, laid)
    x = codes.new_empty(sizes.height, sizes.width, sizes.channels, sizes.batch)
    kernel(laid, weight, x)
    return _cut(x, batch)


def gradient(x: Tensor, codes: Tensor, sizes: "Local") -> Tensor:
    """Compute weights."""
    x, codes, sizes = _whole(x), _whole(codes), _padded(sizes)
    turn, kernel, padded = _gradient(sizes)
    laid = x.new_empty(sizes.height, sizes.batch // 2, padded, 2)
    turn(x, laid)
    weight = x.new_empty(
        sizes.rows,
        sizes.columns,
        sizes.maps,
        sizes.kernel_height,
        sizes.kernel_width,
        sizes.channels,
    )
    kernel(laid, codes, weight)
    return weight


def usable(sizes: "Local") -> bool:
    """Tell whether there are kernels for these sizes on this processor.

    What they keep on the stack of a thread stays within a megabyte.
    """
    batch = min(sizes.batch, MOST_SAMPLES)
    return available() and _scratch(_padded(sizes._replace(batch=batch))) <= _MOST_SCRATCH


@functools.lru_cache(maxsize=512)
def _scratch(sizes: "Local") -> int:
    """Count the bytes that the kernel which needs most keeps on the stack of a thread."""
    from featlearn.ops.kernels import tile_forward, tile_gradient, tile_transpose

    kinds = (tile_forward, tile_gradient, tile_transpose)
    return max(kind.scratch_bytes(sizes) for kind in kinds)


def _whole(x: Tensor) -> Tensor:
    """Fill the batch up with zeros, as far as products of tiles sum."""
    missing = -x.shape[3] % _INNER
    return F.pad(x, (0, missing)) if missing else x


def _cut(x: Tensor, batch: int) -> Tensor:
    """Leave out what `_whole` filled up."""
    return x if x.shape[3] == batch else x[..., :batch].contiguous()


def _padded(sizes: "Local") -> "Local":
    return sizes._replace(batch=-(-sizes.batch // _INNER) * _INNER)


def _with_zeros(like: Tensor, count: int, behind: int) -> Tensor:
    """Take memory for `count` numbers, with zeros behind them."""
    laid = like.new_empty(count + behind)
    laid[count:] = 0
    return laid


@functools.lru_cache(maxsize=512)
def _pairs(sizes: "Local") -> "Kernel":
    from featlearn.ops.kernels.target import host
    from featlearn.ops.kernels.tile_layouts import pairs_kernel

    length, shifts = sizes.width * sizes.channels, 1 + sizes.shift % 2
    return pairs_kernel(sizes.height, length, sizes.batch, shifts=shifts, target=host())


@functools.lru_cache(maxsize=512)
def _forward(sizes: "Local", biased: bool) -> tuple["Kernel", int]:
    from featlearn.ops.kernels.target import host
    from featlearn.ops.kernels.tile_forward import forward_kernel, pairs_behind

    return forward_kernel(sizes, host(), biased=biased), pairs_behind(sizes)


@functools.lru_cache(maxsize=512)
def _transpose(sizes: "Local") -> tuple["Kernel", "Kernel", int]:
    from featlearn.ops.kernels.target import host
    from featlearn.ops.kernels.tile_layouts import turned_numbers_kernel
    from featlearn.ops.kernels.tile_transpose import padded_length, transpose_kernel

    length, padded = sizes.columns * sizes.maps, padded_length(sizes)
    turn = turned_numbers_kernel(sizes.rows, length, sizes.batch, padded=padded, target=host())
    return turn, transpose_kernel(sizes, host()), padded


@functools.lru_cache(maxsize=512)
def _gradient(sizes: "Local") -> tuple["Kernel", "Kernel", int]:
    from featlearn.ops.kernels.target import host
    from featlearn.ops.kernels.tile_gradient import gradient_kernel, padded_length
    from featlearn.ops.kernels.tile_layouts import turned_samples_kernel

    length, padded = sizes.width * sizes.channels, padded_length(sizes)
    turn = turned_samples_kernel(sizes.height, length, sizes.batch, padded=padded, target=host())
    return turn, gradient_kernel(sizes, host()), padded
