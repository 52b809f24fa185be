"""Pooling as modules."""

from abc import ABC, abstractmethod
from typing import assert_never

from torch import Tensor, nn

from featlearn.config.pieces import (
    AnyPoolSpec,
    AvgPoolSpec,
    GroupPoolSpec,
    L2PoolSpec,
    MaxPoolSpec,
    PoolWindow,
    SheetPoolSpec,
)
from featlearn.errors import ShapeError
from featlearn.geometry import Border, MapShape, window_output
from featlearn.ops.map_pool import group_pool, sheet_members, sheet_pool
from featlearn.ops.pool import avg_pool, l2_pool, max_pool


class Pool(nn.Module, ABC):
    """Pooling of a code.

    Attributes:
        window: What a pooled unit takes of one map.
    """

    window: PoolWindow

    @abstractmethod
    def output_shape(self, shape: MapShape) -> MapShape:
        """Give the shape after pooling a sample of `shape`.

        Raises:
            ShapeError: If that cannot be pooled.
        """

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Pool `x`, `(batch, maps, height, width)`."""

    @abstractmethod
    def mean(self, x: Tensor) -> Tensor:
        """Take the mean of all that each pooled unit takes; of the shape of what is pooled."""

    @abstractmethod
    def members(self, place: int) -> list[int]:
        """List the maps that a pooled map takes, given its place."""


class WindowPool(Pool):
    """Pooling within each map over square windows.

    Args:
        size: Side of the window, in input positions.
        stride: Step between windows, in input positions.
        padding: `"valid"` keeps every window inside; `"same"` gives
            `ceil(height / stride)` rows.
    """

    def __init__(self, size: int, *, stride: int = 1, padding: Border = "valid") -> None:
        """Keep the window."""
        super().__init__()
        self.window = PoolWindow(size, stride, padding)

    def output_shape(self, shape: MapShape) -> MapShape:
        """Give the shape after pooling a sample of `shape`.

        Raises:
            ShapeError: If a valid window is larger than the sample.
        """
        size, stride, padding = self.window
        return window_output(shape, size=size, stride=stride, padding=padding)

    def mean(self, x: Tensor) -> Tensor:
        """Take the mean over each window."""
        size, stride, padding = self.window
        return avg_pool(x, size=size, stride=stride, padding=padding)

    def members(self, place: int) -> list[int]:
        """List the one map that a pooled map takes."""
        return [place]

    def extra_repr(self) -> str:
        """Write the arguments back."""
        size, stride, padding = self.window
        return f"{size}, stride={stride}, padding={padding!r}"


class L2Pool2d(WindowPool):
    """Root of the sum of squares over the window; see `featlearn.ops.pool.l2_pool`."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool `x`, `(batch, maps, height, width)`."""
        size, stride, padding = self.window
        return l2_pool(x, size=size, stride=stride, padding=padding)


class MaxPool2d(WindowPool):
    """Largest value in the window; see `featlearn.ops.pool.max_pool`."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool `x`, `(batch, maps, height, width)`."""
        size, stride, padding = self.window
        return max_pool(x, size=size, stride=stride, padding=padding)


class AvgPool2d(WindowPool):
    """Mean over the window; see `featlearn.ops.pool.avg_pool`."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool `x`, `(batch, maps, height, width)`."""
        size, stride, padding = self.window
        return avg_pool(x, size=size, stride=stride, padding=padding)


class GroupPool(Pool):
    """Root of the sum of squares over groups of maps; see `featlearn.ops.map_pool.group_pool`.

    Args:
        size: Maps in a group.
    """

    window = PoolWindow(1, 1, "valid")

    def __init__(self, size: int) -> None:
        """Keep the size."""
        super().__init__()
        self.size = size

    def output_shape(self, shape: MapShape) -> MapShape:
        """Give the shape after pooling a sample of `shape`.

        Raises:
            ShapeError: If its maps make no whole groups.
        """
        if shape.maps % self.size:
            raise ShapeError(f"{shape.maps} maps make no groups of {self.size}")
        return shape._replace(maps=shape.maps // self.size)

    def forward(self, x: Tensor) -> Tensor:
        """Pool `x`, `(batch, maps, height, width)`."""
        return group_pool(x, size=self.size)

    def mean(self, x: Tensor) -> Tensor:
        """Take the mean over each group."""
        return x.unflatten(1, (-1, self.size)).mean(2)

    def members(self, place: int) -> list[int]:
        """List the maps of a group."""
        return list(range(place * self.size, (place + 1) * self.size))

    def extra_repr(self) -> str:
        """Write the arguments back."""
        return f"{self.size}"


class SheetPool(Pool):
    """Root of the sum of squares over windows of a sheet; see `featlearn.ops.map_pool.sheet_pool`.

    Args:
        rows: Of the sheet.
        columns: Of the sheet.
        size: Side of the window, in places of the sheet.
        stride: Step between windows, in places of the sheet.
    """

    window = PoolWindow(1, 1, "valid")

    def __init__(self, rows: int, columns: int, *, size: int, stride: int = 1) -> None:
        """Keep the sheet."""
        super().__init__()
        self.rows = rows
        self.columns = columns
        self.size = size
        self.stride = stride

    def output_shape(self, shape: MapShape) -> MapShape:
        """Give the shape after pooling a sample of `shape`.

        Raises:
            ShapeError: If its maps do not cover the sheet.
        """
        if shape.maps != self.rows * self.columns:
            raise ShapeError(f"{shape.maps} maps do not cover {self.rows} x {self.columns}")
        return shape._replace(maps=shape.maps // self.stride**2)

    def forward(self, x: Tensor) -> Tensor:
        """Pool `x`, `(batch, maps, height, width)`."""
        return sheet_pool(
            x, rows=self.rows, columns=self.columns, size=self.size, stride=self.stride
        )

    def mean(self, x: Tensor) -> Tensor:
        """Take the mean over each window."""
        count = x.shape[1] // self.stride**2
        taken = [self.members(place) for place in range(count)]
        return x[:, taken].mean(2)

    def members(self, place: int) -> list[int]:
        """List the maps of a window, row by row."""
        return sheet_members(
            place, rows=self.rows, columns=self.columns, size=self.size, stride=self.stride
        )

    def extra_repr(self) -> str:
        """Write the arguments back."""
        return f"{self.rows}, {self.columns}, size={self.size}, stride={self.stride}"


def build_pool(spec: AnyPoolSpec) -> Pool:
    """Build the pooling of a recipe."""
    match spec:
        case L2PoolSpec():
            return L2Pool2d(spec.size, stride=spec.stride, padding=spec.padding)
        case MaxPoolSpec():
            return MaxPool2d(spec.size, stride=spec.stride, padding=spec.padding)
        case AvgPoolSpec():
            return AvgPool2d(spec.size, stride=spec.stride, padding=spec.padding)
        case GroupPoolSpec():
            return GroupPool(spec.size)
        case SheetPoolSpec():
            return SheetPool(spec.rows, spec.columns, size=spec.size, stride=spec.stride)
        case _:
            assert_never(spec)
