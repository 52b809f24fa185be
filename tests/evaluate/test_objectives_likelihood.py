"""Partition functions and likelihoods against every state, quadrature and scikit-learn."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate
from sklearn.neural_network import BernoulliRBM
from torch import Tensor

from featlearn.autoencoders.machine import BoltzmannMachine
from featlearn.errors import UsageError
from featlearn.evaluate.likelihood import (
    base_log_likelihood,
    log_likelihood,
    pseudo_log_likelihood,
    turned_over,
)
from featlearn.evaluate.partition import (
    base_log_partition,
    base_rates,
    enumerable,
    estimate_log_partition,
    exact_log_partition,
    temperatures,
)
from featlearn.geometry import MapShape
from tests.autoencoders.machines import FILTERS, SMALL, bits, energies, log_sum, make, model, plain

SCALES = (1.0, 3.0)


def machine(kind: str = "dense", image: MapShape = SMALL, **objective: Any) -> BoltzmannMachine:
    return BoltzmannMachine(make(kind, image, **objective))


@pytest.mark.parametrize("kind", FILTERS)
def test_the_exact_sum_is_that_of_all_states(kind: str) -> None:
    image = MapShape(2, 2, 2) if kind == "same" else SMALL
    found = exact_log_partition(machine(kind, image))
    assert found == pytest.approx(model(make(kind, image))[1], rel=1e-12)


def test_the_fewer_units_are_gone_through() -> None:
    """Two pixels and hidden units by the dozen; many pixels and few units."""
    stage = make("dense", MapShape(1, 1, 2))
    with torch.no_grad():
        wide = machine("dense", MapShape(1, 5, 5))
    assert enumerable(wide)
    weight, b, c = plain(wide.stage)
    h = bits(5)
    wanted = log_sum(h @ c + np.logaddexp(0, b + h @ weight).sum(1), 0)
    assert exact_log_partition(wide) == pytest.approx(float(wanted), rel=1e-12)
    assert exact_log_partition(BoltzmannMachine(stage)) == pytest.approx(model(stage)[1])


def test_of_real_units_it_is_the_integral() -> None:
    small = machine("dense", MapShape(1, 1, 2), visible="gaussian")

    def density(y: float, x: float) -> float:
        return math.exp(-float(small.free_energy(torch.tensor([[[[x, y]]]]).double()).detach()))

    volume = integrate.dblquad(density, -9, 9, -9, 9, epsabs=1e-3, epsrel=1e-5)[0]
    assert exact_log_partition(small) == pytest.approx(math.log(volume), abs=1e-4)


def test_too_many_states_are_refused() -> None:
    large = machine("conv", MapShape(1, 6, 6))
    assert not enumerable(large)
    with pytest.raises(UsageError, match="the states of 50 hidden units are too many"):
        exact_log_partition(large)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("scale", SCALES)
def test_annealing_is_right_within_its_error(kind: str, visible: str, scale: float) -> None:
    image = MapShape(2, 2, 2) if kind == "same" else SMALL
    model_of = machine(kind, image, visible=visible)
    with torch.no_grad():
        model_of.stage.filter.weight.mul_(scale if visible == "bernoulli" else scale**0.5)
    draw = torch.Generator().manual_seed(5)
    data = torch.rand(50, *image, generator=draw, dtype=torch.float64)
    base = base_rates(model_of, [data[:20], data[20:]])
    steps = 30 if kind == "local" else 100
    found = estimate_log_partition(model_of, base, chains=500, steps=steps, generator=draw)
    assert 0 < found.error < 0.5
    assert 1 < found.effective <= 500
    exact = exact_log_partition(model_of)
    assert abs(found.log_z - exact) < 4 * found.error
    assert found.error < 0.2 or scale > 1


def test_many_estimates_scatter_by_their_error() -> None:
    """The error that is told is that of the estimates, not twice it nor half."""
    small, draw = machine(), torch.Generator().manual_seed(6)
    base, exact = small.zeros(), exact_log_partition(small)
    found = [
        estimate_log_partition(small, base, chains=50, steps=5, generator=draw) for _ in range(150)
    ]
    scatter = np.std([one.log_z for one in found])
    told = np.mean([one.error for one in found])
    assert 0.8 < scatter / told < 1.25
    # The mean of the weights, not of their logarithms, is unbiased.
    mean = np.log(np.mean([np.exp(one.log_z - exact) for one in found]))
    assert abs(mean) < 4 * told / np.sqrt(150)


def test_without_weights_there_is_nothing_to_estimate() -> None:
    for visible in ("bernoulli", "gaussian"):
        flat = machine(visible=visible)
        with torch.no_grad():
            flat.stage.filter.weight.zero_()
            assert flat.stage.filter.bias is not None
            flat.stage.filter.bias.zero_()
        draw = torch.Generator().manual_seed(7)
        found = estimate_log_partition(flat, flat.bias.detach(), chains=3, steps=4, generator=draw)
        assert found.log_z == pytest.approx(exact_log_partition(flat), rel=1e-9)
        assert found.log_z == pytest.approx(base_log_partition(flat, flat.bias.detach()))
        assert found.error == pytest.approx(0, abs=1e-9)
        assert found.effective == pytest.approx(3)


def test_temperatures_are_the_paper_s() -> None:
    found = temperatures(14_500)
    assert len(found) == 14_501
    assert (found[0], found[500], found[4500], found[-1]) == pytest.approx((0, 0.5, 0.9, 1))
    for count in (1, 2, 3, 7, 100):
        few = temperatures(count)
        assert len(few) == count + 1
        assert (few[0], few[-1]) == (0, 1)
        assert all(low < high for low, high in pairwise(few))


def test_base_rates_are_means() -> None:
    real = machine(visible="gaussian")
    x = torch.randn(9, *SMALL, generator=torch.Generator().manual_seed(8)).double()
    torch.testing.assert_close(base_rates(real, [x[:4], x[4:]]), x.mean(0))
    binary = (x > 0).double()
    found = torch.sigmoid(base_rates(machine(), [binary]))
    torch.testing.assert_close(found, 0.99 * binary.mean(0) + 0.005)


def test_likelihoods_sum_to_one() -> None:
    small = machine()
    states = torch.from_numpy(bits(SMALL.units)).view(-1, *SMALL)
    each = log_likelihood(small, states, log_z=exact_log_partition(small))
    torch.testing.assert_close(each.exp(), torch.from_numpy(model(small.stage)[0]))
    base = torch.linspace(-1, 2, 8).double().view(SMALL)
    assert float(base_log_likelihood(small, states, base).exp().sum()) == pytest.approx(1)
    assert len(base_log_likelihood(small, states[:0], base)) == 0


def test_the_pseudo_likelihood_is_that_of_conditional_probabilities() -> None:
    small = machine()
    states = bits(SMALL.units)
    logs = log_sum(-energies(small.stage, states), 1)
    draw = torch.Generator().manual_seed(9)
    rows = torch.randint(256, (40,), generator=draw)
    units = torch.randint(8, (40,), generator=draw)
    other = rows ^ (1 << (7 - units))
    wanted = 8 * (logs[rows] - np.logaddexp(logs[rows], logs[other]))
    v = torch.from_numpy(states[rows]).view(-1, *SMALL)
    np.testing.assert_allclose(turned_over(small, v, units).numpy(), wanted, rtol=1e-10)


def test_scores_are_those_of_scikit_learn() -> None:
    small, seed = machine(), 3
    x = np.random.default_rng(0).integers(0, 2, (30, 8)).astype(float)
    theirs = BernoulliRBM(n_components=5, learning_rate=0.5, n_iter=20, random_state=seed).fit(x)
    with torch.no_grad():
        small.stage.filter.weight.copy_(torch.from_numpy(theirs.components_).view(5, *SMALL))
        small.bias.copy_(torch.from_numpy(theirs.intercept_visible_).view(SMALL))
        assert small.stage.filter.bias is not None
        small.stage.filter.bias.copy_(torch.from_numpy(theirs.intercept_hidden_))
    chosen = np.random.RandomState(seed).randint(0, 8, 30)
    v = torch.from_numpy(x).view(-1, *SMALL)
    mine = turned_over(small, v, torch.from_numpy(chosen)).numpy()
    np.testing.assert_allclose(mine, theirs.score_samples(x), rtol=1e-10)
    code = small.stage.code(v).detach().flatten(1).numpy()
    np.testing.assert_allclose(code, theirs.transform(x), rtol=1e-10)


def test_units_are_drawn_and_real_ones_refused() -> None:
    small = machine()
    v = torch.zeros(500, *SMALL).double()
    found = pseudo_log_likelihood(small, v, generator=torch.Generator().manual_seed(0))
    every = torch.cat([turned_over(small, v[:1], torch.tensor([unit])) for unit in range(8)])
    assert set(_rounded(found)) == set(_rounded(every))
    with pytest.raises(UsageError, match="stage 'it': the pseudo-likelihood"):
        pseudo_log_likelihood(machine(visible="gaussian"), v, generator=torch.Generator())


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 9) for value in values.tolist()]


@pytest.mark.parametrize(("chains", "steps"), [(1, 5), (2, 0)])
def test_too_few_chains_or_steps_are_refused(chains: int, steps: int) -> None:
    small = machine()
    with pytest.raises(UsageError, match=f"got {chains} and {steps}"):
        estimate_log_partition(
            small, small.zeros(), chains=chains, steps=steps, generator=torch.Generator()
        )
