"""Specs of a stage: filter, activation, pooling, normalisation."""

from featlearn.config.banks import BankSpec, DenseSpec, LocalSpec, TiledSpec, WindowedSpec
from featlearn.config.base import Count, Fraction, Name, Positive, Spec
from featlearn.config.inputs import StageInput, WhitenSpec
from featlearn.config.learning import Around
from featlearn.config.objectives import ObjectiveSpec
from featlearn.config.parts import CompositeSpec, ResidualSpec
from featlearn.config.pieces import (
    AnyPoolSpec,
    BatchTopKSpec,
    NormSpec,
    StageActivation,
    TopKSpec,
    activation_name,
)
from featlearn.config.training import OptimizerSpec
from featlearn.errors import RecipeError

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
        self._check_patches(self.filter)
        _check_kept(self.activation, self.filter)
        if self.objective is not None:
            side = None if self.patches is None else self.patches.size
            self.objective.check_against(
                Around(self.filter, self.activation, self.pool, self.input, side)
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
        if isinstance(self.activation, TopKSpec | BatchTopKSpec):
            raise ValueError(
                f"a {kind} filter is made of many layers, whose maps do not compete: choose "
                f"another `activation` than `{activation_name(self.activation)}`"
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


def _check_kept(activation: StageActivation, bank: BankSpec) -> None:
    """Refuse to keep more maps than there are."""
    if isinstance(activation, TopKSpec | BatchTopKSpec) and activation.k > bank.maps:
        raise ValueError(
            f"`activation.k` must be at most `filter.maps` ({bank.maps}); got {activation.k}"
        )
