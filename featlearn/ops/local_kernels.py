"""The three products of a locally connected layer, closed under differentiation.

On a processor they are taken by generated kernels, on a CUDA device as `local_cuda` chooses.

Each is linear in both of its arguments, and the derivative of each is made of the other
two: forward by transpose and gradient, and so round. So derivatives of any order are right.

All tensors lie as the kernels read them: planes `(height, width, channels, batch)`, codes
`(rows, columns, maps, batch)`, weights `(rows, columns, maps, kernel height, kernel width,
channels)`.
"""

import functools
import importlib.util
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.library import custom_op

from featlearn.ops import gradient_sums, local_cuda, local_tiles, local_vectors
from featlearn.ops.local_tiles import MOST_SAMPLES
from featlearn.ops.transforms import transformed

if TYPE_CHECKING:
    from featlearn.ops.kernels.geometry import Local

INSTALLED = importlib.util.find_spec("llvmlite") is not None
"""Whether there is what generates kernels."""

# What a kernel keeps on the stack of its thread stays within some megabytes.
_LONGEST_RUN = 8192  # weights in a row of a kernel, whose sums it keeps


def usable(x: Tensor, weight: Tensor) -> bool:
    """Tell whether there are such products for these numbers, on this device.

    A program that is exported must run where there are none.

    Args:
        x: Planes or codes.
        weight: `(rows, columns, maps, channels, kh, kw)`.
    """
    known = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
    kind = x.device.type
    fits = INSTALLED and weight.shape[3] * weight.shape[5] <= _LONGEST_RUN
    return (
        (kind == "cuda" or (kind == "cpu" and fits))
        and x.device == weight.device
        and x.dtype in known
        and weight.dtype in known
        and (x.dtype == weight.dtype or torch.is_autocast_enabled(kind))
        and not torch.compiler.is_exporting()
        and not transformed()
    )


def described() -> str:
    """Say what computes on the processor, as far as it decides the last bits of a result."""
    if not INSTALLED:
        return "plain"
    from featlearn.ops.kernels.target import host

    version, vectors = metadata.version("llvmlite"), host().vector_bytes
    unit = ", matrix unit for bfloat16" if local_tiles.available() else ""
    return f"llvmlite {version}, vectors of {vectors} bytes{unit}"


def precisions(x: Tensor) -> tuple[torch.dtype, torch.dtype]:
    """Give the precision that kernels compute in for `x`, and that of the result.

    Sums are taken in single precision at least. Where a matrix unit multiplies bfloat16, what
    is computed in it is rounded to it; elsewhere the result is, but not the weights, as
    arithmetic in single precision is all there is. CUDA devices multiply in every precision.
    """
    if x.dtype == torch.float64:
        return torch.float64, torch.float64
    kind = x.device.type
    result = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
    if kind == "cuda":
        return result, result
    half = result == torch.bfloat16 and local_tiles.available()
    return torch.bfloat16 if half else torch.float32, result


