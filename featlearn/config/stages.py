"""Specs of a stage: filter, activation, pooling, normalisation."""

from typing import Literal, get_args

from featlearn.config.banks import BankSpec, DenseSpec, LocalSpec, TiledSpec, WindowedSpec
from featlearn.config.base import Count, Fraction, Name, Positive, Spec
from featlearn.config.inputs import StageInput, WhitenSpec
from featlearn.config.learning import Around
from featlearn.config.objectives import ObjectiveSpec
from featlearn.config.parts import CompositeSpec, ResidualSpec
from featlearn.config.pieces import (
    AnyPoolSpec,
    BatchTopKSpec,
    ClusterCode,
    InferenceSpec,
    MapPoolSpec,
    NormSpec,
    ScaledTanhSpec,
    ShrinkageSpec,
    StageActivation,
    TopKSpec,
    activation_name,
    pooled_maps,
)
from featlearn.config.training import OptimizerSpec
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape

FilterSpec = BankSpec | CompositeSpec
"""One bank of filters, or many layers that stand for one."""

_CODES = get_args(ClusterCode)


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


def check_learnable(spec: "StageSpec", below: MapShape) -> None:
    """Refuse maps that a stage's filters cannot learn from by its objective.

    Args:
        spec: The stage.
        below: Shape of its input, as the filter is given it.

    Raises:
        RecipeError: Naming the stage.
    """
    if spec.objective is None or isinstance(spec.filter, CompositeSpec):
        return
    try:
        spec.objective.check_below(spec.filter, below)
    except ValueError as error:
        raise RecipeError(f"stage {spec.name!r}: {error}") from None


class PatchSpec(Spec, frozen=True, kw_only=True):
    """Patches of a stage's input maps to learn from, instead of whole ones.

    They have the side `size`, and in every epoch `per_image` of them come from each image, from
    `anywhere` in it, by chance; or one from its `middle`, as `at` says.
    """

    size: Count
    per_image: Count = 1
    at: Literal["anywhere", "middle"] = "anywhere"

    def __post_init__(self) -> None:
        """There is one middle."""
        if self.at == "middle" and self.per_image > 1:
            raise ValueError(
                f'`patches.at = "middle"` is one patch of an image: leave out `per_image`; got '
                f"{self.per_image}"
            )


