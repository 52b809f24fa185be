"""Sizes of windows that slide over a plane: pure integers, no tensors."""

from typing import Literal, NamedTuple

from featlearn.errors import ShapeError

Padding = Literal["valid", "same"]
"""What is added around an axis: nothing, or what keeps its size."""

Border = Padding | int
"""The same, or how many zeros on either side."""

Sides = int | tuple[int, int]
"""Sides of a window: of a square, or height and width."""


class MapShape(NamedTuple):
    """The shape of one sample: maps (channels), height and width."""

    maps: int
    height: int
    width: int

    @property
    def units(self) -> int:
        """How many numbers one sample holds."""
        return self.maps * self.height * self.width

    def __str__(self) -> str:
        """Write the shape as it is said: `16 maps of 11x11`."""
        return f"{self.maps} map{'s' * (self.maps != 1)} of {self.height}x{self.width}"


def sides(size: Sides) -> tuple[int, int]:
    """Give height and width of a window."""
    return (size, size) if isinstance(size, int) else size


def output_size(size: int, *, window: int, stride: int, padding: Border) -> int:
    """Count the positions of a window along one axis.

    Args:
        size: Length of the axis.
        window: Side of the window.
        stride: Step between windows.
        padding: `valid` keeps every window inside; `same` gives
            `ceil(size / stride)` positions and pads with what is missing; a number
            is added before and after.

    Returns:
        The number of positions, at least 1.

    Raises:
        ShapeError: If a valid window is larger than the axis, or a window under `same`
            padding so much larger that it sees more border than axis everywhere, or the
            border is as wide as the window, which would see nothing else there.
    """
    if window < 1 or stride < 1:
        raise ShapeError(f"window and stride must be >= 1; got {window} and {stride}")
    if isinstance(padding, int):
        if not 0 <= padding < window:
            raise ShapeError(
                f"a border must be at least 0, and less than its window of {window}; got {padding}"
            )
        size += 2 * padding
    if padding == "same" and window <= 2 * size + 1:
        return -(-size // stride)
    if window > size:
        raise ShapeError(f"a window of {window} does not fit into {size}")
    return (size - window) // stride + 1


def pads(size: int, *, window: int, stride: int, padding: Border) -> tuple[int, int]:
    """Give the zeros to add before and after one axis.

    With `same` padding the total is shared evenly, the odd one after, so that
    a window of odd size and stride 1 is centred on its output position.
    """
    if isinstance(padding, int):
        return padding, padding
    if padding == "valid":
        return 0, 0
    count = output_size(size, window=window, stride=stride, padding=padding)
    total = max((count - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def window_output(
    shape: MapShape, *, size: Sides, stride: int, padding: Border, maps: int | None = None
) -> MapShape:
    """Shape after a window slid over a sample of `shape`."""
    height, width = sides(size)
    return MapShape(
        shape.maps if maps is None else maps,
        output_size(shape.height, window=height, stride=stride, padding=padding),
        output_size(shape.width, window=width, stride=stride, padding=padding),
    )
