"""Specs of what follows a filter: activation, pooling, normalisation."""

from typing import Annotated, Literal, NamedTuple, cast

import msgspec

from featlearn.config.base import Border, Count, Fraction, KindSpec, Name, Positive
from featlearn.geometry import Padding


class LeakyReluSpec(KindSpec, frozen=True, kw_only=True, tag="leaky-relu"):
    """x where it is positive, `slope` · x elsewhere."""

    slope: Fraction = 0.01


class EluSpec(KindSpec, frozen=True, kw_only=True, tag="elu"):
    """x where it is positive, `alpha` · (exp x − 1) elsewhere."""

    alpha: Positive = 1.0


class SoftThresholdSpec(KindSpec, frozen=True, kw_only=True, tag="soft-threshold"):
    """sign(x) · max(|x| − `threshold`, 0); of the positive side alone if `one_sided`."""

    threshold: Positive = 0.1
    one_sided: bool = False


class TopKSpec(KindSpec, frozen=True, kw_only=True, tag="top-k"):
    """The positive part of the `k` largest maps at every position, 0 elsewhere.

    With a dense filter that is `k` units of an image (Makhzani & Frey 2014).
    """

    k: Count


class BatchTopKSpec(KindSpec, frozen=True, kw_only=True, tag="batch-top-k"):
    """The positive part of the largest numbers of a whole batch, `k` at a position on average.

    So it is in training. In use, where an image must not depend on others, what reaches a
    threshold is kept: the mean over batches of the least that was kept (Bussmann et al. 2024).
    `momentum` is the weight of a batch in it.
    """

    k: Count
    momentum: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.01


ActivationName = Literal[
    "identity", "sigmoid", "tanh", "relu", "leaky-relu", "elu", "abs", "soft-threshold"
]
Activation = ActivationName | LeakyReluSpec | EluSpec | SoftThresholdSpec
"""Of every number by itself: a name, with the usual parameters, or a table that says them."""

BankActivation = Activation | TopKSpec | BatchTopKSpec
"""What may become of the responses of one bank of filters, which may compete too."""


class ScaledTanhSpec(KindSpec, frozen=True, kw_only=True, tag="scaled-tanh"):
    """g · tanh(x), with a gain g for each map that is learned, `gain` at first.

    It is the encoder of predictive sparse decomposition (Kavukcuoglu et al. 2008).
    """

    gain: Positive = 1.0


class ShrinkageSpec(KindSpec, frozen=True, kw_only=True, tag="shrinkage"):
    """sign(x) · (log(exp(βb) + exp(β|x|) − 1) / β − b): a soft threshold that is smooth.

    Each map learns its threshold b and its sharpness β, `threshold` and `sharpness` at first
    (Kavukcuoglu et al., NIPS 2010).
    """

    threshold: Positive = 0.1
    sharpness: Positive = 10.0


class InferenceSpec(KindSpec, frozen=True, kw_only=True, tag="fista"):
    """The codes z that minimise ½‖x − Dz‖² + λ Σ|z|, found by FISTA (Beck & Teboulle 2009).

    The filters are the atoms of D, so that they have no bias. `weight` is λ, `steps` how many
    steps are taken; `non_negative` allows no z below 0. It costs 2 · `steps` passes of the filters.
    """

    weight: Positive = 0.2
    steps: Count = 50
    non_negative: bool = False


ClusterCode = Literal["triangle", "hard"]
"""Codes of distances from what filters see to the filters, which are centres of clusters."""

StageActivation = BankActivation | ClusterCode | ScaledTanhSpec | ShrinkageSpec | InferenceSpec
"""What makes a stage's code: an activation of responses, perhaps learned, or a code of distances,
or one that is inferred."""


def activation_name(activation: StageActivation) -> str:
    """Give the name of an activation, however it is spelled."""
    if isinstance(activation, str):
        return activation
    return cast(str, activation.__struct_config__.tag)


class PoolWindow(NamedTuple):
    """What a pooled unit takes of a map: a square window, on a grid of positions."""

    size: int
    stride: int
    padding: Border


class PoolSpec(KindSpec, frozen=True, kw_only=True):
    """What pooling within each map shares: a square window.

    `size` is its side and `stride` the step between windows, in positions of the code;
    under `padding = "same"`, or over a border of so many places on every side as a number
    says, windows reach over the edge, and only what lies inside counts. `name` is what
    `describe` calls the layer.
    """

    size: Count
    stride: Count = 1
    padding: Border = "valid"
    name: Name | None = None

    @property
    def window(self) -> PoolWindow:
        """Give the window."""
        return PoolWindow(self.size, self.stride, self.padding)


class L2PoolSpec(PoolSpec, frozen=True, kw_only=True, tag="l2"):
    """Root of the sum of squares over the window."""


class MaxPoolSpec(PoolSpec, frozen=True, kw_only=True, tag="max"):
    """Largest value in the window."""


