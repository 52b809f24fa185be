"""Learning rates over time against closed forms."""

import math
from typing import Any

import msgspec
import pytest

from featlearn.config.training import FinetuneSpec, PlateauSpec, ScheduleSpec
from featlearn.training.rates import Plateau, rate_factor


def rates(steps: int = 100, steps_per_epoch: int = 10, **table: Any) -> list[float]:
    spec: ScheduleSpec = msgspec.convert({"rate": table}, FinetuneSpec).rate
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
    assert found == pytest.approx([0.5 ** (step // 30) for step in range(100)])


def test_cosine_falls_along_half_a_cosine() -> None:
    found = rates(kind="cosine", floor=0.1)
    expected = [0.1 + 0.9 * (1 + math.cos(math.pi * step / 100)) / 2 for step in range(100)]
    assert found == pytest.approx(expected)
    warm = rates(kind="cosine", warmup=20)
    assert warm[:20] == pytest.approx([(step + 1) / 21 for step in range(20)])
    assert warm[20] == 1.0
    assert warm[60] == pytest.approx(0.5)


def test_one_cycle_rises_and_falls_by_cosines() -> None:
    found = rates(kind="one-cycle", rise=0.25, start=0.04, floor=0.0)
    assert found[0] == pytest.approx(0.04)
    assert found[25] == pytest.approx(1.0)
    for step, value in enumerate(found):
        up = 1 - 0.96 * (1 + math.cos(math.pi * step / 25)) / 2
        down = (1 + math.cos(math.pi * (step - 25) / 75)) / 2
        assert value == pytest.approx(up if step < 25 else down)


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
