"""What every filter of a stage is: a linear map, with its adjoint."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from featlearn.config.banks import Start
from featlearn.geometry import MapShape
from featlearn.stages.initial import start_for_relu_, start_weights_


class Filter(nn.Module, ABC):
    """A linear map from input maps to responses, with its adjoint.

    The last three axes of the weight are one filter, `(channels, height, width)`: the
    weights of one response, and one column of the decoder that is its adjoint.
    """

    shared: ClassVar[bool]
    """Whether all positions of a map use the same weights."""

    weight: nn.Parameter
    bias: nn.Parameter | None
    input_shape: MapShape
    output_shape: MapShape

    def __init__(
        self,
        input_shape: MapShape,
        output_shape: MapShape,
        *,
        weight_shape: tuple[int, ...],
        bias_shape: tuple[int, ...] | None,
        start: Start = "balanced",
        generator: torch.Generator,
    ) -> None:
        """Draw the weights; biases start at zero."""
        super().__init__()
        self.input_shape = input_shape
        self.output_shape = output_shape
        self.weight = nn.Parameter(self._memory(weight_shape))
        self.bias = None if bias_shape is None else nn.Parameter(torch.zeros(bias_shape))
        if start == "he":
            start_for_relu_(self.weight, generator=generator)
            return
        fan_in = math.prod(weight_shape[-3:])
        seen_by = fan_in * output_shape.units / input_shape.units  # on average over the input
        start_weights_(self.weight, fan_in=fan_in, fan_out=seen_by, generator=generator)

    def zeros(self, *shape: int) -> Tensor:
        """Make zeros of the precision of the weights, where they are."""
        return self.weight.new_zeros(shape)

    @staticmethod
    def _memory(shape: tuple[int, ...]) -> Tensor:
        """Take memory for the weights, in the order in which the operation reads them fastest."""
        return torch.empty(shape)

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Compute the responses to `x`, `(batch, channels, height, width)`."""

    @abstractmethod
    def products(self, x: Tensor, *, weight: Tensor | None = None) -> Tensor:
        """Compute the responses without a bias: the map whose transpose `adjoint` is.

        Args:
            x: Input, `(batch, channels, height, width)`.
            weight: Weights of the shape of the filter's; the filter's own if not given.
        """

    @abstractmethod
    def adjoint(
        self, h: Tensor, *, size: tuple[int, int] | None = None, weight: Tensor | None = None
    ) -> Tensor:
        """Apply the transpose of the filter, without a bias.

        Args:
            h: Codes, `(batch, maps, height', width')`.
            size: Height and width of the input whose responses have the shape of `h`;
                that of the stage's own input if not given.
            weight: Weights of the shape of the filter's, such as those of an untied
                decoder; the filter's own if not given.

        Returns:
            `(batch, channels, *size)`.

        Raises:
            ShapeError: If `h` does not belong to an input of this size.
        """

    @staticmethod
    @torch.no_grad()
    def normalize_columns_(weight: Tensor) -> None:
        """Scale every column of a decoder, in place, to unit length; leave zeros alone.

        Args:
            weight: Of the shape of the filter's weight; a column is its last three axes.
        """
        lengths = torch.linalg.vector_norm(weight, dim=(-3, -2, -1), keepdim=True)
        weight.div_(torch.where(lengths > 0, lengths, 1.0))

    def extra_repr(self) -> str:
        """Say from which shape to which."""
        bias = "" if self.bias is not None else ", no bias"
        return f"{self.input_shape} -> {self.output_shape}{bias}"
