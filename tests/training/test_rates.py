"""Learning rates over time: at the first step, in the middle, at the last one."""

import math
from typing import Any

import msgspec
import pytest
import torch

from featlearn.config.training import FinetuneSpec, PlateauSpec, ScheduleSpec
from featlearn.errors import RecipeError
from featlearn.training.rates import Plateau, check_warmup, rate_factor


def spec_of(**table: Any) -> ScheduleSpec:
    return msgspec.convert({"rate": table}, FinetuneSpec).rate


def rates(steps: int = 100, steps_per_epoch: int = 10, **table: Any) -> list[float]:
    spec = spec_of(**table)
    return [
        rate_factor(spec, step=step, steps=steps, steps_per_epoch=steps_per_epoch)
        for step in range(steps)
    ]


def test_constant_stays_after_a_linear_warmup() -> None:
    assert rates(kind="constant") == [1.0] * 100
    found = rates(kind="constant", warmup=4)
    assert found[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_step_multiplies_at_the_end_of_every_so_many_epochs() -> None:
    found = rates(kind="step", every=3, factor=0.5)
    assert [found[step] for step in (0, 29, 30, 59, 60, 90, 99)] == pytest.approx(
        [1, 1, 0.5, 0.5, 0.25, 0.125, 0.125]
    )


HALF = math.sqrt(0.5)  # the cosine of an eighth of a turn


def test_cosine_falls_to_the_floor_which_the_last_step_takes() -> None:
    found = rates(101, kind="cosine", floor=0.2)
    assert [found[step] for step in (0, 25, 50, 75, 100)] == pytest.approx(
        [1.0, 0.6 + 0.4 * HALF, 0.6, 0.6 - 0.4 * HALF, 0.2]
    )
    assert found == sorted(found, reverse=True)
    assert rates(kind="cosine")[-1] == 0.0
    assert rates(2, kind="cosine", floor=0.2) == pytest.approx([1.0, 0.2])


def test_cosine_is_the_one_that_pytorch_anneals_with() -> None:
    found = rates(40, kind="cosine", floor=0.1)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    annealing = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=39, eta_min=0.1)
    for value in found:
        assert value == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        annealing.step()


def test_cosine_begins_where_its_warmup_ends() -> None:
    found = rates(121, kind="cosine", warmup=20, floor=0.2)
    assert [found[step] for step in (0, 10, 19, 20, 70, 120)] == pytest.approx(
        [1 / 21, 11 / 21, 20 / 21, 1.0, 0.6, 0.2]
    )


def test_one_cycle_rises_and_falls_by_cosines() -> None:
    found = rates(101, kind="one-cycle", rise=0.2, start=0.04, floor=0.0)
    quarter = 0.52 - 0.48 * HALF
    assert [found[step] for step in (0, 5, 10, 20, 40, 60, 80, 100)] == pytest.approx(
        [0.04, quarter, 0.52, 1.0, 0.5 + 0.5 * HALF, 0.5, 0.5 - 0.5 * HALF, 0.0]
    )
    assert found[:21] == sorted(found[:21])
    assert found[20:] == sorted(found[20:], reverse=True)


@pytest.mark.parametrize("steps", [3, 4, 7, 100])
@pytest.mark.parametrize("rise", [0.01, 0.3, 0.5, 0.99])
def test_one_cycle_starts_peaks_and_ends_where_it_says(steps: int, rise: float) -> None:
    found = rates(steps, kind="one-cycle", rise=rise, start=0.1, floor=0.01)
    assert (found[0], found[-1]) == pytest.approx((0.1, 0.01))
    assert found.count(1.0) == 1
    assert abs(found.index(1.0) - rise * (steps - 1)) <= 1


@pytest.mark.parametrize("kind", ["constant", "cosine", "one-cycle", "plateau"])
def test_a_single_step_is_at_the_full_rate(kind: str) -> None:
    assert rates(1, 1, kind=kind) == [1.0]


@pytest.mark.parametrize("kind", ["constant", "cosine"])
def test_a_warmup_that_leaves_no_step_is_refused(kind: str) -> None:
    def check(warmup: int, steps: int) -> None:
        check_warmup(
            spec_of(kind=kind, warmup=warmup), steps=steps, phase="edges", table="pretrain"
        )

    check(0, 1)
    check(9, 10)
    assert rates(10, kind=kind, warmup=9)[-1] == 1.0
    with pytest.raises(
        RecipeError,
        match=r"edges: pretrain\.rate\.warmup is 10 steps, and there are 10 in all; set",
    ):
        check(10, 10)
    check_warmup(spec_of(kind="one-cycle"), steps=1, phase="edges", table="pretrain")


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("kind", ["constant", "cosine", "one-cycle", "plateau"])
def test_few_steps_are_no_problem(kind: str, steps: int) -> None:
    assert all(0 <= value <= 1 for value in rates(steps, 1, kind=kind))


def test_a_plateau_shrinks_after_so_many_epochs_without_a_better_loss() -> None:
    plateau = Plateau(PlateauSpec(patience=2, factor=0.5))
    seen: list[float] = []
    for loss in (3.0, 2.0, 2.0, 2.5, 2.1, 1.9, 5.0, 5.0, 5.0, 5.0):
        plateau.see(loss)
        seen.append(plateau.factor)
    #           best best  1    2→½  1    best 1    2→¼   1     2→⅛
    assert seen == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]
