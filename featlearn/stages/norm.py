"""Normalisation as modules."""

from typing import Literal, TypedDict, assert_never

from torch import Tensor, nn

from featlearn.config.pieces import BatchNormSpec, LCNSpec, LRNSpec, NormSpec
from featlearn.geometry import MapShape, Padding, window_output
from featlearn.ops.lcn import Window, lcn, lcn_statistics
from featlearn.ops.lrn import lrn


class _LCNArguments(TypedDict):
    """What `lcn` and `lcn_statistics` take beside the responses."""

    size: int
    padding: Padding
    window: Window
    across: bool
    constant: Literal["mean"] | float
    floor: float


class LCN2d(nn.Module):
    """Local contrast normalisation; see `featlearn.ops.lcn.lcn`.

    Args:
        size: Side of the window, in positions.
        padding: `"valid"` takes one window from the plane, `"same"` keeps its size.
        window: `"box"` or `"gaussian"` weights.
        across: Whether a window reaches across all maps.
        constant: Least divisor, `"mean"` of the image's deviations or a number.
        floor: Lower bound of the least divisor, in the unit of the input.
    """

    def __init__(
        self,
        size: int,
        *,
        padding: Padding = "valid",
        window: Window = "box",
        across: bool = False,
        constant: Literal["mean"] | float = "mean",
        floor: float = 1e-4,
    ) -> None:
        """Keep the window and the least divisor."""
        super().__init__()
        self.size = size
        self.padding: Padding = padding
        self.window: Window = window
        self.across = across
        self.constant: Literal["mean"] | float = constant
        self.floor = floor

    def output_shape(self, shape: MapShape) -> MapShape:
        """Give the shape after normalising a sample of `shape`.

        Raises:
            ShapeError: If a valid window is larger than the sample.
        """
        return window_output(shape, size=self.size, stride=1, padding=self.padding)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x`, `(batch, maps, height, width)`."""
        return lcn(x, **self._arguments())

    def divisor(self, x: Tensor) -> Tensor:
        """Give what `x` is divided by; see `featlearn.ops.lcn.lcn_statistics`."""
        return lcn_statistics(x, **self._arguments())[1]

    def _arguments(self) -> _LCNArguments:
        return {
            "size": self.size,
            "padding": self.padding,
            "window": self.window,
            "across": self.across,
            "constant": self.constant,
            "floor": self.floor,
        }

    def extra_repr(self) -> str:
        """Write the arguments back."""
        return (
            f"{self.size}, padding={self.padding!r}, window={self.window!r}, "
            f"across={self.across}, constant={self.constant!r}, floor={self.floor}"
        )


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation of each map, with trained scale and offset.

    In training it uses the batch's statistics and keeps running ones; in evaluation it
    uses those.

    Source:
        Ioffe & Szegedy, ICML 2015.

    Attributes:
        single: Whether a map has a single position, so that a batch of one has no variance.
    """

    single = False

    def output_shape(self, shape: MapShape) -> MapShape:
        """Give the shape after normalising a sample of `shape`: the same."""
        return shape


class LRN2d(nn.Module):
    """Local response normalisation across maps; see `featlearn.ops.lrn.lrn`.

    Args:
        size: Maps in a neighbourhood.
        k: Offset, above 0.
        alpha: Weight of the sum of squares.
        beta: Exponent.
    """

    def __init__(self, size: int, *, k: float, alpha: float, beta: float) -> None:
        """Keep the constants."""
        super().__init__()
        self.size = size
        self.k = k
        self.alpha = alpha
        self.beta = beta

    def output_shape(self, shape: MapShape) -> MapShape:
        """Give the shape after normalising a sample of `shape`: the same."""
        return shape

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x`, `(batch, maps, height, width)`."""
        return lrn(x, size=self.size, k=self.k, alpha=self.alpha, beta=self.beta)

    def extra_repr(self) -> str:
        """Write the arguments back."""
        return f"{self.size}, k={self.k}, alpha={self.alpha}, beta={self.beta}"


Norm = LCN2d | LRN2d | BatchNorm


def build_norm(spec: NormSpec, maps: int) -> Norm:
    """Build the normalisation of a recipe for an input of `maps` maps."""
    match spec:
        case LCNSpec():
            return LCN2d(
                spec.size,
                padding=spec.padding,
                window=spec.window,
                across=spec.across,
                constant=spec.constant,
                floor=spec.floor,
            )
        case LRNSpec():
            return LRN2d(spec.size, k=spec.k, alpha=spec.alpha, beta=spec.beta)
        case BatchNormSpec():
            return BatchNorm(maps, eps=spec.eps, momentum=spec.momentum)
        case _:
            assert_never(spec)
