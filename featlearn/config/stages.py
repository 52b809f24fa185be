"""Specs of a stage: filter, activation, pooling, normalisation."""

from typing import Annotated, Literal, cast

import msgspec

from featlearn.config.base import Count, Fraction, KindSpec, Name, Positive, Spec
from featlearn.config.inputs import StageInput, WhitenSpec, input_name
from featlearn.config.objectives import AutoEncoderSpec, KMeansSpec, ObjectiveSpec, TicaSpec
from featlearn.config.training import OptimizerSpec
from featlearn.errors import RecipeError
from featlearn.geometry import Padding, output_size


class DenseSpec(KindSpec, frozen=True, kw_only=True, tag="dense"):
    """Every unit sees everything, or, with a `size`, one window.

    `maps` is how many units there are, at each position if there are several; `bias` adds a
    number to the response of each. With a `size` the filters are moved over the maps with
    `stride` and `padding`, as those of a convolution are. From `patches` of the stage, of
    that side, they learn as a dense filter over single patches; without, from whole maps,
    as a convolution.
    """

    maps: Count
    size: Count | None = None
    stride: Count = 1
    padding: Padding = "valid"
    bias: bool = True

    def __post_init__(self) -> None:
        """What sees everything is not moved."""
        moved = {"stride": self.stride != 1, "padding": self.padding != "valid"}
        for key, given in moved.items() if self.size is None else ():
            if given:
                raise ValueError(
                    "a dense filter without a `size` sees everything at once, so it has no "
                    f"`{key}`: give it a `size`, or leave `{key}` out"
                )


class WindowedSpec(KindSpec, frozen=True, kw_only=True):
    """What filters with a window share.

    `size` is the side of the window and `stride` the step between windows, in positions of
    the maps below; `padding = "same"` adds zeros around those. `maps` is how many units
    there are at each position; `bias` adds a number to the response of each. `groups`
    splits the maps above and below alike: a unit sees only the maps below of its own group.
    """

    size: Count
    maps: Count
    stride: Count = 1
    padding: Padding = "valid"
    groups: Count = 1
    bias: bool = True

    def __post_init__(self) -> None:
        """Groups are of one size."""
        if self.maps % self.groups:
            raise ValueError(f"`groups` must divide `maps` ({self.maps}); got {self.groups}")


class ConvSpec(WindowedSpec, frozen=True, kw_only=True, tag="conv"):
    """Shared filters: the same weights at every position."""


class LocalSpec(WindowedSpec, frozen=True, kw_only=True, tag="local"):
    """Untied filters: every output position has weights of its own."""


class TiledSpec(WindowedSpec, frozen=True, kw_only=True, tag="tiled"):
    """Tiled filters: positions `tile` steps apart share weights (Le et al., NIPS 2010).

    `tile = 1` is a convolution, a tile as large as the grid of positions is local.
    """

    tile: Count


FilterSpec = DenseSpec | ConvSpec | LocalSpec | TiledSpec


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


ActivationName = Literal[
    "identity", "sigmoid", "tanh", "relu", "leaky-relu", "elu", "abs", "soft-threshold"
]
Activation = ActivationName | LeakyReluSpec | EluSpec | SoftThresholdSpec
"""A name, with the usual parameters, or a table that says them."""


def activation_name(activation: Activation) -> ActivationName:
    """Give the name of an activation, however it is spelled."""
    if isinstance(activation, str):
        return activation
    return cast(ActivationName, activation.__struct_config__.tag)


class PoolSpec(KindSpec, frozen=True, kw_only=True):
    """What every pooling shares: a square window within each map.

    `size` is its side and `stride` the step between windows, in positions of the code;
    under `padding = "same"` windows reach over the border, and only what lies inside
    counts. `name` is what `describe` calls the layer.
    """

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


def check_groups(spec: "StageSpec", maps: int) -> None:
    """Refuse groups of filters that a stage's input cannot be split into.

    Args:
        spec: The stage.
        maps: Maps of its input, as the filter is given it.

    Raises:
        RecipeError: Naming the stage.
    """
    groups = spec.filter.groups if isinstance(spec.filter, WindowedSpec) else 1
    if maps % groups:
        raise RecipeError(
            f"stage {spec.name!r}: filter.groups must divide the {maps} maps below; got {groups}"
        )


