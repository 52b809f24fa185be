"""The partition function of restricted Boltzmann machines: exactly, and by annealing."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.autoencoders.machine import BoltzmannMachine, drawn, softplus_sum
from featlearn.errors import UsageError

MOST_ENUMERATED = 20
"""Binary units whose states are gone through, a million at most."""

_AT_ONCE = 1 << 12
_SPACING = ((0.5, 1 / 29), (0.9, 8 / 29), (1.0, 20 / 29))


class PartitionEstimate(NamedTuple):
    """What annealed importance sampling says of log Z.

    Attributes:
        log_z: The logarithm of the mean weight, in nats.
        error: Its standard error, in nats.
        effective: How many equal weights would have an error as small: (Σw)² / Σw².
    """

    log_z: float
    error: float
    effective: float


def enumerable(machine: BoltzmannMachine) -> bool:
    """Tell whether hidden units, or binary visible ones, are few enough to go through."""
    return min(_binary(machine)) <= MOST_ENUMERATED


@torch.no_grad()
def exact_log_partition(machine: BoltzmannMachine) -> float:
    """Compute log Z, by a sum over every state of the hidden units, or of binary visible ones.

    With hidden units it is log Σ_h exp(cᵀh) Π_i (1 + exp(b + Wᵀh)_i) if visible units are
    binary, and log Σ_h exp(cᵀh + ½‖b + Wᵀh‖² − ½‖b‖²) + ½ D log 2π if they are real.

    Args:
        machine: With at most `MOST_ENUMERATED` units of one of these kinds.

    Returns:
        In nats.

    Raises:
        UsageError: If it has more.
    """
    hidden, visible = _binary(machine)
    if not enumerable(machine):
        raise UsageError(
            f"the states of {hidden:.0f} hidden units are too many to go through (at most "
            f"{MOST_ENUMERATED} units); estimate the partition function instead"
        )
    parts: list[Tensor] = []
    if hidden <= visible:
        shape = tuple(machine.responses(machine.zeros(1)).shape[1:])
        parts += [_of_hidden(machine, h) for h in _states(machine, shape)]
    else:
        parts += [-machine.free_energy(v).double() for v in _states(machine, machine.shape)]
    return float(torch.cat(parts).logsumexp(0))


@torch.no_grad()
def base_rates(machine: BoltzmannMachine, batches: Iterable[Tensor]) -> Tensor:
    """Find the biases of the machine without weights that is the likeliest for data.

    Args:
        machine: For which data.
        batches: Visible units `(n, *shape)`, of one sample at least.

    Returns:
        What gives each visible unit its mean, see `BoltzmannMachine.fields_of`; `shape`.
    """
    total, count = machine.zeros().double(), 0
    for batch in batches:
        total += batch.double().sum(0)
        count += len(batch)
    return machine.fields_of(total / count).to(machine.bias.dtype)


def base_log_partition(machine: BoltzmannMachine, base: Tensor) -> float:
    """Compute log Z of the machine whose visible biases are `base`, and that has no weights."""
    hidden, _ = _binary(machine)
    own = float(F.softplus(base.double()).sum())
    if machine.gaussian:
        own = 0.5 * base.numel() * math.log(2 * math.pi)
    return hidden * math.log(2) + own


def temperatures(count: int) -> list[float]:
    """Give inverse temperatures from 0 to 1, denser towards the end as in the paper.

    Args:
        count: Steps from one to the next; of 14 500, 500 end at 0.5 and 4500 at 0.9.
    """
    found, low = [0.0], 0.0
    done = 0.0
    for high, share in _SPACING:
        done, begun = done + share, len(found) - 1
        steps = round(done * count) - begun
        found += [low + (high - low) * (step + 1) / steps for step in range(steps)]
        low = found[-1]
    return [*found[:-1], 1.0]


@torch.no_grad()
def estimate_log_partition(
    machine: BoltzmannMachine,
    base: Tensor,
    *,
    chains: int,
    steps: int,
    generator: torch.Generator,
    told: Callable[[int], None] | None = None,
) -> PartitionEstimate:
    """Estimate log Z by annealed importance sampling.

    Chains begin as exact samples of the machine without weights, whose biases are `base`, and
    are led through p_β(v) ∝ exp(−(1 − β) E_base(v) − β E(v)) Π_j (1 + exp β (c + Wv)_j), by a
    step of Gibbs sampling at each β. The mean of the weights w = Π p_{β_k}(v_k) / p_{β_{k−1}}(v_k)
    is an unbiased estimate of Z / Z_base; its logarithm is too small on average, so that
    a likelihood computed by it is too high rather than too low.

    Args:
        machine: With binary or real visible units.
        base: What `base_rates` gives of training data.
        chains: How many, at least 2; the error is that of their mean.
        steps: How many β there are between 0 and 1.
        generator: Source of every draw, on the device of the weights.
        told: Told after every step how many are done.

    Raises:
        UsageError: If there are fewer chains or steps.

    Source:
        Salakhutdinov & Murray, On the quantitative analysis of deep belief networks, ICML 2008,
        section 4.1; Neal, Annealed importance sampling, Statistics and Computing 2001.
    """
    if chains < 2 or steps < 1:
        raise UsageError(
            "annealed importance sampling needs at least 2 chains and 1 step; "
            f"got {chains} and {steps}"
        )
    fields = base.expand(chains, *machine.shape)
    means = fields if machine.gaussian else torch.sigmoid(fields)
    v = machine.visible(means, generator=generator)
    weights = torch.zeros(chains, dtype=torch.float64, device=v.device)
    for done, betas in enumerate(pairwise(temperatures(steps)), start=1):
        change, v = _annealed(machine, base, v, betas, generator)
        weights += change
        if told is not None:
            told(done)
    return _summed_up(weights, base_log_partition(machine, base))


def _annealed(
    machine: BoltzmannMachine,
    base: Tensor,
    v: Tensor,
    betas: tuple[float, float],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Go on from one β to the next: what it adds to the logarithms of weights, and the samples."""
    before, beta = betas
    up = machine.responses(v)
    wide = up.double()
    change = softplus_sum(beta * wide) - softplus_sum(before * wide)
    apart = machine.visible_energy(v, base) - machine.visible_energy(v)
    h = drawn(torch.sigmoid(beta * up), generator=generator)
    down = machine.stage.decode(h, size=machine.shape[1:])
    fields = (1 - beta) * base + beta * down
    means = fields if machine.gaussian else torch.sigmoid(fields)
    return change + (beta - before) * apart.double(), machine.visible(means, generator=generator)