class AvgPoolSpec(PoolSpec, frozen=True, kw_only=True, tag="avg"):
    """Mean over the window."""


class MapPoolSpec(KindSpec, frozen=True, kw_only=True):
    """What pooling over maps shares: each position is pooled by itself.

    `name` is what `describe` calls the layer.
    """

    name: Name | None = None

    @property
    def window(self) -> PoolWindow:
        """Give the window within a map, which is a single place."""
        return PoolWindow(1, 1, "valid")


class GroupPoolSpec(MapPoolSpec, frozen=True, kw_only=True, tag="group"):
    """Root of the sum of squares over each group of `size` consecutive maps.

    The groups do not overlap, as the subspaces of ISA (Hyvärinen & Hoyer 2000): `size` must
    divide the maps.
    """

    size: Count


class SheetPoolSpec(MapPoolSpec, frozen=True, kw_only=True, tag="sheet"):
    """Root of the sum of squares over windows of maps that lie on a sheet (Hyvärinen & Hoyer 2001).

    The maps lie row by row on `rows` x `columns` places, whose opposite edges join (a torus).
    Windows of `size` x `size` maps, `stride` apart, overlap, so that neighbours come to be
    alike: a topographic map. At a stride of 1 each map is in the middle of a window of its own.
    """

    rows: Count
    columns: Count
    size: Count
    stride: Count = 1

    def __post_init__(self) -> None:
        """A window takes each map once, and all windows have the same neighbours."""
        if self.size > min(self.rows, self.columns):
            raise ValueError(
                f"`pool.size` must be at most the {self.rows} rows and {self.columns} columns of "
                f"the sheet, or a window would take a map twice; got {self.size}"
            )
        if self.rows % self.stride or self.columns % self.stride:
            raise ValueError(
                f"`pool.stride` must divide the {self.rows} rows and {self.columns} columns of "
                f"the sheet, whose edges join; got {self.stride}"
            )


RootPoolSpec = L2PoolSpec | GroupPoolSpec | SheetPoolSpec
"""Pooling by the root of a sum of squares."""

AnyPoolSpec = L2PoolSpec | MaxPoolSpec | AvgPoolSpec | GroupPoolSpec | SheetPoolSpec


def pooled_maps(spec: AnyPoolSpec, maps: int) -> tuple[int, int]:
    """Count the maps that pooling makes of some, and how many each of them takes.

    Args:
        spec: The pooling.
        maps: Maps of the code.

    Raises:
        ValueError: If they do not make whole groups, or do not cover the sheet; the sentence
            names the key.
    """
    if isinstance(spec, GroupPoolSpec):
        if maps % spec.size:
            raise ValueError(
                f"`pool.size` must divide the {maps} maps of the filter into groups; "
                f"got {spec.size}"
            )
        return maps // spec.size, spec.size
    if isinstance(spec, SheetPoolSpec):
        if spec.rows * spec.columns != maps:
            raise ValueError(
                f"`pool.rows` times `pool.columns` must be the {maps} maps of the filter; "
                f"got {spec.rows} x {spec.columns}"
            )
        return maps // spec.stride**2, spec.size**2
    return maps, 1


class LCNSpec(KindSpec, frozen=True, kw_only=True, tag="lcn"):
    """Local contrast normalisation: subtract the local mean, divide by the local deviation.

    They are measured in windows of side `size`, within a map or, with `across`, over all
    maps, and under `window = "gaussian"` weigh most in the middle. `padding = "same"` keeps
    the size of the maps; what lies beyond the border does not count. `constant` is the
    least divisor: `"mean"` takes the image's mean deviation (Jarrett et al. 2009), a number
    takes that number (0.01 in Le et al. 2012). `floor` bounds it from below, so that a
    constant image gives zeros. `name` is what `describe` calls the layer.
    """

    size: Count
    padding: Padding = "valid"
    window: Literal["box", "gaussian"] = "box"
    across: bool = False
    constant: Literal["mean"] | Positive = "mean"
    floor: Positive = 1e-4
    name: Name | None = None


class BatchNormSpec(KindSpec, frozen=True, kw_only=True, tag="batch"):
    """Batch normalisation of each map, with running statistics when frozen.

    `momentum` is the weight of a batch in these, `eps` is added to the variance, `name` is
    what `describe` calls the layer.
    """

    momentum: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.1
    eps: Positive = 1e-5
    name: Name | None = None


class LRNSpec(KindSpec, frozen=True, kw_only=True, tag="lrn"):
    """Local response normalisation across maps (Krizhevsky et al., NIPS 2012).

    y = x / (`k` + `alpha` · Σ x²)^`beta` over `size` neighbouring maps at a position. `name`
    is what `describe` calls the layer.
    """

    size: Count = 5
    k: Positive = 2.0
    alpha: Positive = 1e-4
    beta: Positive = 0.75
    name: Name | None = None


NormSpec = LCNSpec | LRNSpec | BatchNormSpec
