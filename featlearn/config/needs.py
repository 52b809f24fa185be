"""What pre-training takes of memory at the same time, by its schedule."""

from collections.abc import Collection, Sequence
from itertools import accumulate
from typing import NamedTuple

import msgspec

from featlearn.config.banks import LocalSpec
from featlearn.config.data import PCASpec
from featlearn.config.footprint import FLOAT_BYTES, Learning, images_at_once, state_numbers
from featlearn.config.inputs import WhitenSpec
from featlearn.config.layers import Layer
from featlearn.config.parts import CompositeSpec
from featlearn.config.plan import plan
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.geometry import MapShape
from featlearn.wording import human_bytes

PROGRAM_BYTES = 420 * 10**6
"""What PyTorch, the other libraries and generated kernels take on a processor, measured."""

_IN_HALVES = 1.2  # what is computed in bfloat16, beside the copies in float32, measured
_DOUBLE_BYTES = 8
_COVARIANCES = 5  # covariance, axes and what finds them, measured
_CENTRED = 1024  # samples that are centred together
_PREPARED = 4  # copies of the images that preprocessing is fitted on, measured


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that pre-training holds at once.

    Attributes:
        weights: Of all stages and their decoders, and what whitens; in bfloat16 what learns as
            rounded for a step, too.
        gradients: What is there of them at a time.
        optimizer: What the optimiser keeps, and objectives from step to step.
        activations: What a step computes, and what is computed to scale the inputs of stages.
        copies: Weights or the optimiser's state as a checkpoint writes them, and the best ones.
        images: As they were read, and once more those to learn from.
        program: The libraries.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    copies: int = 0
    images: int = 0
    program: int = 0

    def __str__(self) -> str:
        """Write down what is not nothing."""
        names = {"optimizer": "optimiser", "program": "libraries"}
        parts = msgspec.structs.asdict(self).items()
        return ", ".join(f"{names.get(name, name)} {human_bytes(n)}" for name, n in parts if n)


def pretraining_footprint(
    recipe: Recipe,
    input_shape: MapShape,
    *,
    own: Collection[str] = (),
    images: int = 0,
    kept: int | None = None,
    processor: bool = True,
) -> Needs | None:
    """Count the bytes that pre-training must hold at once.

    The weights of all stages are there from the beginning. Of stages that learn one after
    the other, only the one that takes most counts with gradients, optimiser and
    activations. Patches are small, and what is computed of them is not counted. A program keeps
    what it frees for what comes next, which seldom fits the gaps: so what a step, a
    checkpoint and the fitting of scales take is added up.

    Args:
        recipe: What is trained.
        input_shape: Shape of one image.
        own: Names of the stages that learn by an objective which is not the recipe's.
        images: How many there are, a byte for each number; left out at 0.
        kept: How often the weights are there beside themselves; as a checkpoint writes them
            if not given.
        processor: Whether it computes in the memory that holds the images and the program.

    Returns:
        The bytes; `None` where only the data tell how large the stages are.

    Raises:
        RecipeError: If the stages do not fit the image.
    """
    if any(
        isinstance(spec, PCASpec) and isinstance(spec.keep, float) for spec in recipe.preprocess
    ):
        return None
    parts = _parts_of(recipe, input_shape)
    found = _stages(recipe, parts, batch=recipe.pretrain.batch)
    taught = {spec.name for spec in recipe.stages if spec.objective is not None} | {*own}
    phases = _phases(recipe, [stage for name, stage in found.items() if name in taught])
    weights = sum(stage.learned for stage in found.values())
    fixed = FLOAT_BYTES * sum(part.fixed for part in parts.values())
    changed = max((sum(stage.learned for stage in phase) for phase in phases), default=0)
    learning = {name: stage for name, stage in found.items() if name in taught}
    state = _state(recipe, learning)
    rounded = weights // 2 if recipe.pretrain.precision == "bfloat16" and taught else 0
    sample = FLOAT_BYTES * min(images, recipe.pretrain.fit_samples) * input_shape.units
    copies = _copies(recipe, weights + fixed, state, changed, sample=sample)
    if kept is not None:
        copies = kept * (weights + fixed)
    return Needs(
        weights=weights + fixed + rounded,
        gradients=max((_gradients(recipe, phase) for phase in phases), default=0),
        optimizer=state,
        activations=max((_activations(recipe, phase) for phase in phases), default=0)
        + (_looked_at(recipe, parts, images) if taught else 0)
        + _whitened(recipe, parts, images),
        copies=copies if processor or kept else 0,
        images=2 * images * input_shape.units if processor else 0,
        program=PROGRAM_BYTES if processor else 0,
    )


