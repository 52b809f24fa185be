"""Specs of a stage: filter, activation, pooling, normalisation."""

from typing import Literal

from featlearn.config.base import Count, KindSpec, Name, Positive, Spec
from featlearn.config.objectives import ObjectiveSpec
from featlearn.geometry import Padding

Activation = Literal["identity", "sigmoid", "tanh", "relu"]
StageInput = Literal["standardize", "unit", "none"]


class DenseSpec(KindSpec, frozen=True, kw_only=True, tag="dense"):
    """Every unit sees everything, or, with a `size`, one patch.

    With a `size` the filters are learned from patches of that side and, once
    learned, moved over the whole image with `stride`.
    """

    maps: Count
    size: Count | None = None
    stride: Count = 1
    bias: bool = True


class ConvSpec(KindSpec, frozen=True, kw_only=True, tag="conv"):
    """Shared filters: the same weights at every position."""

    size: Count
    maps: Count
    stride: Count = 1
    padding: Padding = "valid"
    bias: bool = True


class LocalSpec(KindSpec, frozen=True, kw_only=True, tag="local"):
    """Untied filters: every output position has weights of its own."""

    size: Count
    maps: Count
    stride: Count = 1
    padding: Padding = "valid"
    bias: bool = True


FilterSpec = DenseSpec | ConvSpec | LocalSpec


class PoolSpec(KindSpec, frozen=True, kw_only=True):
    """What every pooling shares: a square window within each map."""

    size: Count
    stride: Count = 1
    padding: Padding = "valid"
    name: Name | None = None


class L2PoolSpec(PoolSpec, frozen=True, kw_only=True, tag="l2"):
    """Root of the sum of squares over the window."""


class MaxPoolSpec(PoolSpec, frozen=True, kw_only=True, tag="max"):
    """Largest value in the window."""


class AvgPoolSpec(PoolSpec, frozen=True, kw_only=True, tag="avg"):
    """Mean over the window."""


AnyPoolSpec = L2PoolSpec | MaxPoolSpec | AvgPoolSpec


class LCNSpec(KindSpec, frozen=True, kw_only=True, tag="lcn"):
    """Local contrast normalisation: subtract the local mean, divide by the local deviation.

    `constant` is the least divisor: `"mean"` takes the image's mean deviation
    (Jarrett et al. 2009), a number takes that number (0.01 in Le et al. 2012).
    `floor` bounds it from below, so that a constant image gives zeros.
    """

    size: Count
    padding: Padding = "valid"
    window: Literal["box", "gaussian"] = "box"
    across: bool = False
    constant: Literal["mean"] | Positive = "mean"
    floor: Positive = 1e-4
    name: Name | None = None


class BatchNormSpec(KindSpec, frozen=True, kw_only=True, tag="batch"):
    """Batch normalisation of each map, with running statistics when frozen."""

    momentum: Positive = 0.1
    eps: Positive = 1e-5
    name: Name | None = None


NormSpec = LCNSpec | BatchNormSpec


class PatchSpec(Spec, frozen=True, kw_only=True):
    """Random patches of a stage's input maps to learn from, instead of whole ones."""

    size: Count
    per_image: Count = 1


class StageSpec(Spec, frozen=True, kw_only=True):
    """One stage: filter, then what follows it, and how it learns without labels.

    `input` says how the maps below become this stage's input and target:
    `standardize` centres them and gives them one scale per map (per unit under
    a dense filter), `unit` maps them onto [0, 1], `none` leaves them.
    `epochs` and `lr` replace those of `[pretrain]` for this stage alone.
    """

    name: Name
    filter: FilterSpec
    activation: Activation = "relu"
    pool: AnyPoolSpec | None = None
    norm: NormSpec | None = None
    input: StageInput = "standardize"
    objective: ObjectiveSpec | None = None
    patches: PatchSpec | None = None
    epochs: Count | None = None
    lr: Positive | None = None

    def __post_init__(self) -> None:
        """Refuse parts that contradict each other."""
        self._check_patches()
        if self.objective is not None:
            self.objective.check_against(activation=self.activation, input_scaling=self.input)

    def _check_patches(self) -> None:
        """Patches are for filters that are the same wherever they are applied."""
        kernel = self.filter.size
        if self.patches is None:
            return
        if isinstance(self.filter, LocalSpec):
            raise ValueError(
                "`patches` need a filter that is the same everywhere (dense or conv); "
                "a local filter learns from whole images"
            )
        if kernel is None:
            raise ValueError("a dense filter that learns from `patches` needs `filter.size`")
        if isinstance(self.filter, DenseSpec) and self.patches.size != kernel:
            raise ValueError(
                f"`patches.size` must be `filter.size` ({kernel}) under a dense filter; "
                f"got {self.patches.size}"
            )
        if self.patches.size < kernel:
            raise ValueError(
                f"`patches.size` must be at least `filter.size` ({kernel}); got {self.patches.size}"
            )
