"""Locally connected layers as ordinary modules."""

from abc import ABC, abstractmethod
from typing import get_args

import torch
from torch import Tensor, nn

from featlearn.errors import ShapeError
from featlearn.geometry import Padding
from featlearn.ops.local import local2d, local_transpose2d
from featlearn.ops.planes import grid
from featlearn.stages.initial import start_weights_


class _Local(nn.Module, ABC):
    """What the layer and its transpose share: weights per position, and their geometry."""

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(  # noqa: PLR0913 - as many as torch.nn.Conv2d has
        self,
        in_channels: int,
        out_channels: int,
        input_size: int | tuple[int, int],
        kernel_size: int | tuple[int, int],
        stride: int = 1,
        padding: Padding = "valid",
        bias: bool = True,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if min(in_channels, out_channels) < 1:
            raise ShapeError(
                f"{type(self).__name__} needs at least one channel in and out; "
                f"got {in_channels} and {out_channels}"
            )
        if padding not in get_args(Padding):
            raise ShapeError(
                f'{type(self).__name__} takes padding "valid" or "same"; got {padding!r}'
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.input_size = _pair(input_size)
        self.kernel_size = _pair(kernel_size)
        self.stride = stride
        self.padding: Padding = padding
        self.output_size = grid(
            self.input_size, window=self.kernel_size, stride=stride, padding=padding
        )
        self.weight = nn.Parameter(
            torch.empty(*self.output_size, out_channels, in_channels, *self.kernel_size)
        )
        self.bias = nn.Parameter(torch.empty(self._bias_shape())) if bias else None
        self.reset_parameters(generator=generator)

    @abstractmethod
    def _bias_shape(self) -> tuple[int, int, int]: ...

    @abstractmethod
    def _fan_in(self) -> float: ...

    def reset_parameters(self, *, generator: torch.Generator | None = None) -> None:
        """Draw the weights anew, and set biases to zero.

        Args:
            generator: Source of the draws; torch's global one if not given.
        """
        start_weights_(self.weight, fan_in=self._fan_in(), generator=generator)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def extra_repr(self) -> str:
        """Write the arguments back."""
        bias = "" if self.bias is not None else ", bias=False"
        return (
            f"{self.in_channels}, {self.out_channels}, input_size={self.input_size}, "
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding!r}{bias}"
        )


class LocallyConnected2d(_Local):
    """A convolution whose filters are not shared: every position has weights of its own.

    y[n,f,p] = Σ weight[p,f,c,u,v] · x[n, c, stride·p + (u,v)] + bias[p,f], summed over
    c, u and v.

    Args:
        in_channels: Channels of the input.
        out_channels: Filters at every position, the channels of the output.
        input_size: Height and width of the input, or one number for both; as the
            weights belong to positions, it is fixed.
        kernel_size: Height and width of a filter, or one number for both.
        stride: Step between positions, in input positions.
        padding: `"valid"` keeps every window inside; `"same"` adds zeros around, the
            odd one after, for `ceil(height / stride)` rows of positions.
        bias: Whether every unit has a bias.
        generator: Source of the first weights; torch's global one if not given.

    Shape:
        Input `(batch, in_channels, *input_size)`, output `(batch, out_channels,
        *output_size)`, contiguous.

    Attributes:
        weight: `(*output_size, out_channels, in_channels, *kernel_size)`, drawn from a
            normal distribution of variance 1 / (in_channels · kernel area).
        bias: `(*output_size, out_channels)`, zero at first; or `None`.
        output_size: Rows and columns of positions.

    Raises:
        ShapeError: If the kernel does not fit into the input, `padding` is neither, or
            `forward` is given an input of another shape.

    Example:
        >>> layer = LocallyConnected2d(1, 16, input_size=28, kernel_size=7)
        >>> layer(torch.zeros(8, 1, 28, 28)).shape
        torch.Size([8, 16, 22, 22])

    Source:
        Le et al., ICML 2012; Coates et al., ICML 2013.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Compute the responses, `(batch, out_channels, *output_size)`."""
        y = local2d(x, self.weight, self.bias, stride=self.stride, padding=self.padding)
        return y.contiguous()

    def _bias_shape(self) -> tuple[int, int, int]:
        return (*self.output_size, self.out_channels)

    def _fan_in(self) -> float:
        return self.in_channels * self.kernel_size[0] * self.kernel_size[1]


class LocallyConnectedTranspose2d(_Local):
    """The transpose of the `LocallyConnected2d` made with the same arguments, not swapped ones.

    So `in_channels` is the number of channels that this module *gives*, and `out_channels`
    the number that it *takes*: the reverse of `torch.nn.ConvTranspose2d`, whose arguments
    name its own input and output. It has weights of its own, and maps the layer's outputs
    back to the shape of the layer's inputs. With the same weight it is the exact adjoint:
    `<layer(x), h> = <x, transpose(h)>` without biases, for every stride and padding.

    Args:
        in_channels: Channels of the layer's input, and so of this module's *output*.
        out_channels: Filters at every position, the channels of this module's *input*.
        input_size: Height and width of this module's output, or one number for both.
        kernel_size: Height and width of a filter, or one number for both.
        stride: Step between positions, in output positions of this module.
        padding: `"valid"` or `"same"`, as in the layer.
        bias: Whether every unit of this module's output has a bias.
        generator: Source of the first weights; torch's global one if not given.

    Shape:
        Input `(batch, out_channels, *output_size)`, output `(batch, in_channels,
        *input_size)`, contiguous; zero, or the bias, where no window reaches.

    Attributes:
        weight: Of the layer's shape, `(*output_size, out_channels, in_channels,
            *kernel_size)`, drawn from a normal distribution of variance
            stride² / (out_channels · kernel area).
        bias: `(*input_size, in_channels)`, zero at first; or `None`.
        output_size: Rows and columns of the layer's positions.

    Raises:
        ShapeError: If the kernel does not fit into the input, `padding` is neither, or
            `forward` is given an input of another shape.

    Example:
        >>> arguments = {"in_channels": 1, "out_channels": 16, "input_size": 28, "kernel_size": 7}
        >>> layer = LocallyConnected2d(**arguments)
        >>> transpose = LocallyConnectedTranspose2d(**arguments)
        >>> h = layer(torch.zeros(8, 1, 28, 28))
        >>> h.shape
        torch.Size([8, 16, 22, 22])
        >>> transpose(h).shape
        torch.Size([8, 1, 28, 28])
    """

    def forward(self, h: Tensor) -> Tensor:
        """Compute the sum of the filters laid down, `(batch, in_channels, *input_size)`."""
        x = local_transpose2d(
            h, self.weight, size=self.input_size, stride=self.stride, padding=self.padding
        )
        if self.bias is not None:
            x = x + self.bias.permute(2, 0, 1)
        return x.contiguous()

    def _bias_shape(self) -> tuple[int, int, int]:
        return (*self.input_size, self.in_channels)

    def _fan_in(self) -> float:
        area = self.kernel_size[0] * self.kernel_size[1]
        return max(self.out_channels * area / self.stride**2, 1.0)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