def total_bytes(needs: Needs) -> int:
    """Add the parts up."""
    return sum(msgspec.structs.astuple(needs))


class _Part(NamedTuple):
    """A stage as it is counted.

    Attributes:
        maps: Shape of the maps below it.
        below: Numbers of these, for one image.
        given: Numbers that its filter is given.
        layers: From the filter on.
        fixed: Numbers that are measured, not learned.
    """

    maps: MapShape
    below: int
    given: int
    layers: list[Layer]
    fixed: int

    @property
    def code(self) -> int:
        """Count the numbers that come out of the filter, which may be many layers."""
        own = [layer for layer in self.layers if layer.within is not None]
        return MapShape(*(own or self.layers[:1])[-1].output).units


def _parts_of(recipe: Recipe, input_shape: MapShape) -> dict[str, _Part]:
    """Give each stage's layers, and what comes into them."""
    counted = plan(recipe, input_shape)
    below = MapShape(*counted.prepared)
    found: dict[str, _Part] = {}
    for spec in recipe.stages:
        layers = [layer for layer in counted.layers if layer.stage == spec.name]
        fixed = sum(layer.fixed for layer in layers)
        whitening = layers.pop(0) if isinstance(spec.input, WhitenSpec) else None
        given = below.units if whitening is None else whitening.units
        found[spec.name] = _Part(below, below.units, given, layers, fixed)
        below = MapShape(*layers[-1].output)
    return found


def _stages(
    recipe: Recipe, parts: dict[str, _Part], *, batch: int, whole: bool = False
) -> dict[str, Learning]:
    """Count what each stage takes with so many images, `whole` even if it learns from patches."""
    found: dict[str, Learning] = {}
    for spec in recipe.stages:
        part = parts[spec.name]
        layers = part.layers
        numbers = FLOAT_BYTES * batch if whole or spec.patches is None else 0
        pooled = _pooled(layers) if spec.pool is not None else 0
        weights = FLOAT_BYTES * layers[0].weights
        untied = spec.objective is not None and spec.objective.tied is False
        copies = spec.objective is not None and spec.objective.copies_filters and not whole
        found[spec.name] = Learning.of(
            part.given * numbers,
            part.code * numbers,
            pooled * numbers,
            learned=FLOAT_BYTES * sum(layer.learned for layer in layers),
            weights=weights,
            copied=weights if copies else 0,
            remembered=FLOAT_BYTES * _remembered(spec, layers[0].weights),
            uses=1 if untied else 2,
            summed=isinstance(spec.filter, LocalSpec),
        )
    return found


