"""What the windowed operations share: checks of shape, borders, and a layout in memory."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.geometry import Border, output_size, pads

_WIDE = 8  # numbers that a processor treats at once, at least


def check_planes(
    x: Tensor,
    *,
    operation: str,
    window: tuple[int, int] = (1, 1),
    stride: int = 1,
    padding: Border = "valid",
    maps: int | None = None,
) -> tuple[int, int]:
    """Refuse an input that `operation` cannot slide its window over.

    Returns:
        The number of window positions, (rows, columns).

    Raises:
        ShapeError: If `x` is not `(batch, maps, height, width)`, has another number
            of maps than `maps`, or is smaller than a valid window.
    """
    height, width = window if padding == "valid" else (1, 1)
    fits = x.ndim == 4 and x.shape[2] >= height and x.shape[3] >= width
    if not fits or maps not in (None, x.shape[1]):
        raise ShapeError(
            f"{operation} needs (batch, {'maps' if maps is None else f'{maps} maps'}, "
            f"height >= {height}, width >= {width}); got {tuple(x.shape)}"
        )
    return grid((x.shape[2], x.shape[3]), window=window, stride=stride, padding=padding)


def check_codes(h: Tensor, maps: int, *, operation: str, positions: tuple[int, int]) -> None:
    """Refuse codes that the forward direction cannot have made.

    Raises:
        ShapeError: If `h` is not `(batch, maps, *positions)`.
    """
    if h.ndim != 4 or tuple(h.shape[1:]) != (maps, *positions):
        raise ShapeError(
            f"{operation} needs codes (batch, {maps}, {positions[0]}, {positions[1]}) "
            f"for this size of input; got {tuple(h.shape)}"
        )


def check_step(stride: object, *, operation: str) -> None:
    """Refuse a stride that is no whole number above 0.

    Raises:
        ShapeError: Naming it.
    """
    if type(stride) is not int or stride < 1:  # a truth value is none
        raise ShapeError(f"{operation} needs a whole number above 0 as stride; got {stride!r}")


def check_groups(maps: int, groups: object, *, operation: str) -> None:
    """Refuse groups that the maps above cannot be split into.

    Raises:
        ShapeError: Naming both.
    """
    if type(groups) is not int or groups < 1 or maps % groups:
        raise ShapeError(
            f"{operation} needs groups that divide its {maps} maps, a whole number above 0; "
            f"got {groups!r}"
        )


def grid(
    size: tuple[int, int], *, window: tuple[int, int], stride: int, padding: Border
) -> tuple[int, int]:
    """Count the window's positions over a plane of `size`, as (rows, columns)."""
    return (
        output_size(size[0], window=window[0], stride=stride, padding=padding),
        output_size(size[1], window=window[1], stride=stride, padding=padding),
    )


def borders(
    size: tuple[int, int], *, window: tuple[int, int], stride: int, padding: Border
) -> tuple[int, int, int, int]:
    """Give what to add (left, right, top, bottom), the order of `torch.nn.functional.pad`."""
    vertical = pads(size[0], window=window[0], stride=stride, padding=padding)
    horizontal = pads(size[1], window=window[1], stride=stride, padding=padding)
    return (*horizontal, *vertical)


def pad_planes(
    x: Tensor, *, window: tuple[int, int], stride: int, padding: Border, value: float = 0.0
) -> Tensor:
    """Add the border that `padding` asks for, filled with `value`; `x` itself if there is none."""
    size = (x.shape[2], x.shape[3])
    amounts = borders(size, window=window, stride=stride, padding=padding)
    return F.pad(x, amounts, value=value) if any(amounts) else x


def batch_innermost(x: Tensor) -> Tensor:
    """Lay `x`, `(batch, maps, height, width)`, out in memory with the batch innermost.

    What already is costs nothing. Windows then slide over whole rows of numbers that are
    treated alike, which a processor does several at a time.
    """
    return x.permute(2, 3, 1, 0).contiguous().permute(3, 2, 0, 1)


def lies_by_channels(x: Tensor) -> bool:
    """Tell whether `x` came out of a convolution, with enough channels innermost in memory."""
    return x.shape[1] >= _WIDE and x.is_contiguous(memory_format=torch.channels_last)


def on_planes(operation: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply an operation that treats every plane alike, on planes laid side by side.

    Maps that come out of a convolution, "channels last" already, are taken as they lie.

    Args:
        operation: From `(n, planes, height, width)` to `(n, planes, height', width')`, each
            plane by itself; it finds the planes innermost in memory, "channels last".
        x: Maps, `(batch, maps, height, width)`; best with the batch innermost.

    Returns:
        `(batch, maps, height', width')`, laid out in memory as `operation` saw it.
    """
    batch, maps = x.shape[:2]
    if batch == 0 or lies_by_channels(x):
        return operation(x)
    planes = x.permute(2, 3, 1, 0).flatten(2).unsqueeze(0)
    y = operation(planes.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return y.squeeze(0).unflatten(2, (maps, batch)).permute(3, 2, 0, 1)


def middle(maps: Tensor, height: int, width: int) -> Tensor:
    """Cut the middle out of maps, `(batch, maps, height', width')`; an odd rest is left after it.

    Args:
        maps: At least as large as what is cut out.
        height: Rows to keep.
        width: Columns to keep.
    """
    top, left = (maps.shape[-2] - height) // 2, (maps.shape[-1] - width) // 2
    return maps[..., top : top + height, left : left + width]
