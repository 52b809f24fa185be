"""Weighted sums over sliding windows, and their adjoint, by kernels.

On a processor they are generated, on a CUDA device they are Triton's. Each is the derivative of
the other, so that derivatives of any order are right. Planes lie as `(height, width, planes)`,
sums as `(rows, columns, planes)`.
"""

import functools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.library import custom_op

from featlearn.ops import local_cuda, window_cuda
from featlearn.ops.local_kernels import INSTALLED
from featlearn.ops.transforms import transformed

if TYPE_CHECKING:
    from featlearn.ops.kernels.compiler import Kernel
    from featlearn.ops.kernels.windows import Windows


_WIDEST = 4096  # columns of planes, of which a kernel keeps a line on the stack of its thread


def usable(x: Tensor) -> bool:
    """Tell whether there are kernels for these maps, `(batch, maps, height, width)`.

    Those on CUDA devices also read half precision, and sum in single.
    """
    exact = x.dtype in (torch.float32, torch.float64)
    fits = INSTALLED and x.device.type == "cpu" and x.shape[3] <= _WIDEST
    halves = x.dtype in (torch.bfloat16, torch.float16)
    return (
        ((fits and exact) or (local_cuda.able(x) and (exact or halves)))
        and not torch.compiler.is_exporting()
        and not transformed()
    )


@custom_op("featlearn::window_sum", mutates_args=(), device_types="cpu")
def window_sum(
    x: Tensor,
    weights: list[float],
    stride: int,
    grid: list[int],
    border: list[int],
    mean: bool,
    square: bool,
) -> Tensor:
    """Sum planes, or their squares, over windows.

    Args:
        x: Planes.
        weights: Of the rows of a window, and of its columns.
        stride: Step between windows.
        grid: Rows and columns of windows.
        border: How far the first window hangs over the upper and over the left border.
        mean: Whether sums are divided by the weight that lies inside the planes.
        square: Whether squares are summed.
    """
    sums = x.new_empty((*grid, x.shape[2]))
    if sums.numel():
        _sum(_sizes(x.shape, weights, stride, grid, border, mean), x.itemsize, square)(x, sums)
    return sums


@custom_op("featlearn::window_root", mutates_args=(), device_types="cpu")
def window_root(
    x: Tensor,
    weights: list[float],
    stride: int,
    grid: list[int],
    border: list[int],
    mean: bool,
    eps: float,
) -> Tensor:
    """Take roots of `eps` and the sums of squares over windows; `eps` is above 0."""
    roots = x.new_empty((*grid, x.shape[2]))
    if roots.numel():
        sizes = _sizes(x.shape, weights, stride, grid, border, mean)
        _sum(sizes, x.itemsize, True, eps)(x, roots)
    return roots


@custom_op("featlearn::window_spread", mutates_args=(), device_types="cpu")
def window_spread(
    sums: Tensor,
    weights: list[float],
    stride: int,
    size: list[int],
    border: list[int],
    mean: bool,
) -> Tensor:
    """Give back to every position what windows over it hold, by its weight in each.

    Args:
        sums: A number for each window.
        weights: Of the rows of a window, and of its columns.
        stride: Step between windows.
        size: Height and width of the planes.
        border: How far the first window hangs over the upper and over the left border.
        mean: Whether the sums were divided by the weight that lies inside the planes.
    """
    x = sums.new_empty((*size, sums.shape[2]))
    if x.numel():
        _spread(_sizes(x.shape, weights, stride, sums.shape, border, mean), x.itemsize)(sums, x)
    return x


@custom_op("featlearn::window_root_slope", mutates_args=(), device_types="cuda")
def window_root_slope(
    grad: Tensor,
    x: Tensor,
    roots: Tensor,
    weights: list[float],
    stride: int,
    border: list[int],
    mean: bool,
) -> Tensor:
    """Compute the derivative of `window_root` by `x`, from its result, in one pass over memory."""
    return window_cuda.root_slope(grad, x, roots, weights, stride, border, mean)


def _sizes(
    planes: tuple[int, ...],
    weights: list[float],
    stride: int,
    grid: tuple[int, ...] | list[int],
    border: list[int],
    mean: bool,
) -> "Windows":
    from featlearn.ops.kernels.windows import Windows

    height, width, count = planes
    top, left = border
    return Windows(count, height, width, grid[0], grid[1], stride, top, left, tuple(weights), mean)


@functools.lru_cache(maxsize=512)
def _sum(sizes: "Windows", itemsize: int, square: bool, root: float | None = None) -> "Kernel":
    from featlearn.ops.kernels.target import host, number
    from featlearn.ops.kernels.window_sum import sum_kernel

    return sum_kernel(sizes, number(itemsize, host()), host(), square=square, root=root)


@functools.lru_cache(maxsize=512)
def _spread(sizes: "Windows", itemsize: int) -> "Kernel":
    from featlearn.ops.kernels.target import host, number
    from featlearn.ops.kernels.window_spread import spread_kernel

    return spread_kernel(sizes, number(itemsize, host()), host())


@window_sum.register_fake
@window_root.register_fake
def _(x: Tensor, weights: list[float], stride: int, grid: list[int], *_: object) -> Tensor:
    return x.new_empty((*grid, x.shape[2]))


@window_root_slope.register_fake
def _(grad: Tensor, x: Tensor, *_: object) -> Tensor:
    return torch.empty_like(x)


@window_spread.register_fake
def _(sums: Tensor, weights: list[float], stride: int, size: list[int], *_: object) -> Tensor:
    return sums.new_empty((*size, sums.shape[2]))


def _keep_sum(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, ctx.weights, ctx.stride, _, ctx.border, ctx.mean, square = inputs
    ctx.size = x.shape[:2]
    ctx.save_for_backward(*([x] if square else []))


def _sum_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    found = _spread_of(ctx, grad)
    saved = ctx.saved_tensors  # asked for once: what is computed again is given once
    if saved:
        found = found * (2 * saved[0])
    return (found, *[None] * 6)


def _keep_root(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, ctx.weights, ctx.stride, _, ctx.border, ctx.mean, _ = inputs
    ctx.size = x.shape[:2]
    ctx.save_for_backward(x, output)


def _root_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, roots = ctx.saved_tensors
    if x.device.type == "cuda" and not torch.is_grad_enabled():
        found = window_root_slope(
            grad.contiguous(), x, roots, ctx.weights, ctx.stride, ctx.border, ctx.mean
        )
        return (found, *[None] * 6)
    return (x * _spread_of(ctx, grad / roots), *[None] * 6)


def _spread_of(ctx: Any, grad: Tensor) -> Tensor:
    return window_spread(grad.contiguous(), ctx.weights, ctx.stride, ctx.size, ctx.border, ctx.mean)


def _keep_spread(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    sums, ctx.weights, ctx.stride, _, ctx.border, ctx.mean = inputs
    ctx.grid = sums.shape[:2]


def _spread_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    found = window_sum(
        grad.contiguous(), ctx.weights, ctx.stride, ctx.grid, ctx.border, ctx.mean, False
    )
    return (found, *[None] * 5)


window_sum.register_autograd(_sum_backward, setup_context=_keep_sum)
window_root.register_autograd(_root_backward, setup_context=_keep_root)
window_spread.register_autograd(_spread_backward, setup_context=_keep_spread)

window_sum.register_kernel("cuda")(window_cuda.window_sum)
window_root.register_kernel("cuda")(window_cuda.window_root)
window_spread.register_kernel("cuda")(window_cuda.window_spread)
