"""Pooling as modules."""

from abc import ABC, abstractmethod
from typing import assert_never

from torch import Tensor, nn

from featlearn.config.pieces import AnyPoolSpec, AvgPoolSpec, L2PoolSpec, MaxPoolSpec
from featlearn.geometry import Border, MapShape, window_output
from featlearn.ops.pool import avg_pool, l2_pool, max_pool


class Pool(nn.Module, ABC):
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
        self.size = size
        self.stride = stride
        self.padding: Border = padding

    def output_shape(self, shape: MapShape) -> MapShape:
        """Give the shape after pooling a sample of `shape`.

        Raises:
            ShapeError: If a valid window is larger than the sample.
        """
        return window_output(shape, size=self.size, stride=self.stride, padding=self.padding)

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Pool `x`, `(batch, maps, height, width)`."""

    def extra_repr(self) -> str:
        """Write the arguments back."""
        return f"{self.size}, stride={self.stride}, padding={self.padding!r}"


class L2Pool2d(Pool):
    """Root of the sum of squares over the window; see `featlearn.ops.pool.l2_pool`."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool `x`, `(batch, maps, height, width)`."""
        return l2_pool(x, size=self.size, stride=self.stride, padding=self.padding)


class MaxPool2d(Pool):
    """Largest value in the window; see `featlearn.ops.pool.max_pool`."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool `x`, `(batch, maps, height, width)`."""
        return max_pool(x, size=self.size, stride=self.stride, padding=self.padding)


class AvgPool2d(Pool):
    """Mean over the window; see `featlearn.ops.pool.avg_pool`."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool `x`, `(batch, maps, height, width)`."""
        return avg_pool(x, size=self.size, stride=self.stride, padding=self.padding)


def build_pool(spec: AnyPoolSpec) -> Pool:
    """Build the pooling of a recipe."""
    match spec:
        case L2PoolSpec():
            return L2Pool2d(spec.size, stride=spec.stride, padding=spec.padding)
        case MaxPoolSpec():
            return MaxPool2d(spec.size, stride=spec.stride, padding=spec.padding)
        case AvgPoolSpec():
            return AvgPool2d(spec.size, stride=spec.stride, padding=spec.padding)
        case _:
            assert_never(spec)
