"""Specs of objectives whose codes are inferred: sparse coding, predictive sparse decomposition."""

from typing import Literal

import msgspec

from featlearn.config.banks import BankSpec, DenseSpec
from featlearn.config.base import Count, KindSpec, NonNegative, Positive
from featlearn.config.learning import Around, LearningSpec
from featlearn.config.pieces import InferenceSpec

FORGET = 10.0
"""ρ of the on-line update where a recipe says none."""


class FistaSpec(KindSpec, frozen=True, kw_only=True, tag="fista"):
    """FISTA (Beck & Teboulle 2009): `steps` gradient steps with momentum and shrinkage."""

    steps: Count = 50


class CoordinateDescentSpec(KindSpec, frozen=True, kw_only=True, tag="coordinate-descent"):
    """Coordinate descent (Li & Osher 2009), for dense filters.

    In each of at most `steps` the coefficient of a sample moves that would move farthest; a
    sample is done when none would by more than `tolerance`.
    """

    steps: Count = 200
    tolerance: Positive = 1e-3


class SparseCodingSpec(LearningSpec, frozen=True, kw_only=True, tag="sparse-coding"):
    """Sparse coding: ½‖x − Dz‖² + λ Σ|z| over the codes z, then over the dictionary D.

    The atoms, columns of D, are the filters of the stage, kept at unit norm; its adjoint
    decodes. `weight` is λ; `codes` says how z is found; `non_negative` allows no z below 0. By
    `update = "gradient"` the optimiser moves D with z held fixed (Olshausen & Field 1996); by
    `"on-line"` each step minimises over D, atom by atom, what all codes so far say of it (Mairal
    et al., ICML 2009), whatever the optimiser and its rate, for dense filters. Then an atom may be
    shorter than 1, and one that no code uses becomes a sample; after t batches (1 − 1/t)^ρ of what
    they said is kept, where `forget` is ρ, 10 if left out.

    In use the stage computes what its `activation` says: `soft-threshold` or any other is one
    pass of the filters, `fista` finds the codes of the lowest energy.
    """

    weight: Positive = 0.2
    codes: FistaSpec | CoordinateDescentSpec = msgspec.field(default_factory=FistaSpec)
    non_negative: bool = False
    update: Literal["gradient", "on-line"] = "gradient"
    forget: NonNegative | None = None

    def __post_init__(self) -> None:
        """Only the on-line update keeps what could be forgotten."""
        if self.forget is not None and self.update != "on-line":
            raise ValueError('`objective.forget` belongs to `objective.update = "on-line"`')

    def remembered(self, units: int, inputs: int) -> int:
        """Count what the on-line update keeps: A of every two atoms, B of atoms and inputs."""
        return units * (units + inputs) if self.update == "on-line" else 0

    @property
    def tied(self) -> bool:
        """Whether the decoder is the adjoint of the filter: the filter is the dictionary."""
        return True

    @property
    def offset(self) -> bool:
        """Whether the decoder has a bias: a dictionary has none."""
        return False

    def check_against(self, around: Around) -> None:
        """Refuse filters that are no dictionary, or a way that needs dense ones."""
        bank = around.bank
        if bank.bias or bank.norm is not None:
            remedy = "set `filter.bias = false`" if bank.bias else "leave out `filter.norm`"
            raise ValueError(
                "a `sparse-coding` objective learns a dictionary, whose responses are plain "
                f"products: {remedy}"
            )
        dense = _is_dense(bank, around.patches)
        if self.update == "on-line" and not dense:
            raise ValueError(
                '`objective.update = "on-line"` keeps how every two units go together, which is '
                f"for dense filters: {_OR_DENSE} or take the update by gradient"
            )
        if isinstance(self.codes, CoordinateDescentSpec) and not dense:
            raise ValueError(
                "`objective.codes` of kind `coordinate-descent` needs the products of every two "
                f"units, which is for dense filters: {_OR_DENSE} or take codes of kind `fista`"
            )


class PsdSpec(LearningSpec, frozen=True, kw_only=True, tag="psd"):
    """Predictive sparse decomposition: ‖x − Dz‖² + λ Σ|z| + α‖z − enc(x)‖².

    z minimises all three terms, by `steps` steps of FISTA from enc(x); then the dictionary D,
    which is a decoder of its own with columns of unit norm, and the encoder, which is the stage
    itself, are moved with z held fixed. `weight` is λ, `prediction` is α. An encoder whose scale
    can follow that of the codes predicts best: `activation = { kind = "scaled-tanh" }` or
    `{ kind = "shrinkage" }`. With a `stride` the codes of a convolution are strided.
    (Kavukcuoglu, Ranzato & LeCun 2008; Kavukcuoglu et al., NIPS 2010.)
    """

    weight: Positive = 0.5
    prediction: NonNegative = 1.0
    steps: Count = 30

    @property
    def tied(self) -> bool:
        """Whether the decoder is the adjoint of the filter: here it never is."""
        return False

    @property
    def offset(self) -> bool:
        """Whether the decoder has a bias: a dictionary has none."""
        return False

    def check_against(self, around: Around) -> None:
        """Refuse a stage that infers its codes: an encoder predicts in one pass."""
        if isinstance(around.activation, InferenceSpec):
            raise ValueError(
                "a `psd` objective teaches an encoder to predict codes in one pass: set "
                '`activation = { kind = "scaled-tanh" }` or another; got "fista"'
            )


_OR_DENSE = 'take `filter.kind` = "dense" (with a `filter.size`, also `patches` of that size),'


def _is_dense(bank: BankSpec, patches: int | None) -> bool:
    """Tell whether a stage learns from whole samples, each of which has one code of units."""
    return isinstance(bank, DenseSpec) and (bank.size is None or patches is not None)