def _remembered(spec: StageSpec, weights: int) -> int:
    """Count the numbers that a stage's objective keeps from step to step."""
    if spec.objective is None or isinstance(spec.filter, CompositeSpec):
        return 0
    return spec.objective.remembered(spec.filter.maps, weights // spec.filter.maps)


def _pooled(layers: Sequence[Layer]) -> int:
    """Count the numbers that come out of a stage's pooling."""
    pools = (row for row in layers if row.within is None and row.kind.endswith("pooling"))
    return next(pools).units


def _phases(recipe: Recipe, learning: Sequence[Learning]) -> list[list[Learning]]:
    """Give the stages that learn together, phase by phase."""
    alone = [[stage] for stage in learning]
    return alone if recipe.pretrain.schedule == "greedy" else [list(learning)]


def _gradients(recipe: Recipe, phase: Sequence[Learning]) -> int:
    """Count gradients: all of them, or one at a time, and what is there for a moment.

    In bfloat16 each is there rounded, too, before it is there in float32.
    """
    half = recipe.pretrain.precision == "bfloat16"
    extra = [stage.weights // 2 if half else stage.added for stage in phase]
    if recipe.pretrain.update == "backward":
        one = (stage.weights + more for stage, more in zip(phase, extra, strict=True))
        return max(one, default=0)
    return sum(stage.learned for stage in phase) + max(extra, default=0)


def _activations(recipe: Recipe, phase: Sequence[Learning]) -> int:
    """Count what a step computes, on the way back through the stage where that is most.

    The stages above it have let go of theirs by then.
    """
    if recipe.pretrain.recompute:
        given = sum(stage.given for stage in phase)
        found = given + max((stage.kept + stage.passing for stage in phase), default=0)
    else:
        kept = accumulate(stage.kept for stage in phase)
        pairs = zip(kept, phase, strict=True)
        found = max((below + stage.passing for below, stage in pairs), default=0)
    return round(found * _IN_HALVES) if recipe.pretrain.precision == "bfloat16" else found


def _looked_at(recipe: Recipe, parts: dict[str, _Part], images: int) -> int:
    """Count what is computed of images to scale the inputs of stages."""
    count = images_at_once(max(part.code for part in parts.values()))
    found = _stages(recipe, parts, batch=min(count, images or count), whole=True)
    return max(stage.kept + stage.passing for stage in found.values())


def _state(recipe: Recipe, learning: dict[str, Learning]) -> int:
    """Count what optimisers and objectives keep, given the stages that learn."""
    alone = max(
        (
            stage.learned * state_numbers(recipe.optimizer_of(spec)) + stage.remembered
            for spec in recipe.stages
            if (stage := learning.get(spec.name)) is not None
        ),
        default=0,
    )
    if recipe.pretrain.schedule == "greedy":
        return alone
    numbers = state_numbers(recipe.pretrain.optimizer)
    return max(alone, sum(one.learned * numbers + one.remembered for one in learning.values()))


def _whitened(recipe: Recipe, parts: dict[str, _Part], images: int) -> int:
    """Count what it takes to whiten the inputs of stages: a sample, and how it varies.

    The sample is there in the batches that it was computed in, too.
    """
    sample = min(images, recipe.pretrain.fit_samples)
    taken: list[int] = []
    for spec in recipe.stages:
        if isinstance(spec.input, WhitenSpec):
            maps = parts[spec.name].maps
            windows = sample * spec.input.measured(maps)
            taken.append(whitening_bytes(spec.input.together(maps).units, sample=windows))
    return max(taken, default=0)


def whitening_bytes(size: int, *, sample: int) -> int:
    """Count what it takes to find the components of so many numbers, of so many samples."""
    covariances = _COVARIANCES * _DOUBLE_BYTES * size**2
    centred = 2 * _DOUBLE_BYTES * _CENTRED * size
    return 2 * FLOAT_BYTES * sample * size + covariances + centred


def _copies(recipe: Recipe, weights: int, state: int, changed: int, *, sample: int) -> int:
    """Count what is there twice: to be written, to be put back, or to be prepared.

    Args:
        recipe: What is trained.
        weights: Bytes of the weights.
        state: Bytes of the optimiser's state.
        changed: Bytes of the weights that learn at once.
        sample: Bytes of the images that are fitted on, in floats.
    """
    local = any(isinstance(spec.filter, LocalSpec) for spec in recipe.stages)
    written = max(weights, state) if local else 0  # in another order than they lie in
    best = changed if recipe.pretrain.patience is not None else 0
    prepared = _PREPARED * sample if recipe.preprocess else 0
    return max(written, prepared) + best
