"""Specs of objectives that rebuild a stage's input: what all share, and auto-encoders."""

from typing import Literal

from featlearn.config.base import KindSpec, NonNegative, Positive, Probability, Spec
from featlearn.config.inputs import input_name
from featlearn.config.learning import Around, LearningSpec
from featlearn.config.pieces import activation_name


class GaussianNoiseSpec(KindSpec, frozen=True, kw_only=True, tag="gaussian"):
    """Add normal noise of this standard deviation, in the unit of the input."""

    std: Positive = 0.3


class MaskNoiseSpec(KindSpec, frozen=True, kw_only=True, tag="mask"):
    """Set each input to zero with this probability."""

    rate: Probability = 0.3


class SaltPepperSpec(KindSpec, frozen=True, kw_only=True, tag="salt-pepper"):
    """Set each input, with this probability, to the least or the greatest value."""

    rate: Probability = 0.2


CorruptionSpec = GaussianNoiseSpec | MaskNoiseSpec | SaltPepperSpec


class L1Spec(KindSpec, frozen=True, kw_only=True, tag="l1"):
    """λ Σ|h|, with decoder columns kept at unit norm; `weight` is λ."""

    weight: NonNegative = 0.1


class KLSpec(KindSpec, frozen=True, kw_only=True, tag="kl"):
    """β Σ KL(ρ‖ρ̂) between the target activity ρ and the batch's mean activity ρ̂.

    `weight` is β, `target` is ρ.
    """

    weight: NonNegative = 0.1
    target: Probability = 0.05

    def __post_init__(self) -> None:
        """The divergence is infinite at the ends."""
        if not 0 < self.target < 1:
            raise ValueError(f"`penalty.target` must lie in (0, 1); got {self.target}")


PenaltySpec = L1Spec | KLSpec


class EmphasisSpec(Spec, frozen=True, kw_only=True):
    """Weights of the error on `corrupted` and on `untouched` inputs (Vincent et al. 2010)."""

    corrupted: NonNegative = 1.0
    untouched: NonNegative = 1.0


class AutoEncoderSpec(LearningSpec, frozen=True, kw_only=True):
    """What every auto-encoder shares.

    `decoder` is the adjoint of the filter (`tied`) or has weights of its own. The error of
    the `reconstruction` is squared, or the cross-entropy of inputs in [0, 1].
    The loss is summed over features and averaged over the batch;
    `average_positions` divides the reconstruction error by the number of positions of
    the stage's input, for filters that have a window.
    """

    decoder: Literal["tied", "untied"] = "tied"
    reconstruction: Literal["squared", "cross-entropy"] = "squared"
    average_positions: bool = False

    @property
    def tied(self) -> bool:
        """Whether the decoder is the adjoint of the filter."""
        return self.decoder == "tied"

    @property
    def log_odds(self) -> bool:
        """Whether the decoder gives what the cross-entropy is computed from."""
        return self.reconstruction == "cross-entropy"

    def check_against(self, around: Around) -> None:
        """Refuse a stage whose input or code this error or penalty cannot be of."""
        scaling, activation = input_name(around.input), activation_name(around.activation)
        if self.reconstruction == "cross-entropy" and scaling != "unit":
            raise ValueError(
                'cross-entropy needs targets in [0, 1]: set `input = "unit"` on the stage, '
                f'or `objective.reconstruction = "squared"`; got `input = "{scaling}"`'
            )
        if self.average_positions and around.bank.size is None:
            raise ValueError(
                "`objective.average_positions` is for filters with a window, and a dense filter "
                "sees everything at once: give it a `filter.size`, or leave `average_positions` out"
            )
        penalty = getattr(self, "penalty", None)
        if isinstance(penalty, KLSpec) and activation != "sigmoid":
            raise ValueError(
                'a `kl` penalty needs codes in (0, 1): set `activation = "sigmoid"`; '
                f'got "{activation}"'
            )


class PlainSpec(AutoEncoderSpec, frozen=True, kw_only=True, tag="plain"):
    """‖x̂ − x‖², or cross-entropy, through a bottleneck."""


class SparseSpec(AutoEncoderSpec, frozen=True, kw_only=True, tag="sparse"):
    """Reconstruction and a `penalty` on the code."""

    penalty: PenaltySpec


class DenoisingSpec(AutoEncoderSpec, frozen=True, kw_only=True, tag="denoising"):
    """Rebuild the clean input from a corrupted one (Vincent et al., JMLR 2010).

    `corruption` is drawn anew in every step. `emphasis` weighs the error on what it touched
    and what not. There may be a `penalty` on the code too.
    """

    corruption: CorruptionSpec
    emphasis: EmphasisSpec | None = None
    penalty: PenaltySpec | None = None

    def __post_init__(self) -> None:
        """Emphasis needs inputs of both sorts."""
        if self.emphasis is not None and isinstance(self.corruption, GaussianNoiseSpec):
            raise ValueError(
                "`objective.emphasis` tells corrupted from untouched inputs, and `gaussian` noise "
                "leaves none untouched: take `mask` or `salt-pepper`, or no emphasis"
            )
