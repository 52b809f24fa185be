"""Overlapping windows of a plane, and their adjoint: the sum of overlaps.

Both work on planes with the batch last, `(height, width, channels, batch)`: whole rows of
the batch are then moved at once, and the windows need no second copy before a product of
matrices. Each is the derivative of the other, so that both can be differentiated any
number of times.
"""

from collections.abc import Callable
from typing import Any, Protocol, cast

from torch import Tensor
from torch.autograd import Function


def windows(x: Tensor, *, size: tuple[int, int], stride: int) -> Tensor:
    """Copy out every valid window.

    Args:
        x: Planes, `(height, width, channels, batch)`.
        size: Height and width of the window.
        stride: Step between windows.

    Returns:
        `(rows, columns, *size, channels, batch)`, contiguous.
    """
    return cast(Tensor, _apply(_Windows)(x, size, stride))


def overlap_add(cols: Tensor, *, size: tuple[int, int], stride: int) -> Tensor:
    """Lay every window down where `windows` took it from, and add what overlaps.

    Args:
        cols: Windows, `(rows, columns, height', width', channels, batch)`.
        size: Height and width of the planes.
        stride: Step between windows.

    Returns:
        `(*size, channels, batch)`, zero where no window reaches.
    """
    return cast(Tensor, _apply(_OverlapAdd)(cols, size, stride))


def _apply(function: type[Function]) -> Callable[..., Any]:
    """Give `function.apply`, which torch leaves without a type."""
    return cast(Callable[..., Any], function.apply)


class _Context(Protocol):
    """What the derivative needs to know: the other direction's arguments."""

    size: tuple[int, int]
    stride: int


class _Windows(Function):
    """`windows`, whose derivative is `overlap_add`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, size: tuple[int, int], stride: int) -> Tensor:
        cols = x.unfold(0, size[0], stride).unfold(1, size[1], stride)
        return cols.permute(0, 1, 4, 5, 2, 3).contiguous()

    @staticmethod
    def setup_context(ctx: _Context, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        x, _, ctx.stride = inputs
        ctx.size = (x.shape[0], x.shape[1])

    @staticmethod
    def backward(ctx: _Context, *grads: Tensor) -> tuple[Tensor, None, None]:
        return overlap_add(grads[0], size=ctx.size, stride=ctx.stride), None, None


class _OverlapAdd(Function):
    """`overlap_add`, whose derivative is `windows`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(cols: Tensor, size: tuple[int, int], stride: int) -> Tensor:
        rows, columns, height, width, channels, batch = cols.shape
        # One axis after the other: height + width additions instead of height * width.
        bands = cols.new_zeros(size[0], columns, width, channels, batch)
        for u in range(height):
            bands[u : u + (rows - 1) * stride + 1 : stride] += cols[:, :, u]
        x = cols.new_zeros(*size, channels, batch)
        for v in range(width):
            x[:, v : v + (columns - 1) * stride + 1 : stride] += bands[:, :, v]
        return x

    @staticmethod
    def setup_context(ctx: _Context, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        cols, _, ctx.stride = inputs
        ctx.size = (cols.shape[2], cols.shape[3])

    @staticmethod
    def backward(ctx: _Context, *grads: Tensor) -> tuple[Tensor, None, None]:
        return windows(grads[0], size=ctx.size, stride=ctx.stride), None, None
