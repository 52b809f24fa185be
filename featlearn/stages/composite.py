"""Filters that are made of many layers: parts in chains and forks, and their linear transpose."""

from collections.abc import Mapping
from typing import assert_never

import torch
from torch import Tensor, nn

from featlearn.config.expand import Chain, Fork, Join, Part, at_path, joined, leaf_output, opened
from featlearn.config.parts import (
    ActivationPartSpec,
    BranchesSpec,
    ChainSpec,
    CompositeSpec,
    ConvPartSpec,
    DenseBlockSpec,
    GlobalAvgSpec,
    LeafSpec,
    ResidualSpec,
)
from featlearn.config.pieces import AvgPoolSpec, BatchNormSpec, L2PoolSpec, LRNSpec, MaxPoolSpec
from featlearn.errors import ShapeError, UsageError
from featlearn.geometry import MapShape
from featlearn.ops.adjoint import adjoint_at
from featlearn.stages.filter import Filter
from featlearn.stages.parts import (
    ActivationPart,
    ConvPart,
    GlobalAvgPart,
    NormPart,
    PartModule,
    PoolPart,
)


class NoBankError(UsageError, AttributeError):
    """One bank of filters was looked for in a filter that is made of many layers.

    An `AttributeError` too, so that `hasattr` answers instead of failing.
    """


class ChainPart(PartModule):
    """Parts one after the other, by their names."""

    def __init__(self, parts: Mapping[str, PartModule], shape: MapShape) -> None:
        """Take the parts over maps of `shape`, bottom first."""
        shapes = [shape, *(part.output_shape for part in parts.values())]
        super().__init__(shape, shapes[-1])
        for name, part in parts.items():
            self.add_module(name, part)
        self._parts = tuple(parts)

    @property
    def parts(self) -> list[PartModule]:
        """Give the parts, bottom first."""
        return [_part(self, name) for name in self._parts]

    def forward(self, x: Tensor) -> Tensor:
        """Go through the parts."""
        for part in self.parts:
            x = part(x)
        return x

    def linear(self, x: Tensor) -> Tensor:
        """Go through their linear parts."""
        for part in self.parts:
            x = part.linear(x)
        return x

    def below(self, start: int, end: int, axis: int) -> tuple[int, int]:
        """Look through the parts, the last one first."""
        for part in reversed(self.parts):
            start, end = part.below(start, end, axis)
        return start, end


class ForkPart(PartModule):
    """Chains side by side, by their names, and how their results are joined."""

    def __init__(self, chains: Mapping[str, PartModule], shape: MapShape, join: Join) -> None:
        """Take the chains over maps of `shape`."""
        super().__init__(shape, joined([chain.output_shape for chain in chains.values()], join))
        for name, chain in chains.items():
            self.add_module(name, chain)
        self._chains = tuple(chains)
        self.join: Join = join

    @property
    def chains(self) -> list[PartModule]:
        """Give the chains, in order."""
        return [_part(self, name) for name in self._chains]

    def forward(self, x: Tensor) -> Tensor:
        """Go through all chains, and join."""
        return self._joined([chain(x) for chain in self.chains])

    def linear(self, x: Tensor) -> Tensor:
        """Go through the linear parts of all chains, and join."""
        return self._joined([chain.linear(x) for chain in self.chains])

    def below(self, start: int, end: int, axis: int) -> tuple[int, int]:
        """Give what any of the chains sees."""
        seen = [chain.below(start, end, axis) for chain in self.chains]
        return min(first for first, _ in seen), max(last for _, last in seen)

    def _joined(self, results: list[Tensor]) -> Tensor:
        if self.join == "concat":
            return torch.cat(results, 1)
        first, *others = results
        for other in others:
            first = first + other
        return first


