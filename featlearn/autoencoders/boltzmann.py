"""Contrastive divergence: how a stage learns to be a restricted Boltzmann machine."""

import torch
from torch import Tensor, nn

from featlearn.autoencoders.machine import BoltzmannMachine, drawn
from featlearn.autoencoders.objective import LossTerms
from featlearn.config.boltzmann import RbmSpec, SparsitySpec
from featlearn.errors import RecipeError
from featlearn.stages.stage import Stage


class ContrastiveDivergence:
    """Lower the free energy of the data, and raise that of samples near them (CD-k).

    The loss is mean F(v) − mean F(v'), where k steps of Gibbs sampling lead from the data v to
    v', which have no gradient. That of F with respect to W is −sigmoid(c + Wv) vᵀ, so that
    the loss has the gradient of contrastive divergence, ⟨h v⟩ after k steps less ⟨h v⟩ of
    the data, with hidden units as probabilities in both. Were v' drawn from the model,
    it would be that of the negative log-likelihood, exactly.

    Source:
        Hinton, Training products of experts by minimizing contrastive divergence, Neural
        Computation 2002; Hinton, Osindero & Teh, Neural Computation 2006.
    """

    def __init__(self, spec: RbmSpec) -> None:
        """Take k, how visible units are drawn, and the sparsity."""
        self.spec = spec

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute `data`, `samples` and, with a target for the activity, `sparsity`.

        The data are `target`: where stages learn through one another, too, this one models what
        the stages below give, and does not change it.

        Raises:
            RecipeError: If a Bernoulli machine is given data that do not lie in [0, 1].
        """
        machine = BoltzmannMachine(stage)
        if stage.spec.input == "none":
            _check_range(stage, target)
        data = drawn(target, generator=generator) if self.spec.sampled else target
        responses = machine.responses(data)
        samples = self._samples(machine, data, responses, generator)
        found = {
            "data": machine.free_energy(data, responses=responses).mean(),
            "samples": -machine.free_energy(samples).mean(),
        }
        if self.spec.sparsity is not None:
            probabilities = torch.sigmoid(responses)
            shared = stage.filter.shared
            found["sparsity"] = _sparsity(probabilities, self.spec.sparsity, shared=shared)
        return found

    @torch.no_grad()
    def start(self, stage: Stage, x: Tensor) -> None:
        """Set the visible biases to those of the likeliest machine without weights.

        From zero, hidden units would learn first what all data have in common, and some of them
        would be on for good (Hinton 2012, section 8.1).
        """
        machine = BoltzmannMachine(stage)
        mean = x.mean(dim=(0, 2, 3), keepdim=True)[0] if stage.filter.shared else x.mean(0)
        machine.bias.copy_(machine.fields_of(mean))

    def after_step(self, stage: Stage) -> None:
        """Nothing is constrained."""

    def _samples(
        self,
        machine: BoltzmannMachine,
        data: Tensor,
        responses: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Walk away from the data."""
        return machine.gibbs(
            data,
            steps=self.spec.k,
            mean_field=self.spec.mean_field,
            responses=responses.detach(),
            generator=generator,
        )


class PersistentDivergence(ContrastiveDivergence):
    """The same with samples of chains that go on from step to step (PCD).

    They begin as samples of the visible biases, and follow the model as it changes slowly.
    Held-out images are compared with samples k steps further on, which are then forgotten.

    Source:
        Tieleman, Training restricted Boltzmann machines using approximations to the likelihood
        gradient, ICML 2008.
    """

    def __init__(self, spec: RbmSpec) -> None:
        """Take how many chains there are, beside the rest."""
        super().__init__(spec)
        self._chains: _Chains | None = None

    def begin(self, stage: Stage, *, generator: torch.Generator) -> nn.Module:
        """Start every chain as a sample of the visible biases alone."""
        machine = BoltzmannMachine(stage)
        count = self.spec.chains
        assert count is not None
        fields = machine.bias.detach().cpu().expand(count, *machine.shape)
        means = fields if machine.gaussian else torch.sigmoid(fields)
        self._chains = _Chains(machine.visible(means, generator=generator))
        return self._chains

    def _samples(
        self,
        machine: BoltzmannMachine,
        data: Tensor,
        responses: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Take the chains k steps further."""
        chains = self._chains
        assert chains is not None, "a phase of training begins with `begin`"
        found = machine.gibbs(chains.visible, steps=self.spec.k, generator=generator)
        if torch.is_grad_enabled():
            chains.visible.copy_(found)
        return found


class _Chains(nn.Module):
    """Where persistent chains are.

    Attributes:
        visible: Their visible units, `(chains, maps, height, width)`.
    """

    visible: Tensor

    def __init__(self, visible: Tensor) -> None:
        super().__init__()
        self.register_buffer("visible", visible)


def _sparsity(probabilities: Tensor, spec: SparsitySpec, *, shared: bool) -> Tensor:
    """Weigh the squared distances of mean activities from their target.

    Units that share their weights have one activity, which counts once for each position.
    """
    positions = probabilities.shape[2] * probabilities.shape[3]
    activity = probabilities.mean(dim=(0, 2, 3) if shared else 0)
    distance = (spec.target - activity).square().sum() * (positions if shared else 1)
    return spec.weight * distance


def _check_range(stage: Stage, data: Tensor) -> None:
    """Refuse data that are no probabilities."""
    low, high = (float(end) for end in torch.aminmax(data))
    if low < 0 or high > 1:  # a loss that is no number is the loop's to find
        raise RecipeError(
            f'stage {stage.name!r}: an `rbm` of `visible = "bernoulli"` needs inputs in [0, 1]; '
            f'got {low:.4g} to {high:.4g}: set `input = "unit"`'
        )
