"""A stack: preparation of the images, then stages in order."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from featlearn.config.recipe import Recipe
from featlearn.errors import ShapeError, UsageError
from featlearn.geometry import MapShape
from featlearn.ops.random import generator
from featlearn.stages.preparation import Preprocess
from featlearn.stages.preprocess import build_preprocess
from featlearn.stages.stage import Stage, StageOutput, build_stage

What = Literal["code", "pooled", "output"]


def check_what(what: object) -> None:
    """Refuse what is no part of a stage.

    Raises:
        UsageError: Naming the parts.
    """
    parts: tuple[str, ...] = get_args(What)
    if what not in parts:
        raise UsageError(f"what is one of {', '.join(parts)}; got {what!r}")


class Stack(nn.Module):
    """Stages in order, on images prepared the way they were learned from.

    Attributes:
        input_shape: Shape of one image.
        preprocess: What is done to an image before the first stage.
        stages: The stages, bottom first.
    """

    preprocess: nn.ModuleList
    stages: nn.ModuleList

    def __init__(
        self, input_shape: MapShape, preprocess: Sequence[Preprocess], stages: Sequence[Stage]
    ) -> None:
        """Put parts together that were built for one another's shapes."""
        super().__init__()
        self.input_shape = input_shape
        self.preprocess = nn.ModuleList(preprocess)
        self.stages = nn.ModuleList(stages)

    def __len__(self) -> int:
        """Count the stages."""
        return len(self.stages)

    def stage(self, which: int | str) -> Stage:
        """Give one stage, by its place or its name.

        Raises:
            UsageError: If no stage has that name.
        """
        stage = self.stages[which if isinstance(which, int) else self.index(which)]
        assert isinstance(stage, Stage)
        return stage

    def index(self, name: str) -> int:
        """Find the place of a stage by its name.

        Raises:
            UsageError: If no stage has that name.
        """
        names = self.names
        if name not in names:
            raise UsageError(f"there is no stage {name!r}; the stages are {', '.join(names)}")
        return names.index(name)

    @property
    def names(self) -> list[str]:
        """Names of the stages, bottom first."""
        return [self.stage(place).name for place in range(len(self))]

    @property
    def output_shape(self) -> MapShape:
        """Shape of what the last stage gives for one image."""
        return self.stage(len(self) - 1).output_shape

    @property
    def preparation(self) -> list[Preprocess]:
        """The steps of the preprocessing, in order."""
        return [step for step in self.preprocess if isinstance(step, Preprocess)]

    def prepare(self, images: Tensor) -> Tensor:
        """Apply the preprocessing.

        Args:
            images: `(batch, maps, height, width)`, in [0, 1].

        Returns:
            The input of the first stage.

        Raises:
            ShapeError: If the images have another shape than the stack's.
        """
        if tuple(images.shape[1:]) != tuple(self.input_shape):
            height, width = images.shape[-2:]
            raise ShapeError(
                f"the network takes {self.input_shape}; "
                f"got {MapShape(images.shape[1], height, width)}"
            )
        for step in self.preprocess:
            images = step(images)
        return images

    def maps_below(self, images: Tensor, index: int) -> Tensor:
        """Compute the input maps of stage `index`, before its own scaling."""
        maps = self.prepare(images)
        for place in range(index):
            maps = self.stage(place)(maps).output
        return maps

    def forward(self, images: Tensor) -> tuple[StageOutput, ...]:
        """Give every stage's code, pooled and normalised maps, bottom first."""
        maps = self.prepare(images)
        outputs: list[StageOutput] = []
        for place in range(len(self)):
            outputs.append(self.stage(place)(maps))
            maps = outputs[-1].output
        return tuple(outputs)

    def encode(self, images: Tensor, *, stage: str | None = None, what: What = "output") -> Tensor:
        """Compute features.

        Args:
            images: `(batch, maps, height, width)`, in [0, 1].
            stage: Name of the stage; the last one if absent.
            what: The stage's `code`, its `pooled` maps, or its `output`.

        Returns:
            `(batch, features)`: the maps flattened, map after map.

        Raises:
            UsageError: If there is no such stage or part of it, or it does not pool.
        """
        check_what(what)
        index = len(self) - 1 if stage is None else self.index(stage)
        output: StageOutput = self.stage(index)(self.maps_below(images, index))
        match what:
            case "code":
                maps = output.code
            case "pooled":
                if output.pooled is None:
                    raise UsageError(f"stage {self.names[index]!r} has no pooling")
                maps = output.pooled
            case "output":
                maps = output.output
        return maps.flatten(1)


def fitted_preprocess(
    recipe: Recipe, input_shape: MapShape, images: Tensor | None
) -> list[Preprocess]:
    """Build the preprocessing and, given training images, fit it.

    Args:
        recipe: What to build.
        input_shape: Shape of one image.
        images: Training images `(n, maps, height, width)` in [0, 1]; `None`
            leaves the parts to be loaded.
    """
    parts: list[Preprocess] = []
    shape = input_shape
    for spec in recipe.preprocess:
        part = build_preprocess(spec, shape)
        if images is not None:
            part.fit(images)
            images = part(images)
        parts.append(part)
        shape = part.output_shape
    return parts


def build_stack(
    recipe: Recipe,
    input_shape: MapShape,
    *,
    seed: int,
    images: Tensor | None = None,
    preprocess: Sequence[Preprocess] | None = None,
) -> Stack:
    """Build the stack of a recipe with freshly drawn weights.

    Args:
        recipe: What to build.
        input_shape: Shape of one image.
        seed: Seed of the initial weights; each stage draws from its own.
        images: Training images to fit the preprocessing on, in [0, 1].
        preprocess: Preprocessing that is fitted already, instead of `images`.

    Raises:
        RecipeError: If a stage does not fit the maps below it.
    """
    if preprocess is None:
        preprocess = fitted_preprocess(recipe, input_shape, images)
    shape = preprocess[-1].output_shape if preprocess else input_shape
    stages: list[Stage] = []
    for spec in recipe.stages:
        draw = generator(seed, "weights", spec.name)
        stages.append(build_stage(spec, shape, generator=draw))
        shape = stages[-1].output_shape
    return Stack(input_shape, preprocess, stages)


@torch.no_grad()
def parameter_count(module: nn.Module) -> int:
    """Count the numbers that training can change."""
    return sum(parameter.numel() for parameter in module.parameters())
