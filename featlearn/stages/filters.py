"""The filter of a stage: dense, convolutional, tiled or local, with its adjoint."""

from abc import abstractmethod
from typing import assert_never

import torch
from torch import Tensor

from featlearn.config.banks import (
    BankSpec,
    ConvSpec,
    DenseSpec,
    LocalSpec,
    Start,
    TiledSpec,
    WindowedSpec,
)
from featlearn.errors import ShapeError
from featlearn.geometry import Border, MapShape, window_output
from featlearn.ops.conv import conv2d, conv_transpose2d
from featlearn.ops.dense import dense, dense_transpose
from featlearn.ops.local import empty_filters, local2d, local_transpose2d
from featlearn.ops.tiled import tiled2d, tiled_transpose2d
from featlearn.stages.filter import Filter


class DenseFilter(Filter):
    """Every unit sees the whole input: weight `(maps, channels, height, width)`."""

    shared = False

    def __init__(
        self,
        input_shape: MapShape,
        *,
        maps: int,
        bias: bool = True,
        start: Start = "balanced",
        generator: torch.Generator,
    ) -> None:
        """Make `maps` units over an input of `input_shape`."""
        super().__init__(
            input_shape,
            MapShape(maps, 1, 1),
            weight_shape=(maps, *input_shape),
            bias_shape=(maps,) if bias else None,
            start=start,
            generator=generator,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Compute the responses, `(batch, maps, 1, 1)`."""
        return dense(x, self.weight, self.bias)

    def products(self, x: Tensor, *, weight: Tensor | None = None) -> Tensor:
        """Compute the responses without a bias, `(batch, maps, 1, 1)`."""
        return dense(x, self.weight if weight is None else weight)

    def adjoint(
        self, h: Tensor, *, size: tuple[int, int] | None = None, weight: Tensor | None = None
    ) -> Tensor:
        """Sum the filters, each weighted by its code."""
        own = (self.input_shape.height, self.input_shape.width)
        if size not in (None, own):
            raise ShapeError(
                f"a dense filter over {self.input_shape} has no adjoint of another size; "
                f"asked for {size[0]}x{size[1]}"
            )
        return dense_transpose(h, self.weight if weight is None else weight)

    def squared_lengths(self, *, size: tuple[int, int] | None = None) -> Tensor:
        """Give ‖w‖² of every unit, `(1, maps, 1, 1)`; all see the whole input."""
        return self.weight.square().sum((1, 2, 3))[None, :, None, None]


class WindowedFilter(Filter):
    """Units that see a window each, on a grid of positions.

    The weight is a bank of filters, `(maps, channels / groups, size, size)`, that all
    positions share, or one for each position, or for each position within a tile: then
    `(rows, columns)` of the grid or of the tile lead in it, and in the bias.
    """

    def __init__(
        self, input_shape: MapShape, spec: WindowedSpec, *, generator: torch.Generator
    ) -> None:
        """Make the filters of `spec`, whose groups divide the maps of `input_shape`.

        Raises:
            ShapeError: If a valid window is larger than the input.
        """
        maps, size, padding = spec.maps, spec.size, spec.padding
        output = window_output(
            input_shape, size=size, stride=spec.stride, padding=padding, maps=maps
        )
        banks = self._banks(spec, (output.height, output.width))
        super().__init__(
            input_shape,
            output,
            weight_shape=(*banks, maps, input_shape.maps // spec.groups, size, size),
            bias_shape=(*banks, maps) if spec.bias else None,
            start=spec.start,
            generator=generator,
        )
        self.size = size
        self.stride = spec.stride
        self.padding: Border = padding
        self.groups = spec.groups

    @classmethod
    def _banks(cls, spec: WindowedSpec, grid: tuple[int, int]) -> tuple[int, ...]:
        """Give the axes by which positions on a grid have banks of their own."""
        if cls.shared:
            return ()
        if isinstance(spec, TiledSpec):
            return min(spec.tile, grid[0]), min(spec.tile, grid[1])
        return grid

    @staticmethod
    @abstractmethod
    def _respond(
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        *,
        stride: int,
        padding: Border,
        groups: int,
    ) -> Tensor:
        """Apply the filters at every position."""

    @staticmethod
    @abstractmethod
    def _lay_down(
        h: Tensor,
        weight: Tensor,
        *,
        size: tuple[int, int],
        stride: int,
        padding: Border,
        groups: int,
    ) -> Tensor:
        """Lay the filters down at every position, weighted by the codes, and add."""

    def forward(self, x: Tensor) -> Tensor:
        """Compute the responses at every position."""
        return self._responses(x, self.weight, self.bias)

    def products(self, x: Tensor, *, weight: Tensor | None = None) -> Tensor:
        """Compute the responses at every position, without a bias."""
        return self._responses(x, self.weight if weight is None else weight, None)

    def adjoint(
        self, h: Tensor, *, size: tuple[int, int] | None = None, weight: Tensor | None = None
    ) -> Tensor:
        """Lay the filters down at every position, weighted by the codes, and add."""
        return self._lay_down(
            h,
            self.weight if weight is None else weight,
            size=self.input_shape[1:] if size is None else size,
            stride=self.stride,
            padding=self.padding,
            groups=self.groups,
        )

    def _responses(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Apply filters of this shape at every position."""
        return self._respond(
            x,
            weight,
            bias,
            stride=self.stride,
            padding=self.padding,
            groups=self.groups,
        )

    def squared_lengths(self, *, size: tuple[int, int] | None = None) -> Tensor:
        """Give ‖w‖² of every unit over the inputs that it sees: less where it sees a border.

        That is what squared weights answer to ones.

        Args:
            size: Height and width of the input; those of the stage's own if not given.

        Returns:
            `(1, maps, height', width')`, with a gradient.
        """
        ones = self.weight.new_ones(1, self.input_shape.maps, *(size or self.input_shape[1:]))
        return self._responses(ones, self.weight.square(), None)

    def extra_repr(self) -> str:
        """Say the window too."""
        window = f"size={self.size}, stride={self.stride}, padding={self.padding!r}"
        if self.groups > 1:
            window = f"{window}, groups={self.groups}"
        return f"{super().extra_repr()}, {window}"


class ConvFilter(WindowedFilter):
    """The same filters at every position: weight `(maps, channels / groups, size, size)`.

    It takes inputs of any size that its window fits into, so that it can learn from
    patches and be moved over whole images.
    """

    shared = True
    _respond = staticmethod(conv2d)
    _lay_down = staticmethod(conv_transpose2d)


class LocalFilter(WindowedFilter):
    """Filters of its own at every position.

    Weight `(rows, columns, maps, channels / groups, size, size)`, bias `(rows, columns, maps)`.
    """

    shared = False
    _memory = staticmethod(empty_filters)
    _respond = staticmethod(local2d)
    _lay_down = staticmethod(local_transpose2d)


class TiledFilter(WindowedFilter):
    """Filters that repeat every so many positions.

    Weight `(tile, tile, maps, channels / groups, size, size)`, bias `(tile, tile, maps)`; a
    tile larger than the grid of positions is as large as the grid.
    """

    shared = False
    _respond = staticmethod(tiled2d)
    _lay_down = staticmethod(tiled_transpose2d)


def build_filter(spec: BankSpec, input_shape: MapShape, *, generator: torch.Generator) -> Filter:
    """Build the filter of a recipe over an input of `input_shape`.

    A dense filter with a size is one that is moved over the image: a convolution.

    Raises:
        ShapeError: If a valid window is larger than the input.
    """
    match spec:
        case DenseSpec():
            if spec.size is None:
                return DenseFilter(
                    input_shape,
                    maps=spec.maps,
                    bias=spec.bias,
                    start=spec.start,
                    generator=generator,
                )
            moved = ConvSpec(
                size=spec.size,
                maps=spec.maps,
                stride=spec.stride,
                padding=spec.padding,
                bias=spec.bias,
                start=spec.start,
            )
            return ConvFilter(input_shape, moved, generator=generator)
        case ConvSpec():
            return ConvFilter(input_shape, spec, generator=generator)
        case LocalSpec():
            return LocalFilter(input_shape, spec, generator=generator)
        case TiledSpec():
            return TiledFilter(input_shape, spec, generator=generator)
        case _:
            assert_never(spec)
