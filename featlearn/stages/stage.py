"""A stage: filter, activation, pooling, normalisation, and how it rebuilds its input."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from featlearn.config.banks import DenseSpec
from featlearn.config.objectives import ObjectiveSpec
from featlearn.config.parts import CompositeSpec
from featlearn.config.pieces import activation_name
from featlearn.config.stages import StageSpec, check_groups, check_learnable
from featlearn.errors import RecipeError, ShapeError, UsageError
from featlearn.geometry import MapShape
from featlearn.stages.activation import BatchTopK, BuiltActivation, build_activation
from featlearn.stages.clusters import ClusterCodes
from featlearn.stages.composite import CompositeFilter
from featlearn.stages.decoder import Decoder
from featlearn.stages.filter import Filter
from featlearn.stages.filters import build_filter
from featlearn.stages.inference import InferredCodes
from featlearn.stages.norm import BatchNorm, Norm, build_norm
from featlearn.stages.pool import Pool, build_pool
from featlearn.stages.scaler import Scaler, build_scaler


class StageOutput(NamedTuple):
    """What a stage computes, `(batch, maps, height, width)` each."""

    code: Tensor
    """After the activation."""

    pooled: Tensor | None
    """After pooling, where there is any."""

    normalised: Tensor | None
    """After normalisation, where there is any."""

    dropped: Tensor | None = None
    """After dropout, where there is any and the stage is in training."""

    @property
    def output(self) -> Tensor:
        """The last of them that exists: what the stage above is given."""
        if self.dropped is not None:
            return self.dropped
        if self.normalised is not None:
            return self.normalised
        return self.code if self.pooled is None else self.pooled


class Stage(nn.Module):
    """One stage of a stack.

    Attributes:
        name: The stage's name in its recipe.
        spec: What it was built from.
        scaler: How the maps below become its input and target.
        filter: Linear map from scaled input to responses, or many layers that stand for one.
        filter_norm: Batch normalisation of the responses, or `None`.
        activation: What becomes of the responses, or makes a code of the input by the filters.
        decoder: Linear map from code to input; `None` unless the objective has one.
        pool: Pooling of the code, or `None`.
        norm: Normalisation of what comes before it, or `None`.
        input_shape: Shape of the maps below.
        code_shape: Shape of the code.
        pooled_shape: Shape after pooling, or `None`.
        output_shape: Shape of what the stage above is given.
    """

    scaler: Scaler
    filter: Filter
    filter_norm: BatchNorm | None
    activation: BuiltActivation
    decoder: Decoder | None
    pool: Pool | None
    norm: Norm | None

    def __init__(
        self, spec: StageSpec, input_shape: MapShape, *, generator: torch.Generator
    ) -> None:
        """Build the parts of `spec` over maps of `input_shape`.

        Args:
            spec: What to build.
            input_shape: Shape of the maps below.
            generator: Source of the first weights.

        Raises:
            RecipeError: If a part does not fit; the sentence names the stage and the key.
        """
        super().__init__()
        self._last: dict[str, tuple[Tensor, Tensor, tuple[object, ...]]] | None = None
        self.name = spec.name
        self.spec = spec
        self.input_shape = input_shape
        if spec.patches is not None and spec.patches.size > min(input_shape[1:]):
            raise _misfit(spec.name, "patches", spec.patches.size, input_shape)
        per_unit = isinstance(spec.filter, DenseSpec) and spec.filter.size is None
        self.scaler = build_scaler(spec, input_shape, per_unit=per_unit)
        self.filter, self.filter_norm = _build_filter(spec, self.scaler.output_shape, generator)
        self.activation = build_activation(spec.activation, self.filter.output_shape.maps)
        self.decoder = _build_decoder(spec.objective, self.filter)
        self.code_shape = shape = self.filter.output_shape
        self.pool = None if spec.pool is None else build_pool(spec.pool)
        self.pooled_shape: MapShape | None = None
        if self.pool is not None:
            with _fitting(spec.name, "pool", self.pool.window.size, shape):
                self.pooled_shape = shape = self.pool.output_shape(shape)
        self.norm = None if spec.norm is None else build_norm(spec.norm, shape.maps)
        if self.norm is not None:
            if isinstance(self.norm, BatchNorm):
                self.norm.single = shape.height * shape.width == 1
            with _fitting(spec.name, "norm", getattr(spec.norm, "size", None), shape):
                shape = self.norm.output_shape(shape)
        self.output_shape = shape

    def forward(self, x: Tensor) -> StageOutput:
        """Compute code, pooled and normalised maps from the maps below.

        Args:
            x: Maps below, unscaled, `(batch, maps, height, width)`.
        """
        return self.respond(self.scaler(x))

    def respond(self, x: Tensor) -> StageOutput:
        """Compute code, pooled and normalised maps from scaled input."""
        code = self.code(x)
        pooled = None if self.pool is None else self.pooled(code)
        last = code if pooled is None else pooled
        normalised = None if self.norm is None else self.norm(last)
        dropped: Tensor | None = None
        if self.spec.dropout and self.training:
            last = last if normalised is None else normalised
            dropped = F.dropout(last, self.spec.dropout)
        return StageOutput(code, pooled, normalised, dropped)

    def code(self, x: Tensor) -> Tensor:
        """Compute the code of scaled input: of the filter's responses, or by the filter itself."""
        return self._once("code", x, lambda: self._coded(x))

    def _coded(self, x: Tensor) -> Tensor:
        if isinstance(self.activation, ClusterCodes | InferredCodes):
            return self.activation(self.filter, x)
        return self.activation(self.responses(x))

    def responses(self, x: Tensor) -> Tensor:
        """Compute what scaled input gives before the activation: filtered and normalised."""
        responses = self.filter(x)
        return responses if self.filter_norm is None else self.filter_norm(responses)

    def pooled(self, h: Tensor) -> Tensor:
        """Pool a code.

        Raises:
            UsageError: If the stage does not pool.
        """
        pool = self.pool
        if pool is None:
            raise UsageError(f"stage {self.name!r} does not pool")
        return self._once("pooled", h, lambda: pool(h))

    @property
    def composite(self) -> bool:
        """Whether many layers stand for the filter, so that there is no one bank of weights."""
        return isinstance(self.filter, CompositeFilter)

    @property
    def learned(self) -> list[nn.Module]:
        """Give the parts that learn from labels, in the order of the computation."""
        own = self.activation if any(True for _ in self.activation.parameters()) else None
        parts = (self.filter, self.filter_norm, own, self.norm)
        return [part for part in parts if part is not None]

    @property
    def batch_norms(self) -> list[BatchNorm]:
        """Give every batch normalisation in the stage, in the order in which they are held."""
        return [module for module in self.modules() if isinstance(module, BatchNorm)]

    @property
    def measuring(self) -> list[BatchNorm | BatchTopK]:
        """Give everything that measures batches in training, to use what it measured."""
        own = [self.activation] if isinstance(self.activation, BatchTopK) else []
        return [*self.batch_norms, *own]

    @contextmanager
    def remembering(self) -> Generator[None]:
        """Within it, the code of the last input, and what is pooled of it, are computed once.

        Unless the input, the filter or the result has changed since, or the precision.
        """
        self._last = {}
        try:
            yield
        finally:
            self._last = None

    def _once(self, what: str, given: Tensor, compute: Callable[[], Tensor]) -> Tensor:
        """Compute something, or give it back if it was computed of the same before."""
        if self._last is None:
            return compute()
        before = self._last.get(what)
        if before is None or before[0] is not given or before[2] != self._state(given, before[1]):
            found = compute()
            self._last[what] = before = given, found, self._state(given, found)
        return before[1]

    def _state(self, given: Tensor, found: Tensor) -> tuple[object, ...]:
        """Tell one state of an input, the filter and a result from another.

        What was computed where nobody differentiates leads to no gradient, and is not given to
        who needs one.
        """
        kind = given.device.type
        cast = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
        half = torch.get_autocast_dtype(kind) if cast else None
        wanted = not torch.is_grad_enabled() or found.requires_grad
        parts = (self.filter, self.filter_norm, self.activation)
        weights = [p for part in parts if part is not None for p in part.parameters()]
        changes = [t._version for t in (given, found, *weights)]  # noqa: SLF001
        return wanted, half, *changes

    def decode(self, h: Tensor, *, size: tuple[int, int] | None = None) -> Tensor:
        """Rebuild scaled input from a code.

        Args:
            h: Codes, of the shape that `code` gives.
            size: Height and width of the input; the stage's own if not given.

        Returns:
            Scaled input, or its log-odds where the objective's decoder gives these. Without a
            decoder, as where clusters were learned, the adjoint of the filter.
        """
        if self.decoder is None:
            return self.filter.adjoint(h, size=size)
        return self.decoder(h, self.filter, size=size)

    def rebuild(self, x: Tensor) -> Tensor:
        """Rebuild maps below from their own code, all in their unscaled unit.

        A filter that learned from patches of its own size rebuilds such patches; over
        larger maps its overlapping reconstructions add up.

        Args:
            x: Maps below, unscaled, `(batch, maps, height, width)`.

        Returns:
            A tensor of the shape of `x`.
        """
        scaled = self.scaler(x)
        return self.rebuild_from(self.code(scaled), size=(scaled.shape[2], scaled.shape[3]))

    def rebuild_from(self, code: Tensor, *, size: tuple[int, int] | None = None) -> Tensor:
        """Rebuild maps below from a code, in their unscaled unit.

        Args:
            code: Codes, `(batch, maps, height, width)`.
            size: Height and width of the scaled maps below; the stage's own if not given.
        """
        rebuilt = self.decode(code, size=size)
        objective = self.spec.objective
        if objective is not None and objective.log_odds:
            rebuilt = torch.sigmoid(rebuilt)
        return self.scaler.invert(rebuilt)

    def extra_repr(self) -> str:
        """Say the name, and the activation, which is no module."""
        kind = activation_name(self.spec.activation)
        return f"{self.name}: {self.input_shape} -> {self.output_shape}, {kind}"


