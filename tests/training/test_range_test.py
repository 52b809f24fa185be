"""The range test against curves and trainings whose course is known."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from featlearn.config.training import AdamSpec, CosineSpec, LoopSpec, PlateauSpec, SGDSpec
from featlearn.training.optimizers import Group
from featlearn.training.range_test import HIGHEST, LOWEST, STEPS, range_test, read_curve

RATES = np.geomspace(1e-7, 10.0, 100)


class Bowl:
    """Half of `curve` times a number squared: a training that can be followed by hand."""

    name = "bowl"
    aside = None
    samples = 2
    device = torch.device("cpu")

    def __init__(self, start: float = 1.0, curve: float = 1.0) -> None:
        self.module = nn.ParameterList([torch.full((1,), start)])
        self.curve = curve

    def groups(self) -> list[Group]:
        return [{"params": list(self.module), "scale": 1.0}]

    def terms(self, rows: Tensor, draw: torch.Generator) -> dict[str, Tensor]:
        return {"bowl": 0.5 * self.curve * self.module[0].square().sum()}

    def after_step(self) -> None:
        pass

    def held_out(self) -> dict[str, float] | None:
        return None


def spec(lr: float = 1e-3) -> LoopSpec:
    return LoopSpec(batch=2, optimizer=SGDSpec(lr=lr, momentum=0.0))


def valley(fall: float, blow: float, *, width: float = 0.5) -> NDArray[np.float64]:
    """Fall by a logistic curve around the rate `fall`, rise without end from `blow` on."""
    decades = np.log10(RATES)
    losses = 100 - 80 / (1 + np.exp(-(decades - math.log10(fall)) / width))
    return losses + np.exp((decades - math.log10(blow)) / 0.04)


@pytest.mark.parametrize("fall", [1e-5, 1e-4, 3e-3])
def test_the_suggestion_is_where_the_loss_falls_fastest(fall: float) -> None:
    found = read_curve(RATES.tolist(), valley(fall, blow=0.5).tolist(), broken=False)
    assert found.suggested == pytest.approx(fall, rel=0.5)
    assert found.diverges == pytest.approx(0.5 * 10 ** (0.04 * math.log(80)), rel=0.7)


def test_noise_moves_the_suggestion_little() -> None:
    draw = np.random.default_rng(0)
    for _ in range(20):
        noisy = valley(1e-3, blow=0.5) + 4 * draw.standard_normal(100)
        found = read_curve(RATES.tolist(), noisy.tolist(), broken=False)
        assert found.suggested is not None
        assert abs(math.log10(found.suggested) + 3) < 1.0


def test_what_does_not_fall_has_no_suggestion() -> None:
    draw = np.random.default_rng(0)
    for level, noise in ((100.0, 0.0), (100.0, 3.0), (-5.0, 0.5), (0.0, 1.0)):
        losses = level + noise * draw.standard_normal(100)
        found = read_curve(RATES.tolist(), losses.tolist(), broken=False)
        assert found.suggested is None
    rising = read_curve(RATES.tolist(), np.linspace(1, 9, 100).tolist(), broken=False)
    assert rising.suggested is None
    assert rising.diverges is not None
    assert rising.diverges < 1e-6


def test_noise_seldom_counts_as_a_fall() -> None:
    draw = np.random.default_rng(0)
    losses = 100 + 8 * draw.standard_normal((500, 100))
    fallen = [
        read_curve(RATES.tolist(), row.tolist(), broken=False).suggested is not None
        for row in losses
    ]
    assert sum(fallen) <= 15  # 5 are expected, 15 are beyond four standard deviations


def test_a_loss_below_zero_is_read_alike() -> None:
    above = valley(1e-3, blow=0.5).clip(max=150)
    found = read_curve(RATES.tolist(), (above - 60).tolist(), broken=False)
    assert found.suggested == pytest.approx(1e-3, rel=0.5)


@pytest.mark.parametrize(("broken", "diverges"), [(True, 1e-2), (False, None)])
def test_a_training_that_broke_off_diverges_there(broken: bool, diverges: float | None) -> None:
    rates = np.geomspace(1e-6, 1e-2, 50)
    found = read_curve(rates.tolist(), np.linspace(10, 5, 50).tolist(), broken=broken)
    assert found.diverges == (None if diverges is None else pytest.approx(diverges))


@pytest.mark.parametrize("losses", [[], [3.0]])
def test_next_to_nothing_says_nothing(losses: list[float]) -> None:
    found = read_curve([1e-7][: len(losses)], losses, broken=True)
    assert (found.suggested, found.smoothed) == (None, losses)


@pytest.mark.parametrize("curve", [0.1, 1.0, 100.0])
def test_steps_are_those_of_gradient_descent_at_growing_rates(curve: float) -> None:
    found = range_test(Bowl(1.0, curve), spec(), seed=0)
    place, expected = 1.0, list[float]()
    for rate in np.geomspace(LOWEST, HIGHEST, STEPS)[: len(found.losses)]:
        expected.append(0.5 * curve * place**2)
        place *= 1 - rate * curve
    assert found.losses == pytest.approx(expected, rel=1e-4, abs=1e-7)
    assert found.rates == pytest.approx(np.geomspace(LOWEST, HIGHEST, STEPS)[: len(found.losses)])
    assert found.suggested is not None
    # Below 2 / curve every step of descent shrinks the loss, above it every step adds to it.
    assert found.suggested < 2 / curve
    if curve > 1:
        assert found.diverges is not None
        assert found.diverges > 2 / curve
        assert len(found.losses) < STEPS


def test_nothing_is_left_behind() -> None:
    problem = Bowl(2.0)
    problem.module.eval()
    range_test(problem, spec(), seed=0)
    assert problem.module[0].item() == 2.0
    assert problem.module[0].grad is None
    assert not problem.module.training


@pytest.mark.parametrize("own", [1e-9, 1e-3, 1e3])
def test_the_recipe_s_own_rate_is_inside(own: float) -> None:
    found = range_test(Bowl(1.0, 1e-9), spec(own), seed=0)
    assert found.own == own
    assert found.rates[0] <= own / 99
    assert found.rates[-1] >= own * 99


def test_a_first_loss_that_is_not_finite() -> None:
    found = range_test(Bowl(math.nan), spec(), seed=0)
    assert (found.suggested, found.rates, found.losses) == (None, [], [])


def test_the_schedule_counts_for_nothing() -> None:
    plain = LoopSpec(batch=2, optimizer=AdamSpec())
    for rate in (CosineSpec(warmup=50), PlateauSpec()):
        bent = LoopSpec(batch=2, optimizer=AdamSpec(), rate=rate, patience=1)
        assert range_test(Bowl(), bent, seed=0) == range_test(Bowl(), plain, seed=0)
