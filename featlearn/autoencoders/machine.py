"""The restricted Boltzmann machine that a stage is, whoever trained it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.config.boltzmann import RbmSpec
from featlearn.errors import UsageError
from featlearn.geometry import MapShape
from featlearn.ops.losses import squared_error
from featlearn.stages.stage import Stage

_COINS = 0.01


class BoltzmannMachine:
    """A joint distribution of binary hidden units h and visible units v: p(v, h) = e^−E / Z.

    With W the stage's filter, c its bias and b the bias of its decoder, the energy is
    E(v, h) = −bᵀv − cᵀh − hᵀWv for binary v (Bernoulli), and E(v, h) = ½‖v − b‖² − cᵀh − hᵀWv
    for real v of unit variance (Gaussian). So p(h_j = 1 | v) = sigmoid(c + Wv)_j is the code of
    the stage, and the mean of p(v | h) is what its decoder gives, sigmoid(b + Wᵀh) or b + Wᵀh.
    Nothing is said of W but that it is linear: it may be shared (as in Lee et al., ICML 2009,
    where b is one number for each map, too), tiled or untied.

    Source:
        Hinton, A practical guide to training restricted Boltzmann machines, 2012, equations 1
        to 8, and 13.2 for Gaussian units; Krizhevsky, Learning multiple layers of features from
        tiny images, 2009, section 1.4, with all σ = 1.

    Attributes:
        stage: The stage.
        gaussian: Whether visible units are real numbers.
        shape: Shape of the visible units; of a patch, where the stage learned from patches.
    """

    def __init__(self, stage: Stage) -> None:
        """Look at a stage as a machine.

        Raises:
            UsageError: If its objective is not `rbm`.
        """
        objective = stage.spec.objective
        if not isinstance(objective, RbmSpec) or stage.decoder is None:
            raise UsageError(f"stage {stage.name!r} is no restricted Boltzmann machine")
        self.stage = stage
        self.gaussian = objective.visible == "gaussian"
        self.bias = stage.decoder.bias
        patches, whole = stage.spec.patches, stage.scaler.output_shape
        self.shape = whole if patches is None else MapShape(whole.maps, patches.size, patches.size)

    def zeros(self, *count: int) -> Tensor:
        """Make visible units that are all zero, in the precision of the weights."""
        return self.stage.filter.zeros(*count, *self.shape)

    def responses(self, v: Tensor) -> Tensor:
        """Compute c + Wv, the log-odds of the hidden units, `(batch, maps, height, width)`."""
        return self.stage.responses(v)

    def free_energy(self, v: Tensor, *, responses: Tensor | None = None) -> Tensor:
        """Compute F(v) = −log Σ_h exp(−E(v, h)): p(v) = exp(−F(v)) / Z.

        Args:
            v: Visible units, `(batch, *shape)`.
            responses: What `responses` gives of them, where that is known.

        Returns:
            `(batch,)`, in nats.
        """
        up = self.responses(v) if responses is None else responses
        return self.visible_energy(v) - softplus_sum(up)

    def visible_energy(self, v: Tensor, bias: Tensor | None = None) -> Tensor:
        """Compute the part of the energy that no hidden unit has a share in.

        Args:
            v: Visible units, `(batch, *shape)`.
            bias: Another b than the machine's.

        Returns:
            −bᵀv, or ½‖v − b‖², `(batch,)`.
        """
        b = self.bias if bias is None else bias
        if self.gaussian:
            return squared_error(v, b.expand_as(v)) / 2
        return -_summed(v * b)

    def means(self, h: Tensor) -> Tensor:
        """Compute the means of the visible units given the hidden ones, `(batch, *shape)`."""
        fields = self.stage.decode(h, size=self.shape[1:])
        return fields if self.gaussian else torch.sigmoid(fields)

    def fields_of(self, means: Tensor) -> Tensor:
        """Give the biases under which visible units have these means, where nothing else acts.

        Of binary units one in a hundred is taken to be a fair coin, so that nothing is impossible.
        """
        return means if self.gaussian else torch.logit(means + _COINS * (0.5 - means))

    def visible(self, means: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw visible units that have these means."""
        if not self.gaussian:
            return drawn(means, generator=generator)
        noise = torch.randn(
            means.shape, dtype=means.dtype, device=means.device, generator=generator
        )
        return means + noise

    @torch.no_grad()
    def gibbs(
        self,
        v: Tensor,
        *,
        steps: int,
        mean_field: bool = False,
        responses: Tensor | None = None,
        generator: torch.Generator,
    ) -> Tensor:
        """Draw all hidden units, then all visible ones, and so on.

        Args:
            v: Where the chains are, `(batch, *shape)`.
            steps: How often both are drawn.
            mean_field: Whether visible units are given their means instead of drawn.
            responses: What `responses` gives of `v`, where that is known.
            generator: Source of every draw.

        Returns:
            Where they are then.
        """
        for _ in range(steps):
            up = self.responses(v) if responses is None else responses
            means = self.means(drawn(torch.sigmoid(up), generator=generator))
            v = means if mean_field else self.visible(means, generator=generator)
            responses = None
        return v


def drawn(probabilities: Tensor, *, generator: torch.Generator) -> Tensor:
    """Draw zeros and ones; what lies outside [0, 1] counts as the nearer end."""
    p = probabilities
    uniform = torch.rand(p.shape, dtype=p.dtype, device=p.device, generator=generator)
    return (uniform < p).to(p.dtype)


def softplus_sum(responses: Tensor) -> Tensor:
    """Sum log(1 + exp x) over the units of each sample, in single precision at least."""
    return _summed(F.softplus(responses.to(torch.promote_types(responses.dtype, torch.float32))))


def _summed(values: Tensor) -> Tensor:
    return values.sum(dim=tuple(range(1, values.ndim)))