class CompositeFilter(Filter):
    """Many layers that stand for one filter.

    What it gives before the stage's activation is no linear map of its input. Its `adjoint`
    is that of its linear part: batch norms scale as in use, offsets and activations are passed
    over, and every pool is a mean.

    Attributes:
        body: The parts.
    """

    shared = True

    def __init__(
        self, spec: CompositeSpec, input_shape: MapShape, *, generator: torch.Generator
    ) -> None:
        """Build the parts of `spec` over maps of `input_shape`.

        Raises:
            ShapeError: If a part does not fit; the sentence names it.
        """
        nn.Module.__init__(self)
        self.body = build_part(spec, input_shape, generator=generator)
        self.input_shape = input_shape
        self.output_shape = self.body.output_shape
        self.kind = str(spec.__struct_config__.tag)
        self.bias = None
        # There need be no weight to tell where the parts are.
        self.register_buffer("_here", torch.zeros(()), persistent=False)

    def __getattr__(self, name: str) -> Tensor | nn.Module:
        """Say what is amiss where one bank of weights is looked for.

        Raises:
            NoBankError: If it is.
        """
        if name == "weight":
            raise NoBankError(
                f"a {self.kind} filter is made of many layers, and has no one bank of filters"
            )
        return super().__getattr__(name)

    def zeros(self, *shape: int) -> Tensor:
        """Make zeros of the precision of the weights, where they are."""
        here = self._here
        assert isinstance(here, Tensor)
        return here.new_zeros(shape)

    def forward(self, x: Tensor) -> Tensor:
        """Go through the parts."""
        return self.body(x)

    def products(self, x: Tensor, *, weight: Tensor | None = None) -> Tensor:
        """Go through the linear parts; there are no other weights."""
        return self.body.linear(x)

    def adjoint(
        self, h: Tensor, *, size: tuple[int, int] | None = None, weight: Tensor | None = None
    ) -> Tensor:
        """Apply the transpose of the linear part; see `Filter.adjoint`.

        Raises:
            ShapeError: If `h` does not belong to an input of this size.
        """
        below = self.input_shape
        plane = (below.height, below.width) if size is None else size

        def linear(x: Tensor) -> Tensor:
            responses = self.body.linear(x)
            if responses.shape != h.shape:
                raise ShapeError(
                    f"this {self.kind} filter gives {tuple(responses.shape[1:])} for maps of "
                    f"{plane[0]}x{plane[1]}; got {tuple(h.shape[1:])}"
                )
            return responses

        return adjoint_at(linear, h.new_zeros(len(h), below.maps, *plane), h)

    def below(self, start: int, end: int, axis: int) -> tuple[int, int]:
        """Give the places below that those from `start` to `end`, exclusive, see along an axis."""
        return self.body.below(start, end, axis)

    def extra_repr(self) -> str:
        """Say from which shape to which."""
        return f"{self.kind}: {self.input_shape} -> {self.output_shape}"


def build_part(
    part: Part, below: MapShape, *, generator: torch.Generator, path: str = ""
) -> PartModule:
    """Build a part over maps of shape `below`, with weights from `generator`.

    Args:
        part: What to build.
        below: Shape of the maps that it is given.
        generator: Source of the first weights.
        path: Names that lead to the part, for the sentence.

    Raises:
        ShapeError: If a part does not fit; the sentence names it by its path.
    """

    def built(name: str, part: Part, below: MapShape) -> PartModule:
        return build_part(part, below, generator=generator, path=f"{path}.{name}".strip("."))

    match part:
        case Chain():
            shape, parts = below, dict[str, PartModule]()
            for step in part.steps:
                parts[step.name] = built(step.name, step.part, shape)
                shape = parts[step.name].output_shape
            return ChainPart(parts, below)
        case Fork():
            chains = {name: built(name, chain, below) for name, chain in part.branches}
            return at_path(path, lambda: ForkPart(chains, below, part.join))
        case ChainSpec() | BranchesSpec() | ResidualSpec() | DenseBlockSpec():
            return build_part(opened(part, below), below, generator=generator, path=path)
        case _:
            above = at_path(path, lambda: leaf_output(part, below))
            return _leaf(part, below, above, generator)


def _leaf(
    spec: LeafSpec, below: MapShape, above: MapShape, generator: torch.Generator
) -> PartModule:
    """Build a part that is one layer."""
    match spec:
        case ConvPartSpec():
            return ConvPart(spec, below, above, generator=generator)
        case BatchNormSpec() | LRNSpec():
            return NormPart(spec, below)
        case ActivationPartSpec():
            return ActivationPart(spec.activation, below)
        case MaxPoolSpec() | AvgPoolSpec() | L2PoolSpec():
            return PoolPart(spec, below, above)
        case GlobalAvgSpec():
            return GlobalAvgPart(below)
        case _:
            assert_never(spec)


def _part(module: nn.Module, name: str) -> PartModule:
    """Give a part by its name."""
    part = module.get_submodule(name)
    assert isinstance(part, PartModule)
    return part