class PatchSpec(Spec, frozen=True, kw_only=True):
    """Random patches of a stage's input maps to learn from, instead of whole ones.

    They have the side `size`, and in every epoch `per_image` of them come from each image.
    """

    size: Count
    per_image: Count = 1


class StageSpec(Spec, frozen=True, kw_only=True):
    """One stage: filter, then what follows it, and how it learns without labels.

    `name` is what it is called in files, pictures and `--set stages.NAME`. After the
    `filter` come `activation`, `pool` and `norm`. By its `objective` it learns, from whole
    maps or from `patches`; without one, only fine-tuning changes it. `input` says how the maps
    below become this stage's input and target: `standardize` centres them and gives them
    one scale per map (per unit under a dense filter), `unit` maps them onto [0, 1], `none`
    leaves them; a table of kind `whiten` makes principal components of them. `dropout` sets
    outputs to zero with this probability while the stages above, or a head, learn through
    this one. `epochs`, `optimizer` and `lr`, which is the optimiser's, replace those of
    `[pretrain]` for this stage alone.
    """

    name: Name
    filter: FilterSpec
    activation: Activation = "relu"
    pool: AnyPoolSpec | None = None
    norm: NormSpec | None = None
    dropout: Fraction = 0.0
    input: StageInput = "standardize"
    objective: ObjectiveSpec | None = None
    patches: PatchSpec | None = None
    epochs: Count | None = None
    optimizer: OptimizerSpec | None = None
    lr: Positive | None = None

    def __post_init__(self) -> None:
        """Refuse parts that contradict each other."""
        if self.lr is not None and self.optimizer is not None:
            raise ValueError("`lr` is the optimiser's: put it into `optimizer`, or leave that out")
        self._check_patches()
        self._check_pooled_patches()
        self._check_centroids()
        if isinstance(self.objective, AutoEncoderSpec):
            self.objective.check_against(
                activation=activation_name(self.activation),
                pool=None if self.pool is None else str(self.pool.__struct_config__.tag),
                input_scaling=input_name(self.input),
                windowed=self.filter.size is not None,
            )

    def _check_patches(self) -> None:
        """Patches are for filters that are the same wherever they are applied."""
        kernel = self.filter.size
        if self.patches is None:
            return
        if isinstance(self.input, WhitenSpec):
            raise ValueError(
                "`patches` are cut out of maps, and an input of kind `whiten` leaves no plane to "
                "cut from: leave out one of the two"
            )
        if isinstance(self.filter, LocalSpec | TiledSpec):
            raise ValueError(
                "`patches` need a filter that is the same everywhere (dense or conv); "
                f"a {self.filter.__struct_config__.tag} filter learns from whole images"
            )
        if kernel is None:
            raise ValueError("a dense filter that learns from `patches` needs `filter.size`")
        if isinstance(self.filter, DenseSpec) and self.patches.size != kernel:
            raise ValueError(
                f"`patches.size` must be `filter.size` ({kernel}) under a dense filter; "
                f"got {self.patches.size}"
            )
        if isinstance(self.filter, DenseSpec) and self.filter.padding != "valid":
            raise ValueError(
                "`patches` under a dense filter are each seen by one window, which has no "
                'border to pad: leave `filter.padding` at "valid"'
            )
        if self.patches.size < kernel:
            raise ValueError(
                f"`patches.size` must be at least `filter.size` ({kernel}); got {self.patches.size}"
            )

    def _check_centroids(self) -> None:
        """Centroids are directions, which have no offset."""
        if isinstance(self.objective, KMeansSpec) and self.filter.bias:
            raise ValueError(
                "a `k-means` objective compares directions, and learns no bias: set "
                "`filter.bias = false`"
            )

    def _check_pooled_patches(self) -> None:
        """An objective of what is pooled needs patches that a window of the pooling fits into."""
        kernel, pool = self.filter.size, self.pool
        if self.patches is None or not isinstance(self.objective, TicaSpec) or pool is None:
            return
        assert kernel is not None, "patches were checked"
        code = output_size(
            self.patches.size,
            window=kernel,
            stride=self.filter.stride,
            padding=self.filter.padding,
        )
        if pool.padding == "valid" and pool.size > code:
            raise ValueError(
                f"a `tica` objective pools the codes of patches, which have {code} rows, fewer "
                f"than `pool.size` ({pool.size}): make `patches.size` larger, or leave it out"
            )
