"""The linear decoder of a stage."""

import torch
from torch import Tensor, nn

from featlearn.stages.filter import Filter


class Decoder(nn.Module):
    """Rebuild a stage's input from its code: the adjoint of the filter, and a bias.

    The weights are the filter's (tied), or its own of the same shape (untied), which start
    as a copy of the filter's, so that both begin with the same reconstruction.

    Args:
        encoder: The filter whose code is decoded.
        tied: Whether the filter's weights are used.
        offset: Whether the bias is learned; else it is zero, and no part of the model.

    Attributes:
        weight: Weights of its own, of the shape of the filter's; `None` if tied.
        bias: `(channels, 1, 1)` if the filter is shared, and so moves over inputs of any
            size, otherwise of the shape of the input; zero at first.
    """

    weight: nn.Parameter | None
    bias: Tensor

    def __init__(self, encoder: Filter, *, tied: bool, offset: bool = True) -> None:
        """Start with the weights of `encoder`, and a bias of zero."""
        super().__init__()
        self.weight = None if tied else nn.Parameter(encoder.weight.detach().clone())
        shape = encoder.input_shape
        sides = (shape.maps, 1, 1) if encoder.shared else tuple(shape)
        if offset:
            self.bias = nn.Parameter(torch.zeros(sides))
        else:
            self.register_buffer("bias", torch.zeros(sides), persistent=False)

    def forward(self, h: Tensor, encoder: Filter, *, size: tuple[int, int] | None = None) -> Tensor:
        """Rebuild the input.

        Args:
            h: Codes, `(batch, maps, height', width')`.
            encoder: The filter that made them.
            size: Height and width of the input; the stage's own if not given.

        Returns:
            `(batch, channels, *size)`.
        """
        return encoder.adjoint(h, size=size, weight=self.weight) + self.bias

    def extra_repr(self) -> str:
        """Say whose weights."""
        return "tied" if self.weight is None else "untied"
