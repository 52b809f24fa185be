"""Specs of objectives that are probability models: restricted Boltzmann machines."""

from typing import Literal

from featlearn.config.base import Count, NonNegative, Probability, Spec
from featlearn.config.inputs import WhitenSpec, input_name
from featlearn.config.learning import Around, LearningSpec
from featlearn.config.pieces import activation_name


class SparsitySpec(Spec, frozen=True, kw_only=True):
    """λ Σ_j (p − q_j)², q_j the mean probability of hidden unit j over the batch (Lee et al. 2008).

    `target` is p, `weight` is λ.
    """

    target: Probability = 0.05
    weight: NonNegative = 1.0


class RbmSpec(LearningSpec, frozen=True, kw_only=True, tag="rbm"):
    """Restricted Boltzmann machine: contrastive divergence through the free energy (Hinton 2002).

    With filters W, their bias c and the decoder's bias b, inputs v have the free energy
    F(v) = −bᵀv − Σ_j log(1 + exp(c + Wv)_j) if `visible` says that they are `bernoulli`, in
    [0, 1], and F(v) = ½‖v − b‖² − Σ_j log(1 + exp(c + Wv)_j) if `gaussian`, of unit variance. The
    loss is the mean F of the data less the mean F of samples, to which `k` steps of Gibbs
    sampling lead from the data (CD-k) or, where there are persistent `chains`, so many, from
    where the last step left these (PCD, Tieleman 2008). `sampled` draws binary inputs from the
    data, taken as probabilities, anew in every step. `mean_field` gives the data's
    reconstructions their means instead of drawing them. `sparsity` draws the mean
    probability of every hidden unit to a target. The loss compares a machine with its own
    samples, and says nothing of its likelihood: `featlearn evaluate RUN --likelihood` does.
    """

    visible: Literal["bernoulli", "gaussian"] = "bernoulli"
    k: Count = 1
    chains: Count | None = None
    sampled: bool = False
    mean_field: bool = False
    sparsity: SparsitySpec | None = None

    def __post_init__(self) -> None:
        """Refuse what only the other kind of inputs, or of chains, has."""
        if self.sampled and self.visible == "gaussian":
            raise ValueError(
                "`objective.sampled` draws binary inputs, which `gaussian` ones are not: leave it "
                'out, or set `objective.visible = "bernoulli"`'
            )
        if self.mean_field and self.chains is not None:
            raise ValueError(
                "persistent `objective.chains` must be drawn, and means are not: leave out "
                "`objective.mean_field` or `objective.chains`"
            )

    @property
    def tied(self) -> bool:
        """One and the same weights lead up and down."""
        return True

    @property
    def log_odds(self) -> bool:
        """Bernoulli inputs are rebuilt as probabilities."""
        return self.visible == "bernoulli"

    def check_against(self, around: Around) -> None:
        """Refuse a stage whose code is no probability, or whose input no such variable."""
        activation = activation_name(around.activation)
        if activation != "sigmoid":
            raise ValueError(
                "the code of an `rbm` is the probability of its hidden units: set "
                f'`activation = "sigmoid"`; got "{activation}"'
            )
        if around.bank.norm is not None:
            raise ValueError(
                "an `rbm` is defined by its weights and biases, which `filter.norm` would change: "
                "leave out `filter.norm`"
            )
        scaling = input_name(around.input)
        if self.visible == "bernoulli" and scaling not in {"unit", "none"}:
            raise ValueError(
                'an `rbm` of `visible = "bernoulli"` needs inputs in [0, 1]: set `input = "unit"` '
                'on the stage, or "none" where they lie there already, or '
                f'`objective.visible = "gaussian"`; got `input = "{scaling}"`'
            )
        long = isinstance(around.input, WhitenSpec) and not around.input.unit_length
        if self.visible == "gaussian" and not (long or scaling == "standardize"):
            got = " with `unit_length`" if isinstance(around.input, WhitenSpec) else ""
            raise ValueError(
                'an `rbm` of `visible = "gaussian"` needs inputs of unit variance: set '
                '`input = "standardize"`, or one of kind `whiten`, on the stage; got '
                f'`input = "{scaling}"`{got}'
            )