@custom_op("featlearn::local", mutates_args=(), device_types="cpu")
def local(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """Compute codes: every position's filters applied to its window."""
    _check_planes(x.shape, weight.shape, stride)
    shape = (*weight.shape[:3], x.shape[3])
    if 0 in shape:
        return x.new_empty(shape)
    sizes = _sizes((x.shape[0], x.shape[1]), weight.shape, x.shape[3], stride)
    if x.dtype == torch.bfloat16 and local_tiles.usable(sizes):
        return local_tiles.local(x, weight, bias, sizes)
    bias = None if bias is None else _exact(bias)
    return local_vectors.local(_exact(x), _exact(weight), bias, sizes).to(x.dtype)


@custom_op("featlearn::local_transpose", mutates_args=(), device_types="cpu")
def transpose(codes: Tensor, weight: Tensor, height: int, width: int, stride: int) -> Tensor:
    """Compute planes: every code lays its filter down, overlaps are added."""
    assert codes.shape[:3] == weight.shape[:3]
    shape = (height, width, weight.shape[5], codes.shape[3])
    _check_planes(shape, weight.shape, stride)
    if 0 in (*shape, *codes.shape):
        return codes.new_zeros(shape)
    sizes = _sizes((height, width), weight.shape, codes.shape[3], stride)
    if codes.dtype == torch.bfloat16 and local_tiles.usable(sizes):
        return local_tiles.transpose(codes, weight, sizes)
    return local_vectors.transpose(_exact(codes), _exact(weight), sizes).to(codes.dtype)


@custom_op("featlearn::local_gradient", mutates_args=(), device_types="cpu")
def gradient(
    x: Tensor, codes: Tensor, kernel_height: int, kernel_width: int, stride: int
) -> Tensor:
    """Compute weights: every code times the window that its unit sees, summed over the batch."""
    shape = (*codes.shape[:3], kernel_height, kernel_width, x.shape[2])
    _check_planes(x.shape, shape, stride)
    assert x.shape[3] == codes.shape[3]
    if 0 in (*shape, x.shape[3]):
        return x.new_zeros(shape)
    parts = [part.contiguous() for part in x.split(MOST_SAMPLES, dim=3)]
    others = [part.contiguous() for part in codes.split(MOST_SAMPLES, dim=3)]
    found = [
        _gradient_over(some, given, shape, stride)
        for some, given in zip(parts, others, strict=True)
    ]
    return functools.reduce(torch.Tensor.add_, found)


def _gradient_over(x: Tensor, codes: Tensor, weight: Sequence[int], stride: int) -> Tensor:
    """Compute weights of this shape from as many samples as one kernel takes."""
    sizes = _sizes((x.shape[0], x.shape[1]), weight, x.shape[3], stride)
    if x.dtype == torch.bfloat16 and local_tiles.usable(sizes):
        return local_tiles.gradient(x, codes, sizes)
    return local_vectors.gradient(_exact(x), _exact(codes), sizes).to(x.dtype)


def _exact(x: Tensor) -> Tensor:
    """Give what the vectors of a processor compute with: numbers of 4 or 8 bytes."""
    return x.float() if x.itemsize < 4 else x


def _check_planes(planes: Sequence[int], weight: Sequence[int], stride: int) -> None:
    """Be sure that no kernel leaves the memory of its operands: callers have checked shapes."""
    assert planes[2] == weight[5]
    for size, positions, kernel in zip(planes, weight[:2], weight[3:5], strict=False):
        assert (size - kernel) // stride + 1 == positions


def _sizes(plane: tuple[int, int], weight: Sequence[int], batch: int, stride: int) -> "Local":
    from featlearn.ops.kernels.geometry import Local

    _, _, maps, kernel_height, kernel_width, channels = weight
    return Local(batch, *plane, channels, maps, kernel_height, kernel_width, stride)


@local.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    return x.new_empty(*weight.shape[:3], x.shape[3])


@transpose.register_fake
def _(codes: Tensor, weight: Tensor, height: int, width: int, stride: int) -> Tensor:
    return codes.new_empty(height, width, weight.shape[5], codes.shape[3])


@gradient.register_fake
def _(x: Tensor, codes: Tensor, kernel_height: int, kernel_width: int, stride: int) -> Tensor:
    return x.new_empty((*codes.shape[:3], kernel_height, kernel_width, x.shape[2]))


def _keep_local(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, _, ctx.stride = inputs
    ctx.save_for_backward(x, weight)
    _keep_sums(ctx, weight)


def _local_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, weight = ctx.saved_tensors
    grad, needed = grad.contiguous(), ctx.needs_input_grad
    return (
        transpose(grad, weight, x.shape[0], x.shape[1], ctx.stride) if needed[0] else None,
        _by_weight(ctx, x, grad, weight.shape) if needed[1] else None,
        grad.sum(3) if needed[2] else None,
        None,
    )


def _keep_transpose(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    codes, weight, _, _, ctx.stride = inputs
    ctx.save_for_backward(codes, weight)
    _keep_sums(ctx, weight)


def _transpose_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    codes, weight = ctx.saved_tensors
    grad, needed = grad.contiguous(), ctx.needs_input_grad
    return (
        local(grad, weight, None, ctx.stride) if needed[0] else None,
        _by_weight(ctx, grad, codes, weight.shape) if needed[1] else None,
        None,
        None,
        None,
    )


def _keep_sums(ctx: Any, weight: Tensor) -> None:
    """Keep what sums the derivatives of all uses of a weight, if anything does."""
    ctx.sums = gradient_sums.current()
    ctx.name = None if ctx.sums is None else ctx.sums.use(weight)


def _by_weight(ctx: Any, x: Tensor, codes: Tensor, weight: Sequence[int]) -> Tensor | None:
    """Compute the derivative by weights of this shape, or add it to that of another use."""
    height, width, stride = weight[3], weight[4], ctx.stride

    def compute(rows: slice) -> Tensor:
        whole = rows == slice(0, weight[0])
        seen = slice(rows.start * stride, (rows.stop - 1) * stride + height)
        return gradient(x if whole else x[seen], codes[rows], height, width, stride)

    if ctx.sums is None:
        return compute(slice(0, weight[0]))
    return ctx.sums.add(ctx.name, weight[0], compute)


def _keep_gradient(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, codes, _, _, ctx.stride = inputs
    ctx.save_for_backward(x, codes)


def _gradient_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, codes = ctx.saved_tensors
    grad, needed = grad.contiguous(), ctx.needs_input_grad
    return (
        transpose(codes, grad, x.shape[0], x.shape[1], ctx.stride) if needed[0] else None,
        local(x, grad, None, ctx.stride) if needed[1] else None,
        None,
        None,
        None,
    )


local.register_autograd(_local_backward, setup_context=_keep_local)
transpose.register_autograd(_transpose_backward, setup_context=_keep_transpose)
gradient.register_autograd(_gradient_backward, setup_context=_keep_gradient)

local.register_kernel("cuda")(local_cuda.local)
transpose.register_kernel("cuda")(local_cuda.transpose)
gradient.register_kernel("cuda")(local_cuda.gradient)
