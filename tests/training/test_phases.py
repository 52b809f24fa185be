"""Which phases a schedule has."""

from collections.abc import Callable

import msgspec

from featlearn.config.recipe import Recipe
from featlearn.training.phases import plan_phases

Tiny = Callable[..., Recipe]


def told(
    recipe: Recipe, taught: tuple[int, ...] = (0, 1)
) -> list[tuple[str, tuple[int, ...], int]]:
    return [(phase.name, phase.places, phase.epochs) for phase in plan_phases(recipe, taught)]


def test_greedy_trains_stage_after_stage(tiny: Tiny) -> None:
    assert told(tiny()) == [("edges", (0,), 2), ("parts", (1,), 2)]


def test_joint_trains_all_at_once(tiny: Tiny) -> None:
    assert told(tiny(pretrain={"schedule": "joint"})) == [("joint", (0, 1), 2)]


def test_both_one_after_the_other(tiny: Tiny) -> None:
    schedule = {"schedule": "greedy-then-joint"}
    expected = [("edges", (0,), 2), ("parts", (1,), 2), ("joint", (0, 1), 2)]
    assert told(tiny(pretrain=schedule)) == expected
    assert told(tiny(pretrain={**schedule, "joint_epochs": 7}))[-1] == ("joint", (0, 1), 7)


def test_stages_without_an_objective_are_not_trained(tiny: Tiny) -> None:
    assert told(tiny(), (1,)) == [("edges", (0,), 0), ("parts", (1,), 2)]
    assert told(tiny(pretrain={"schedule": "joint"}), ()) == [("joint", (), 0)]
    assert told(tiny(pretrain={"schedule": "joint"}), (1,)) == [("joint", (1,), 2)]


def test_a_stage_may_have_its_own_epochs_and_rate(tiny: Tiny) -> None:
    first, second = tiny().stages
    second = msgspec.structs.replace(second, epochs=9, lr=0.5)
    phases = plan_phases(tiny(stages=[first, second]), (0, 1))
    assert [(phase.epochs, phase.loop.optimizer.lr) for phase in phases] == [(2, 0.01), (9, 0.5)]
