"""Locally connected layers as ordinary modules."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import get_args

import torch
from torch import Tensor, nn

from featlearn.errors import ShapeError
from featlearn.geometry import Padding
from featlearn.ops.local import empty_filters, local2d, local_transpose2d
from featlearn.ops.planes import check_step, grid
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
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not all(type(count) is int and count > 0 for count in (in_channels, out_channels)):
            raise ShapeError(
                f"{type(self).__name__} needs at least one channel in and out, in whole numbers; "
                f"got {in_channels!r} and {out_channels!r}"
            )
        if padding not in get_args(Padding):
            raise ShapeError(
                f'{type(self).__name__} takes padding "valid" or "same"; got {padding!r}'
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.input_size = self._pair("input_size", input_size)
        self.kernel_size = self._pair("kernel_size", kernel_size)
        if isinstance(stride, tuple | list):
            raise ShapeError(f"{type(self).__name__} has one stride for both axes; got {stride!r}")
        check_step(stride, operation=type(self).__name__)
        self.stride = stride
        self.padding: Padding = padding
        self.output_size = grid(
            self.input_size, window=self.kernel_size, stride=stride, padding=padding
        )
        shape = (*self.output_size, out_channels, in_channels, *self.kernel_size)
        self.weight = nn.Parameter(empty_filters(shape, device=device, dtype=dtype))
        self.bias = None
        if bias:
            self.bias = nn.Parameter(torch.empty(self._bias_shape(), device=device, dtype=dtype))
        self.reset_parameters(generator=generator)

    def _pair(self, name: str, size: object) -> tuple[int, int]:
        """Take one number for both axes, or one for each."""
        match size:
            case bool() | (bool(), _) | (_, bool()):
                pass
            case int() if size > 0:
                return size, size
            case (int() as height, int() as width) if height > 0 and width > 0:
                return height, width
            case _:
                pass
        raise ShapeError(
            f"{type(self).__name__} takes one or two whole numbers above 0 as {name}; got {size!r}"
        )

    def _applied(
        self,
        operation: Callable[[Tensor], Tensor],
        x: Tensor,
        channels: int,
        size: tuple[int, int],
    ) -> Tensor:
        """Check an input, and apply the operation to it, batched or not."""
        if tuple(x.shape[-3:]) != (channels, *size) or x.ndim not in (3, 4):
            raise ShapeError(
                f"this {type(self).__name__} is made for {channels} channels of "
                f"{size[0]}x{size[1]}, with a batch before them or none; got {tuple(x.shape)}"
            )
        y = operation(x if x.ndim == 4 else x.unsqueeze(0)).contiguous()
        return y if x.ndim == 4 else y.squeeze(0)

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
        device: Where the weights lie.
        dtype: Their precision.

    Shape:
        Input `(batch, in_channels, *input_size)`, output `(batch, out_channels,
        *output_size)`, contiguous; both without the batch too.

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

        def respond(planes: Tensor) -> Tensor:
            return local2d(planes, self.weight, self.bias, stride=self.stride, padding=self.padding)

        return self._applied(respond, x, self.in_channels, self.input_size)

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
        device: Where the weights lie.
        dtype: Their precision.

    Shape:
        Input `(batch, out_channels, *output_size)`, output `(batch, in_channels,
        *input_size)`, contiguous, zero, or the bias, where no window reaches; both
        without the batch too.

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

        def lay_down(codes: Tensor) -> Tensor:
            x = local_transpose2d(
                codes, self.weight, size=self.input_size, stride=self.stride, padding=self.padding
            )
            # In the precision of the product, which autocast lowers.
            return x if self.bias is None else x + self.bias.permute(2, 0, 1).to(x.dtype)

        return self._applied(lay_down, h, self.out_channels, self.output_size)

    def _bias_shape(self) -> tuple[int, int, int]:
        return (*self.input_size, self.in_channels)

    def _fan_in(self) -> float:
        area = self.kernel_size[0] * self.kernel_size[1]
        return max(self.out_channels * area / self.stride**2, 1.0)
