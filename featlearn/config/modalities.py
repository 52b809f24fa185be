"""The recipe of several modalities: a stack for each, and one code that they share."""

from typing import Annotated, Literal

import msgspec

from featlearn.config.base import (
    Count,
    Fraction,
    KindSpec,
    Name,
    NonNegative,
    NonNegativeInt,
    Positive,
    Spec,
)
from featlearn.config.data import AugmentSpec, DataSpec, MixupSpec, PreprocessSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.config.training import LoopSpec, PlateauSpec, PretrainSpec

SHARED = "shared"
"""Name of the phase in which the shared code is learned; no stage may have it."""


class ModalitySpec(Spec, frozen=True, kw_only=True):
    """One way in which samples are perceived: its data, and the stack that describes them.

    `name` is what it is called in files and as `--set modalities.NAME`. `data`, `preprocess`,
    `stages` and `pretrain` are those of a recipe of this modality alone, by which its stack
    learns first. `augment` changes samples at random while the shared code and a head are
    learned: anew in every step or, with `copies`, so many times beforehand, which takes less time
    where it comes to fewer changed samples.
    """

    name: Name
    data: DataSpec
    stages: tuple[StageSpec, ...]
    preprocess: tuple[PreprocessSpec, ...] = ()
    pretrain: PretrainSpec = msgspec.field(default_factory=PretrainSpec)
    augment: tuple[AugmentSpec, ...] = ()
    copies: Count | None = None

    def __post_init__(self) -> None:
        """Mixed samples would have no partner, and unchanged ones need no copies."""
        if self.copies is not None and not self.augment:
            raise ValueError("`copies` are changed ones: say how with `augment`, or leave it out")
        if any(isinstance(spec, MixupSpec) for spec in self.augment):
            raise ValueError(
                "`augment` has the kind 'mixup', which mixes samples that have different "
                "partners: leave it out"
            )


class PairsSpec(Spec, frozen=True, kw_only=True):
    """Which samples of the modalities belong together.

    `by = "order"` pairs the first with the first, `"key"` samples whose files have one name up to
    its ending, `"class"` samples of one class, which uses the labels. `count` takes that many
    pairs, of every class as many if there are classes; what is in none of them is learned from
    alone. Without it all pairs are taken: by class, one for every sample of the largest modality.
    """

    by: Literal["order", "key", "class"] = "key"
    count: Count | None = None


class SharedSpec(LoopSpec, frozen=True, kw_only=True):
    """The code that all modalities share, and how it is learned (Ngiam et al., ICML 2011).

    A net with `hidden` layers, under `dropout`, leads from the output of each stack to `code`
    numbers; the code of a sample is their mean over the modalities that are there, brought to one
    length. Nets of the same layers lead back. `rebuild` weighs the error of rebuilding every
    modality from all of them and from each alone, a mean over its units. `agreement` weighs that
    the codes of the two sides of a pair be told from those of other pairs, at this
    `temperature`; `views` weighs the same for a sample and a changed copy of it, paired or not.
    """

    code: Count = 64
    hidden: tuple[Count, ...] = (256,)
    dropout: Fraction = 0.2
    rebuild: NonNegative = 1.0
    agreement: NonNegative = 1.0
    views: NonNegative = 0.0
    temperature: Positive = 0.1

    def __post_init__(self) -> None:
        """Refuse keys that belong elsewhere."""
        super().__post_init__()
        if self.augment:
            raise ValueError("`augment` belongs to each of [[modalities]], not to [shared]")


class FusionSpec(KindSpec, frozen=True, kw_only=True):
    """What every head over several modalities shares.

    Softmax over the classes, after layers of `hidden` widths under `dropout`, with label
    `smoothing`. `name` is what `describe` calls the last layer.
    """

    hidden: tuple[Count, ...] = ()
    dropout: Fraction = 0.0
    smoothing: Fraction = 0.0
    name: Name = "out"


class SharedFusionSpec(FusionSpec, frozen=True, kw_only=True, tag="shared"):
    """A head on the shared code, the mean over the modalities that are there."""


class EarlyFusionSpec(FusionSpec, frozen=True, kw_only=True, tag="early"):
    """A head on the modalities' codes side by side; one that is missing is zeros."""