class StageSpec(Spec, frozen=True, kw_only=True):
    """One stage: filter, then what follows it, and how it learns without labels.

    `name` is what it is called in files, pictures and `--set stages.NAME`. After the
    `filter` come `activation`, `pool` and `norm`. An `activation` that is `hard` or `triangle`
    is about distances to the filters, taken as centres of clusters: 1 for the nearest and 0 for
    the others, or by how much each is nearer than they are on average (Coates, Lee & Ng 2011).
    By its `objective` it learns, from whole
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
    activation: StageActivation = "relu"
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
        self._check_code(self.filter)
        self._check_patches(self.filter)
        self._check_inference(self.filter)
        if self.pool is not None:
            pooled_maps(self.pool, self.filter.maps)
        _check_kept(self.activation, self.filter)
        if self.objective is not None:
            self.objective.check_against(
                Around(self.filter, self.activation, self.pool, self.input, self._side)
            )

    @property
    def _side(self) -> int | None:
        """Side of a patch as the filter is given it; `None` where it learns from whole maps."""
        if self.patches is None:
            return None
        windows = self.input.size if isinstance(self.input, WhitenSpec) else None
        return self.patches.size - (0 if windows is None else windows - 1)

    def _check_composite(self, spec: CompositeSpec) -> None:
        """Many layers learn together, from above: none of them has an objective of its own."""
        kind = str(spec.__struct_config__.tag)
        if (name := activation_name(self.activation)) in _CODES:
            raise ValueError(
                f'`activation = "{name}"` is about distances to the filters of one bank, and a '
                f"{kind} filter is made of many layers: choose another `activation`"
            )
        for key in ("objective", "patches"):
            if getattr(self, key) is not None:
                raise ValueError(
                    f"a {kind} filter is made of many layers, which learn from labels only: "
                    f"leave out `{key}`"
                )
        if isinstance(self.activation, ScaledTanhSpec | ShrinkageSpec | InferenceSpec):
            raise ValueError(
                f"an activation of kind `{activation_name(self.activation)}` belongs to one bank "
                f"of filters, and a {kind} filter is made of many layers: choose another"
            )
        if isinstance(self.pool, MapPoolSpec):
            raise ValueError(
                f"a {kind} filter is made of many layers, whose maps lie in no order to be pooled "
                "by: choose a `pool` of kind `l2`, `max` or `avg`"
            )
        if isinstance(self.activation, TopKSpec | BatchTopKSpec):
            raise ValueError(
                f"a {kind} filter is made of many layers, whose maps do not compete: choose "
                f"another `activation` than `{activation_name(self.activation)}`"
            )
        if isinstance(self.input, WhitenSpec) and self.input.size is None:
            raise ValueError(
                f"a {kind} filter needs maps with a plane, and an input of kind `whiten` leaves "
                "none: choose another `input`"
            )
        handed_on = isinstance(spec, ResidualSpec) and spec.preactivation
        if handed_on and activation_name(self.activation) != "identity":
            raise ValueError(
                'with `preactivation` a sum is handed on as it is: set `activation = "identity"`'
            )

    def _check_inference(self, spec: BankSpec) -> None:
        """Codes are inferred from filters that are a dictionary as they are."""
        if not isinstance(self.activation, InferenceSpec):
            return
        for key, given in (("filter.bias", spec.bias), ("filter.norm", spec.norm is not None)):
            if given:
                remedy = f"set `{key} = false`" if key == "filter.bias" else f"leave out `{key}`"
                raise ValueError(
                    "an activation of kind `fista` takes the filters for atoms of a dictionary, "
                    f"whose responses are plain products: {remedy}"
                )

    def _check_code(self, spec: BankSpec) -> None:
        """Distances to filters are of filters alone."""
        name = activation_name(self.activation)
        if name not in _CODES:
            return
        for key, given in (("bias", spec.bias), ("norm", spec.norm is not None)):
            if given:
                raise ValueError(
                    f'`activation = "{name}"` is about distances from what filters see to the '
                    f"filters, which `filter.{key}` is no part of: "
                    + (
                        "set `filter.bias = false`"
                        if key == "bias"
                        else f"leave out `filter.{key}`"
                    )
                )

    def _check_patches(self, spec: BankSpec) -> None:
        """Patches are for filters that are the same wherever they are applied."""
        kernel = spec.size
        if self.patches is None:
            return
        if isinstance(self.input, WhitenSpec) and self.input.size is None:
            raise ValueError(
                "`patches` are cut out of maps, and an input of kind `whiten` without a `size` "
                "leaves no plane of them: give it a `size`, or leave out one of the two"
            )
        if isinstance(spec, LocalSpec | TiledSpec):
            raise ValueError(
                "`patches` need a filter that is the same everywhere (dense or conv); "
                f"a {spec.__struct_config__.tag} filter learns from whole images"
            )
        if kernel is None:
            raise ValueError("a dense filter that learns from `patches` needs `filter.size`")
        least = kernel + self.patches.size - (self._side or 0)
        if isinstance(spec, DenseSpec) and self.patches.size != least:
            raise ValueError(
                f"`patches.size` must be {self._least_words} ({least}) under a dense filter; "
                f"got {self.patches.size}"
            )
        if isinstance(spec, DenseSpec) and spec.padding != "valid":
            raise ValueError(
                "`patches` under a dense filter are each seen by one window, which has no "
                'border to pad: leave `filter.padding` at "valid"'
            )
        if self.patches.size < least:
            raise ValueError(
                f"`patches.size` must be at least {self._least_words} ({least}); "
                f"got {self.patches.size}"
            )

    @property
    def _least_words(self) -> str:
        """Say what the least patch is made of."""
        whitened = isinstance(self.input, WhitenSpec)
        return "`filter.size` + `input.size` − 1" if whitened else "`filter.size`"


def _check_kept(activation: StageActivation, bank: BankSpec) -> None:
    """Refuse to keep more maps than there are."""
    if isinstance(activation, TopKSpec | BatchTopKSpec) and activation.k > bank.maps:
        raise ValueError(
            f"`activation.k` must be at most `filter.maps` ({bank.maps}); got {activation.k}"
        )
