"""The parts of composite filters that are one layer each, as modules."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from featlearn.config.parts import ConvPartSpec
from featlearn.config.pieces import (
    Activation,
    AvgPoolSpec,
    BatchNormSpec,
    L2PoolSpec,
    LRNSpec,
    MaxPoolSpec,
)
from featlearn.geometry import Border, MapShape, pads
from featlearn.ops.conv import conv2d
from featlearn.stages.activation import activated
from featlearn.stages.initial import start_for_relu_
from featlearn.stages.norm import BatchNorm, build_norm
from featlearn.stages.pool import build_pool


class PartModule(nn.Module, ABC):
    """A part of a composite filter.

    Attributes:
        input_shape: Shape of the maps that it is given.
        output_shape: Shape of what it gives.
    """

    def __init__(self, input_shape: MapShape, output_shape: MapShape) -> None:
        """Keep the shapes."""
        super().__init__()
        self.input_shape = input_shape
        self.output_shape = output_shape

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Compute the part, from and to `(batch, maps, height, width)`."""

    @abstractmethod
    def linear(self, x: Tensor) -> Tensor:
        """Compute its linear part: no offsets, activations passed over, every pool a mean."""

    def below(self, start: int, end: int, axis: int) -> tuple[int, int]:
        """Give the places below that those from `start` to `end`, exclusive, see along an axis."""
        return start, end

    def extra_repr(self) -> str:
        """Say from which shape to which."""
        return f"{self.input_shape} -> {self.output_shape}"


class ConvPart(PartModule):
    """A convolution, its norm if there is one, and an activation.

    Attributes:
        weight: `(maps, channels / groups, height, width)`.
        bias: `(maps,)`, or `None`.
        norm: Batch normalisation of the responses, or `None`.
    """

    bias: nn.Parameter | None
    norm: BatchNorm | None

    def __init__(
        self,
        spec: ConvPartSpec,
        input_shape: MapShape,
        output_shape: MapShape,
        *,
        generator: torch.Generator,
    ) -> None:
        """Draw the weights; biases start at zero."""
        super().__init__(input_shape, output_shape)
        self.spec = spec
        channels = input_shape.maps // spec.groups
        self.weight = nn.Parameter(torch.empty(spec.maps, channels, *spec.sides))
        start_for_relu_(self.weight, generator=generator)
        self.bias = nn.Parameter(torch.zeros(spec.maps)) if spec.bias else None
        self.norm = None if spec.norm is None else _batch_norm(spec.norm, output_shape)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, normalise, activate."""
        y = self._convolved(x, self.bias)
        return activated(y if self.norm is None else self.norm(y), self.spec.activation)

    def linear(self, x: Tensor) -> Tensor:
        """Convolve, and scale as the norm does."""
        y = self._convolved(x, None)
        return y if self.norm is None else y * _scale(self.norm)

    def below(self, start: int, end: int, axis: int) -> tuple[int, int]:
        """Look through the window."""
        size, window = self.input_shape[axis], self.spec.sides[axis - 1]
        return places_below(start, end, size, window, self.spec.stride, self.spec.padding)

    def _convolved(self, x: Tensor, bias: Tensor | None) -> Tensor:
        spec = self.spec
        return conv2d(
            x, self.weight, bias, stride=spec.stride, padding=spec.padding, groups=spec.groups
        )


class NormPart(PartModule):
    """Batch or local response normalisation by itself."""

    def __init__(self, spec: BatchNormSpec | LRNSpec, shape: MapShape) -> None:
        """Build it."""
        super().__init__(shape, shape)
        self.norm = (
            _batch_norm(spec, shape)
            if isinstance(spec, BatchNormSpec)
            else build_norm(spec, shape.maps)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        return self.norm(x)

    def linear(self, x: Tensor) -> Tensor:
        """Scale as batch normalisation does; that of responses is passed over."""
        return x * _scale(self.norm) if isinstance(self.norm, BatchNorm) else x


class ActivationPart(PartModule):
    """An activation by itself."""

    def __init__(self, activation: Activation, shape: MapShape) -> None:
        """Keep the activation."""
        super().__init__(shape, shape)
        self.activation: Activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Activate."""
        return activated(x, self.activation)

    def linear(self, x: Tensor) -> Tensor:
        """Pass on."""
        return x


class PoolPart(PartModule):
    """Pooling within each map."""

    def __init__(
        self, spec: MaxPoolSpec | AvgPoolSpec | L2PoolSpec, input_shape: MapShape, above: MapShape
    ) -> None:
        """Build it."""
        super().__init__(input_shape, above)
        self.pool = build_pool(spec)

    def forward(self, x: Tensor) -> Tensor:
        """Pool."""
        return self.pool(x)

    def linear(self, x: Tensor) -> Tensor:
        """Take means."""
        return self.pool.mean(x)

    def below(self, start: int, end: int, axis: int) -> tuple[int, int]:
        """Look through the window."""
        return places_below(start, end, self.input_shape[axis], *self.pool.window)


class GlobalAvgPart(PartModule):
    """The mean of each map."""

    def __init__(self, shape: MapShape) -> None:
        """Keep the shape."""
        super().__init__(shape, MapShape(shape.maps, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Take the means."""
        return x.mean((2, 3), keepdim=True)

    def linear(self, x: Tensor) -> Tensor:
        """Take the means."""
        return self(x)

    def below(self, start: int, end: int, axis: int) -> tuple[int, int]:
        """See everything."""
        return 0, self.input_shape[axis]


def places_below(
    start: int, end: int, size: int, window: int, stride: int, padding: Border
) -> tuple[int, int]:
    """Give the inputs under windows `start` to `end`, exclusive, along an axis of `size`."""
    before, _ = pads(size, window=window, stride=stride, padding=padding)
    return start * stride - before, (end - 1) * stride - before + window


def _batch_norm(spec: BatchNormSpec, shape: MapShape) -> BatchNorm:
    """Build batch normalisation over maps of a shape."""
    norm = build_norm(spec, shape.maps)
    assert isinstance(norm, BatchNorm)
    norm.single = shape.height * shape.width == 1
    return norm


def _scale(norm: BatchNorm) -> Tensor:
    """Give what batch normalisation multiplies each map by, as in use."""
    assert norm.running_var is not None
    return (norm.weight / (norm.running_var + norm.eps).sqrt()).view(-1, 1, 1)
