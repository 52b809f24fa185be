"""How likely data are under a restricted Boltzmann machine."""

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.autoencoders.machine import BoltzmannMachine
from featlearn.errors import UsageError
from featlearn.evaluate.partition import base_log_partition


@torch.no_grad()
def log_likelihood(machine: BoltzmannMachine, v: Tensor, *, log_z: float) -> Tensor:
    """Compute log p(v) = −F(v) − log Z.

    Args:
        machine: The model.
        v: Visible units, `(n, *shape)`; zeros and ones, if they are binary.
        log_z: What `exact_log_partition` or `estimate_log_partition` gives.

    Returns:
        `(n,)` float64, in nats: of a state, or of a density in the scaled unit of the input.
    """
    return -machine.free_energy(v).double() - log_z


@torch.no_grad()
def base_log_likelihood(machine: BoltzmannMachine, v: Tensor, base: Tensor) -> Tensor:
    """Compute log p(v) under the machine that has biases but no weights.

    Args:
        machine: For its kind of visible units.
        v: Visible units, `(n, *shape)`.
        base: The biases, as `base_rates` gives them.

    Returns:
        `(n,)` float64, in nats.
    """
    hidden = machine.responses(v[:1]).numel() if len(v) else 0
    own = base_log_partition(machine, base) - hidden * torch.log(torch.tensor(2.0).double())
    return -machine.visible_energy(v, base).double() - own


@torch.no_grad()
def pseudo_log_likelihood(
    machine: BoltzmannMachine, v: Tensor, *, generator: torch.Generator
) -> Tensor:
    """Estimate the pseudo-log-likelihood Σ_i log p(v_i | all others), by one unit of each sample.

    log p(v_i | others) = −log(1 + exp(F(v) − F(v with v_i turned over))), D times for one of the
    D units drawn at random, as in scikit-learn's `BernoulliRBM.score_samples`.

    Args:
        machine: With binary visible units.
        v: Visible units, `(n, *shape)`, zeros and ones.
        generator: Source of the draws, on the device of `v`.

    Returns:
        `(n,)` float64, in nats.

    Raises:
        UsageError: If visible units are real.

    Source:
        Besag, Statistical analysis of non-lattice data, The Statistician 1975; Tieleman, 2008.
    """
    if machine.gaussian:
        raise UsageError(
            f"stage {machine.stage.name!r}: the pseudo-likelihood turns units over, and those of "
            '`visible = "gaussian"` are not binary'
        )
    units = machine.shape.units
    chosen = torch.randint(units, (len(v),), device=v.device, generator=generator)
    return turned_over(machine, v, chosen)


@torch.no_grad()
def turned_over(machine: BoltzmannMachine, v: Tensor, units: Tensor) -> Tensor:
    """Compute D log p(v_i | all others) for one unit i of each sample.

    Args:
        machine: With D binary visible units.
        v: Visible units, `(n, *shape)`, zeros and ones.
        units: Place of a unit in each flattened sample, `(n,)`.
    """
    flat = v.flatten(1).clone()
    rows = torch.arange(len(v), device=v.device)
    flat[rows, units] = 1 - flat[rows, units]
    turned = flat.view_as(v)
    apart = machine.free_energy(turned).double() - machine.free_energy(v).double()
    return machine.shape.units * F.logsigmoid(apart)
