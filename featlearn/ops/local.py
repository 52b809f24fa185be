"""Untied filters, every position with weights of its own, and their adjoint.

Source:
    Le et al., ICML 2012; Coates et al., ICML 2013.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, overload

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.geometry import Border
from featlearn.ops import local_kernels, local_plain
from featlearn.ops.casts import cast
from featlearn.ops.planes import (
    borders,
    check_codes,
    check_groups,
    check_planes,
    check_step,
    grid,
)

_INNERMOST = (0, 1, 2, 4, 5, 3)  # axes of filters as they lie in memory, outermost first


def local2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: Border = "valid",
    groups: int = 1,
) -> Tensor:
    """Apply to every position filters of its own.

    y[n,f,p] = sum over c,u,v of weight[p,f,c,u,v] * x[n, c, stride*p + (u,v)] + bias[p,f].

    On a processor with the extra `fast`, by kernels that read the weights where they lie, if
    that is as `channels_innermost` lays them out, and the input where it lies, the batch
    innermost in memory, or in a copy that suits the cache. On a CUDA device
    as `local_cuda` chooses. Elsewhere by one copy of all windows and one batched product.

    Args:
        x: Input, `(batch, channels, height, width)`.
        weight: Filters, `(rows, columns, maps, channels / groups, kh, kw)`.
        bias: One number per unit, `(rows, columns, maps)`, or none.
        stride: Step between positions, in input positions.
        padding: `valid` keeps every window inside; `same` adds zeros around, the odd
            one after, for `ceil(height / stride)` rows of positions; a number of zeros
            is added on every side.
        groups: Parts into which the maps above and below are split alike; a map above
            sees only the maps below of its own part.

    Returns:
        `(batch, maps, rows, columns)`. In memory the batch is innermost, so that another
        `local2d` or `local_transpose2d` takes it without a copy: use `.contiguous()`
        before `.view()`.

    Raises:
        ShapeError: If the shapes of `x`, `weight` and `bias` do not go together, or `groups` do
            not divide the maps.
    """
    _, _, maps, channels, *_ = _shape_of(weight)
    check_step(stride, operation="local2d")
    check_groups(maps, groups, operation="local2d")
    window = (weight.shape[4], weight.shape[5])
    positions = check_planes(
        x,
        operation="local2d",
        window=window,
        stride=stride,
        padding=padding,
        maps=channels * groups,
    )
    _check_grid(weight, positions, operation="local2d")
    if bias is not None and bias.shape != weight.shape[:3]:
        raise ShapeError(
            f"local2d needs a bias {tuple(weight.shape[:3])}, one number per unit; "
            f"got {tuple(bias.shape)}"
        )
    planes = x.permute(2, 3, 1, 0)
    if any(
        border := borders((x.shape[2], x.shape[3]), window=window, stride=stride, padding=padding)
    ):
        planes = F.pad(planes, (0, 0, 0, 0, *border))
    products = _Products.on(planes, weight, groups=groups)
    biases = [None] * groups if bias is None else _parts(bias, groups)
    codes = [
        products.local(seen, filters, products.operand(own), stride)
        for seen, filters, own in zip(products.given, products.weights, biases, strict=True)
    ]
    return products.joined(codes)


def local_transpose2d(
    h: Tensor,
    weight: Tensor,
    *,
    size: tuple[int, int],
    stride: int = 1,
    padding: Border = "valid",
    groups: int = 1,
) -> Tensor:
    """Apply the adjoint of `local2d`: every code lays its own filter down, overlaps are added.

    Args:
        h: Codes, `(batch, maps, rows, columns)`.
        weight: The filters of the forward direction,
            `(rows, columns, maps, channels / groups, kh, kw)`.
        size: Height and width of the input whose forward direction gives `h`.
        stride: Step between positions, as forward.
        padding: Border, as forward.
        groups: Parts of the maps, as forward.

    Returns:
        `(batch, channels, *size)`, zero where no window reaches; in memory the batch is
        innermost.

    Raises:
        ShapeError: If the shapes of `h`, `weight` and `size` do not go together, or `groups` do
            not divide the maps.
    """
    _, _, maps, _, *window = _shape_of(weight)
    check_step(stride, operation="local_transpose2d")
    check_groups(maps, groups, operation="local_transpose2d")
    positions = grid(size, window=(window[0], window[1]), stride=stride, padding=padding)
    _check_grid(weight, positions, operation="local_transpose2d")
    check_codes(h, maps, operation="local_transpose2d", positions=positions)
    left, right, top, bottom = borders(
        size, window=(window[0], window[1]), stride=stride, padding=padding
    )
    padded = (size[0] + top + bottom, size[1] + left + right)
    products = _Products.on(h.permute(2, 3, 1, 0), weight, groups=groups)
    planes = [
        products.transpose(codes, filters, *padded, stride)
        for codes, filters in zip(products.given, products.weights, strict=True)
    ]
    x = products.joined(planes)
    return F.pad(x, (-left, -right, -top, -bottom)) if padded != size else x


def channels_innermost(weight: Tensor) -> Tensor:
    """Lay filters out in memory as the kernels read them, with the channels innermost.

    Args:
        weight: `(rows, columns, maps, channels, kh, kw)`.

    Returns:
        The same numbers in the same shape; what lies so already is given back itself.
    """
    return weight.permute(_INNERMOST).contiguous().permute(0, 1, 2, 5, 3, 4)


def empty_filters(
    shape: tuple[int, ...],
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Take memory for filters that lie as `channels_innermost` lays them out.

    Args:
        shape: `(rows, columns, maps, channels, kh, kw)`.
        device: Where they lie; torch's own choice if not given.
        dtype: Their precision; likewise.
    """
    return torch.empty_permuted(shape, _INNERMOST, device=device, dtype=dtype)


