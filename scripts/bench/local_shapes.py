"""The shapes that locally connected layers are measured at."""

from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.ops.local import channels_innermost
from featlearn.ops.planes import batch_innermost


class Shape(NamedTuple):
    """A layer over a batch of square planes."""

    name: str
    batch: int
    channels: int
    height: int
    kernel: int
    stride: int
    maps: int

    @property
    def rows(self) -> int:
        """Rows of positions."""
        return (self.height - self.kernel) // self.stride + 1

    @property
    def weights(self) -> int:
        """How many weights there are."""
        return self.rows**2 * self.maps * self.channels * self.kernel**2

    @property
    def inputs(self) -> int:
        """Numbers of a batch of planes."""
        return self.batch * self.channels * self.height**2

    @property
    def outputs(self) -> int:
        """Numbers of a batch of codes."""
        return self.batch * self.maps * self.rows**2

    def flops(self, kind: str) -> int:
        """Count the operations: two for each weight and sample, three times with the way back."""
        return 2 * self.batch * self.weights * (3 if kind == "forward+backward" else 1)

    def bytes(self, kind: str, itemsize: int) -> int:
        """Count the bytes that a pass cannot do without: operands, results and gradients."""
        once = self.inputs + self.weights + self.outputs
        return itemsize * once * (2 if kind == "forward+backward" else 1)

    def moved(self, kind: str, itemsize: int) -> int:
        """Count the bytes that a pass reads and writes at least, each operand once a product."""
        once = self.inputs + self.weights + self.outputs
        return itemsize * once * (3 if kind == "forward+backward" else 1)


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("S1", 128, 1, 28, 7, 1, 16),
        Shape("S2", 128, 3, 32, 8, 2, 32),
        Shape("S3", 64, 3, 64, 18, 2, 8),
        Shape("S4", 128, 8, 40, 18, 1, 8),
        Shape("S5", 16, 3, 200, 18, 1, 8),
        Shape("S6", 256, 8, 175, 18, 1, 8),
        Shape("S7", 256, 8, 150, 18, 1, 8),
    )
}
"""S1 to S4 as small layers have them; S5 to S7 are the stages of the network of 2012."""


def operands(
    shape: Shape, precision: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Make planes, weights and codes, as a stack of stages lays them out in memory."""
    draw = torch.Generator(device=device).manual_seed(0)

    def normal(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=draw, device=device).to(precision)

    batch, rows, maps, channels, kernel = (
        shape.batch,
        shape.rows,
        shape.maps,
        shape.channels,
        shape.kernel,
    )
    x = batch_innermost(normal(batch, channels, shape.height, shape.height))
    weight = channels_innermost(normal(rows, rows, maps, channels, kernel, kernel))
    return x, weight, batch_innermost(normal(batch, maps, rows, rows))