def build_stage(spec: StageSpec, input_shape: MapShape, *, generator: torch.Generator) -> Stage:
    """Build a stage of a recipe over maps of `input_shape`, with weights from `generator`.

    Raises:
        RecipeError: If a part does not fit; the sentence names the stage and the key.
    """
    return Stage(spec, input_shape, generator=generator)


def _build_filter(
    spec: StageSpec, given: MapShape, generator: torch.Generator
) -> tuple[Filter, BatchNorm | None]:
    """Build a stage's filter, and the norm of its responses if there is one."""
    if isinstance(spec.filter, CompositeSpec):
        try:
            return CompositeFilter(spec.filter, given, generator=generator), None
        except ShapeError as error:
            raise RecipeError(f"stage {spec.name!r}: filter: {error}") from None
    check_groups(spec, given.maps)
    check_learnable(spec, given)
    with _fitting(spec.name, "filter", spec.filter.size, given):
        bank = build_filter(spec.filter, given, generator=generator)
    norm = None
    if spec.filter.norm is not None:
        shape = bank.output_shape
        norm = BatchNorm(shape.maps, eps=spec.filter.norm.eps, momentum=spec.filter.norm.momentum)
        norm.single = shape.height * shape.width == 1
    return bank, norm


def _build_decoder(objective: ObjectiveSpec | None, encoder: Filter) -> Decoder | None:
    if objective is None or objective.tied is None:
        return None
    return Decoder(encoder, tied=objective.tied, offset=objective.offset)


@contextmanager
def _fitting(name: str, part: str, size: int | None, shape: MapShape) -> Generator[None]:
    """Turn a window that does not fit into an error of the recipe."""
    try:
        yield
    except ShapeError as error:
        assert size is not None
        raise _misfit(name, part, size, shape) from error


def _misfit(name: str, part: str, size: int, shape: MapShape) -> RecipeError:
    return RecipeError(
        f"stage {name!r}: {part}.size {size} does not fit into {shape.height}x{shape.width}"
    )
