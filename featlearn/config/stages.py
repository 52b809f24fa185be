"""Specs of a stage: filter, activation, pooling, normalisation."""

from typing import Literal

from featlearn.config.base import Border, Count, Fraction, KindSpec, Name, Positive, Spec
from featlearn.config.inputs import StageInput, WhitenSpec, input_name
from featlearn.config.objectives import AutoEncoderSpec, KMeansSpec, ObjectiveSpec, TicaSpec
from featlearn.config.parts import CompositeSpec, ResidualSpec
from featlearn.config.pieces import (
    Activation,
    AnyPoolSpec,
    BatchNormSpec,
    NormSpec,
    activation_name,
)
from featlearn.config.training import OptimizerSpec
from featlearn.errors import RecipeError
from featlearn.geometry import output_size

Start = Literal["balanced", "he"]


class DenseSpec(KindSpec, frozen=True, kw_only=True, tag="dense"):
    """Every unit sees everything, or, with a `size`, one window.

    `maps` is how many units there are, at each position if there are several; `bias` adds a
    number to the response of each. With a `size` the filters are moved over the maps with
    `stride` and `padding`, as those of a convolution are. From `patches` of the stage, of
    that side, they learn as a dense filter over single patches; without, from whole maps,
    as a convolution. `norm` normalises the responses over batches before the activation.
    `start` says how weights are drawn: `balanced` for auto-encoders, by what goes in and out,
    `he` for deep networks of relu units that learn by labels (He et al., ICCV 2015).
    """

    maps: Count
    size: Count | None = None
    stride: Count = 1
    padding: Border = "valid"
    bias: bool = True
    norm: BatchNormSpec | None = None
    start: Start = "balanced"

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
    the maps below; `padding = "same"` adds zeros around those, a number so many on every side.
    `maps` is how many units there are at each position; `bias` adds a number to the response
    of each. `groups` splits the maps above and below alike: a unit sees only the maps below of
    its own group. `norm` normalises the responses over batches before the activation. `start`
    says how weights are drawn: `balanced` for auto-encoders, by what goes in and out, `he` for
    deep networks of relu units that learn by labels (He et al., ICCV 2015).
    """

    size: Count
    maps: Count
    stride: Count = 1
    padding: Border = "valid"
    groups: Count = 1
    bias: bool = True
    norm: BatchNormSpec | None = None
    start: Start = "balanced"

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


BankSpec = DenseSpec | ConvSpec | LocalSpec | TiledSpec
"""One bank of filters."""

FilterSpec = BankSpec | CompositeSpec
"""One bank of filters, or many layers that stand for one."""


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
        if isinstance(self.filter, CompositeSpec):
            self._check_composite(self.filter)
            return
        self._check_patches(self.filter)
        self._check_pooled_patches(self.filter)
        self._check_centroids(self.filter)
        if isinstance(self.objective, AutoEncoderSpec):
            self.objective.check_against(
                activation=activation_name(self.activation),
                pool=None if self.pool is None else str(self.pool.__struct_config__.tag),
                input_scaling=input_name(self.input),
                windowed=self.filter.size is not None,
            )

    def _check_composite(self, spec: CompositeSpec) -> None:
        """Many layers learn together, from above: none of them has an objective of its own."""
        kind = str(spec.__struct_config__.tag)
        for key in ("objective", "patches"):
            if getattr(self, key) is not None:
                raise ValueError(
                    f"a {kind} filter is made of many layers, which learn from labels only: "
                    f"leave out `{key}`"
                )
        if isinstance(self.input, WhitenSpec):
            raise ValueError(
                f"a {kind} filter needs maps with a plane, and an input of kind `whiten` leaves "
                "none: choose another `input`"
            )
        handed_on = isinstance(spec, ResidualSpec) and spec.preactivation
        if handed_on and activation_name(self.activation) != "identity":
            raise ValueError(
                'with `preactivation` a sum is handed on as it is: set `activation = "identity"`'
            )

    def _check_patches(self, spec: BankSpec) -> None:
        """Patches are for filters that are the same wherever they are applied."""
        kernel = spec.size
        if self.patches is None:
            return
        if isinstance(self.input, WhitenSpec):
            raise ValueError(
                "`patches` are cut out of maps, and an input of kind `whiten` leaves no plane to "
                "cut from: leave out one of the two"
            )
        if isinstance(spec, LocalSpec | TiledSpec):
            raise ValueError(
                "`patches` need a filter that is the same everywhere (dense or conv); "
                f"a {spec.__struct_config__.tag} filter learns from whole images"
            )
        if kernel is None:
            raise ValueError("a dense filter that learns from `patches` needs `filter.size`")
        if isinstance(spec, DenseSpec) and self.patches.size != kernel:
            raise ValueError(
                f"`patches.size` must be `filter.size` ({kernel}) under a dense filter; "
                f"got {self.patches.size}"
            )
        if isinstance(spec, DenseSpec) and spec.padding != "valid":
            raise ValueError(
                "`patches` under a dense filter are each seen by one window, which has no "
                'border to pad: leave `filter.padding` at "valid"'
            )
        if self.patches.size < kernel:
            raise ValueError(
                f"`patches.size` must be at least `filter.size` ({kernel}); got {self.patches.size}"
            )

    def _check_centroids(self, spec: BankSpec) -> None:
        """Centroids are directions, which have no offset."""
        if isinstance(self.objective, KMeansSpec) and spec.norm is not None:
            raise ValueError(
                "a `k-means` objective compares directions, which `filter.norm` would change: "
                "leave out `filter.norm`"
            )
        if isinstance(self.objective, KMeansSpec) and spec.bias:
            raise ValueError(
                "a `k-means` objective compares directions, and learns no bias: set "
                "`filter.bias = false`"
            )

    def _check_pooled_patches(self, spec: BankSpec) -> None:
        """An objective of what is pooled needs patches that a window of the pooling fits into."""
        kernel, pool = spec.size, self.pool
        if self.patches is None or not isinstance(self.objective, TicaSpec) or pool is None:
            return
        assert kernel is not None, "patches were checked"
        code = output_size(
            self.patches.size,
            window=kernel,
            stride=spec.stride,
            padding=spec.padding,
        )
        border = pool.padding if isinstance(pool.padding, int) else 0
        if pool.padding != "same" and pool.size > code + 2 * border:
            raise ValueError(
                f"a `tica` objective pools the codes of patches, which have {code} rows, fewer "
                f"than `pool.size` ({pool.size}): make `patches.size` larger, or leave it out"
            )