def _summed_up(weights: Tensor, base: float) -> PartitionEstimate:
    """Give the logarithm of the mean of weights that are given as logarithms."""
    count = len(weights)
    relative = (weights - weights.max()).exp()
    mean = relative.mean()
    error = float(relative.std() / mean) / math.sqrt(count)
    effective = float(relative.sum().square() / relative.square().sum())
    log_z = base + float(weights.logsumexp(0)) - math.log(count)
    return PartitionEstimate(log_z, error, effective)


def _binary(machine: BoltzmannMachine) -> tuple[int, float]:
    """Count the hidden units, and the visible ones that are binary; infinitely many if none are."""
    hidden = machine.responses(machine.zeros(1)).numel()
    return hidden, math.inf if machine.gaussian else machine.shape.units


def _states(machine: BoltzmannMachine, shape: tuple[int, ...]) -> Iterator[Tensor]:
    """Go through all states of binary units of a shape, `(n, *shape)` at a time."""
    count = math.prod(shape)
    places = torch.arange(count, device=machine.bias.device)
    for begin in range(0, 1 << count, _AT_ONCE):
        numbers = torch.arange(begin, min(begin + _AT_ONCE, 1 << count), device=machine.bias.device)
        bits = (numbers[:, None] >> places) & 1
        yield bits.to(machine.bias.dtype).unflatten(1, shape)


def _of_hidden(machine: BoltzmannMachine, h: Tensor) -> Tensor:
    """Compute log Σ_v exp(−E(v, h)) for states of the hidden units; if v is real, an integral."""
    own = (h * machine.responses(machine.zeros(1))).flatten(1).double().sum(1)
    down = machine.stage.decode(h, size=machine.shape[1:]).double()
    if not machine.gaussian:
        return own + softplus_sum(down)
    b = machine.bias.expand(machine.shape).double()
    lengths = down.flatten(1).square().sum(1) - b.square().sum()
    return own + lengths / 2 + 0.5 * b.numel() * math.log(2 * math.pi)
