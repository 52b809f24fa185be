"""Specs of the objectives that a stage can learn by, without labels."""

from typing import Literal

from featlearn.config.base import KindSpec, NonNegative, Positive, Probability, Spec


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


class AutoEncoderSpec(KindSpec, frozen=True, kw_only=True):
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

    def check_against(
        self, *, activation: str, pool: str | None, input_scaling: str, windowed: bool
    ) -> None:
        """Refuse an objective that does not fit the rest of its stage.

        Args:
            activation: Its name.
            pool: The kind of the stage's pooling, if it pools.
            input_scaling: How the stage's input is scaled.
            windowed: Whether the filter has a size.

        Raises:
            ValueError: With a sentence that names the keys.
        """
        if self.reconstruction == "cross-entropy" and input_scaling != "unit":
            raise ValueError(
                'cross-entropy needs targets in [0, 1]: set `input = "unit"` on the stage, '
                f'or `objective.reconstruction = "squared"`; got `input = "{input_scaling}"`'
            )
        if self.average_positions and not windowed:
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


class TicaSpec(AutoEncoderSpec, frozen=True, kw_only=True, tag="tica"):
    """Reconstruction TICA: ‖W₂W₁ᵀx − x‖² + λ Σ_j √(ε + H_j (W₁ᵀx)²) (Le et al., ICML 2012).

    The windows H_j are those of the stage's pooling, which must be `l2`, and its activation
    `identity`; `weight` is λ. An untied decoder's columns are kept at unit norm.
    """

    reconstruction: Literal["squared"] = "squared"
    weight: NonNegative = 0.1

    def check_against(
        self, *, activation: str, pool: str | None, input_scaling: str, windowed: bool
    ) -> None:
        """Refuse a stage that does not pool squares of the filter's plain responses."""
        super().check_against(
            activation=activation, pool=pool, input_scaling=input_scaling, windowed=windowed
        )
        if activation != "identity":
            raise ValueError(
                "a `tica` objective is about the filter's plain responses: set "
                f'`activation = "identity"`; got "{activation}"'
            )
        if pool != "l2":
            raise ValueError(
                "a `tica` objective sums the roots of the squares that its stage pools: give it "
                f"a `pool` of kind `l2`; got {'none' if pool is None else f'`{pool}`'}"
            )


class KMeansSpec(KindSpec, frozen=True, kw_only=True, tag="k-means"):
    """Spherical k-means: m · mean(1 − max_k ⟨c_k, x / ‖x‖⟩) (Dhillon & Modha 2001).

    A sample pulls the one of the m filters c_k that is nearest in direction; all are kept at
    unit norm. x is what the filters see at a position, best of whitened input. The factor m
    lets one learning rate serve any number of filters: `sgd` with `lr` = 0.5 moves each about
    half as far as the mean of its own samples. Nothing is rebuilt, and there is no decoder.
    """


ObjectiveSpec = PlainSpec | SparseSpec | DenoisingSpec | TicaSpec | KMeansSpec