class LateFusionSpec(FusionSpec, frozen=True, kw_only=True, tag="late"):
    """A head for each modality; their log-probabilities are added up (Hinton 2002)."""


class GatedFusionSpec(FusionSpec, frozen=True, kw_only=True, tag="gated"):
    """A head on a weighted mean of the modalities, whose weights each sample decides.

    The weights are a softmax over those that are there (Arevalo et al. 2017).
    """


FusionHeadSpec = SharedFusionSpec | EarlyFusionSpec | LateFusionSpec | GatedFusionSpec


class FusionTrainingSpec(LoopSpec, frozen=True, kw_only=True):
    """Supervised training of a `head`, and of the nets that lead to the shared code.

    `alone` weighs the error of each modality by itself, over all of its labelled samples, beside
    that of all together: so the head also serves where one is missing. `encoder_lr` multiplies
    the learning rate of the nets; at 0 they stay as they are. The stacks always do.
    """

    head: FusionHeadSpec = msgspec.field(default_factory=LateFusionSpec)
    alone: NonNegative = 1.0
    encoder_lr: NonNegative = 1.0

    def __post_init__(self) -> None:
        """Refuse keys that belong elsewhere, or need what is not there."""
        super().__post_init__()
        if self.augment:
            raise ValueError("`augment` belongs to each of [[modalities]], not to [finetune]")
        if self.patience is not None or isinstance(self.rate, PlateauSpec):
            raise ValueError(
                "`finetune` over several modalities holds no labels out, so that nothing can "
                "follow them: leave out `patience`, and take another `rate` than plateau"
            )


class MultimodalRecipe(Spec, frozen=True, kw_only=True):
    """A run of several modalities in full: their data and stacks, pairs, and the shared code.

    `title`, `shows`, `expect` and `minutes` (on 2 CPU cores) are for people. The stack of each of
    the `modalities` learns first; then, by `pairs` and from unpaired samples, the `shared` code.
    `finetune` is how a head learns with labels. `seed` is that of the weights, the order, the
    noise, the held-out samples and the draw of pairs.
    """

    title: str
    modalities: Annotated[tuple[ModalitySpec, ...], msgspec.Meta(min_length=2)]
    pairs: PairsSpec = msgspec.field(default_factory=PairsSpec)
    shared: SharedSpec = msgspec.field(default_factory=SharedSpec)
    finetune: FusionTrainingSpec = msgspec.field(default_factory=FusionTrainingSpec)
    shows: str = ""
    expect: str = ""
    minutes: Positive | None = None
    seed: NonNegativeInt = 0

    def __post_init__(self) -> None:
        """Names tell modalities, stages and phases apart."""
        stages = [stage.name for each in self.modalities for stage in each.stages]
        for what, names in (("modalities", self.names), ("stages", stages)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"two {what} have the name {twice[0]!r}; each needs its own")
        if SHARED in stages or any(each.pretrain.schedule != "greedy" for each in self.modalities):
            raise ValueError(
                f'stages of several modalities learn by `pretrain.schedule = "greedy"`, and none '
                f"is called {SHARED!r}, as the phase after them is"
            )
        for place in range(len(self.modalities)):
            one_modality(self, place)  # which checks itself

    @property
    def names(self) -> list[str]:
        """Names of the modalities, in order."""
        return [each.name for each in self.modalities]


def one_modality(recipe: MultimodalRecipe, place: int) -> Recipe:
    """Give the recipe by which the stack of one modality learns.

    Raises:
        ValueError: If its parts do not go together.
    """
    spec = recipe.modalities[place]
    try:
        return Recipe(
            title=f"{recipe.title}: {spec.name}",
            data=spec.data,
            stages=spec.stages,
            preprocess=spec.preprocess,
            pretrain=spec.pretrain,
            seed=recipe.seed,
        )
    except ValueError as error:
        raise ValueError(f"modality {spec.name!r}: {error}") from None


def phase_titles(recipe: MultimodalRecipe) -> dict[str, str]:
    """Say of each stage's phase of which modality it is, for people: `image: edges`."""
    return {
        stage.name: f"{each.name}: {stage.name}"
        for each in recipe.modalities
        for stage in each.stages
    }