class _Products(NamedTuple):
    """The products to take, with their operands as these read them, one for each group of maps.

    Attributes:
        local: From planes to codes.
        transpose: From codes to planes.
        given: Planes or codes of each group.
        weights: Filters of each group.
        computed: The precision to compute in; that of what is given if `None`.
        result: The precision of the result, likewise.
    """

    local: Callable[[Tensor, Tensor, Tensor | None, int], Tensor]
    transpose: Callable[[Tensor, Tensor, int, int, int], Tensor]
    given: list[Tensor]
    weights: list[Tensor]
    computed: torch.dtype | None
    result: torch.dtype | None

    @staticmethod
    def on(given: Tensor, weight: Tensor, *, groups: int) -> "_Products":
        """Choose by device, precision and what is installed; never by how long it takes.

        Args:
            given: Planes or codes, `(rows, columns, maps, batch)`.
            weight: `(rows, columns, maps, channels, kh, kw)`.
            groups: Parts of the maps.
        """
        computed = result = None
        local, transpose = local_plain.local, local_plain.transpose
        if local_kernels.usable(given, weight):
            local, transpose = local_kernels.local, local_kernels.transpose
            computed, result = local_kernels.precisions(given)
        products = _Products(local, transpose, [], [], computed, result)
        rounded = cast(weight, computed or weight.dtype)
        filters = _parts(rounded.permute(0, 1, 2, 4, 5, 3), groups)
        return products._replace(
            given=[products.operand(part) for part in _parts(given, groups)],
            weights=[products.operand(part) for part in filters],
        )

    @overload
    def operand(self, x: Tensor) -> Tensor: ...
    @overload
    def operand(self, x: Tensor | None) -> Tensor | None: ...
    def operand(self, x: Tensor | None) -> Tensor | None:
        """Lay an operand out as the products read it, in the precision they compute in."""
        return None if x is None else x.to(self.computed or x.dtype).contiguous()

    def joined(self, parts: list[Tensor]) -> Tensor:
        """Join the groups' results, `(rows, columns, maps, batch)`, to `(batch, maps, ...)`."""
        whole = parts[0] if len(parts) == 1 else torch.cat(parts, 2)
        return whole.to(self.result or whole.dtype).permute(3, 2, 0, 1)


def _parts(x: Tensor, groups: int) -> Sequence[Tensor]:
    """Cut the maps; a whole is not cut, as the derivative would join it again by a copy."""
    return [x] if groups == 1 else x.chunk(groups, 2)


def _shape_of(weight: Tensor) -> tuple[int, ...]:
    if weight.ndim != 6:
        raise ShapeError(
            "a local filter's weight is (rows, columns, maps, channels, kh, kw); "
            f"got {tuple(weight.shape)}"
        )
    return tuple(weight.shape)


def _check_grid(weight: Tensor, positions: tuple[int, int], *, operation: str) -> None:
    if tuple(weight.shape[:2]) != positions:
        raise ShapeError(
            f"{operation} needs weights for {positions[0]}x{positions[1]} positions at this size "
            f"of input, stride and padding; got weights for {weight.shape[0]}x{weight.shape[1]}"
        )
