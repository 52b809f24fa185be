"""What passes and what fails, at both sides of every bound."""

import math

import pytest

from featlearn.evaluate.sanity import ByHeart, Dead
from featlearn.heads.losses import Guess
from featlearn.training.range_test import RangeTest
from featlearn.workflows.check_words import (
    Verdict,
    judge_by_heart,
    judge_dead,
    judge_first_loss,
    judge_gradient,
    judge_rate,
)


def test_a_row_has_the_word_for_the_verdict() -> None:
    words = [Verdict(passed, "x").check("a", "b").status for passed in (True, False, None)]
    assert words == ["passed", "failed", "not applicable"]
    row = Verdict(None, "why").check("gradient", "strokes")
    assert (row.name, row.of, row.said) == ("gradient", "strokes", "why")


@pytest.mark.parametrize(
    ("norm", "passed"),
    [(1e-20, True), (1e20, True), (0.0, False), (math.nan, False), (math.inf, False)],
)
def test_a_gradient_is_finite_and_not_zero(norm: float, passed: bool) -> None:
    found = judge_gradient(norm, step=2)
    assert found.passed is passed
    assert "in step 2" in found.said


def test_the_first_loss_is_that_of_a_guess() -> None:
    ten, nine = Guess(math.log(10), "ln 10"), Guess(math.log(9), "ln 9")
    assert judge_first_loss(math.log(10), ten) == (True, "2.3026, and ln 10 = 2.3026")
    assert judge_first_loss(math.log(10) + 0.01, ten).passed is False
    assert judge_first_loss(math.log(10), nine).passed is False
    assert judge_first_loss(math.nan, ten).passed is False
    assert judge_first_loss(1.3, None).passed is None


@pytest.mark.parametrize(("dead", "passed"), [(0, True), (5, True), (6, False), (10, False)])
def test_half_of_the_units_live(dead: int, passed: bool) -> None:
    found = judge_dead(Dead(0, 10, False), Dead(dead, 10, False), steps=30)
    assert found.passed is passed
    assert found.said.startswith(f"{dead} of 10 units give the same for every image after 30 steps")


def test_dead_units_say_what_to_look_at() -> None:
    all_ = Dead(8, 8, True)
    assert judge_dead(Dead(0, 8, True), all_, steps=3).said.endswith("; lower the rate")
    assert judge_dead(all_, all_, steps=3).said.endswith("; scale the stage's input")
    assert "8 of 8 maps" in judge_dead(all_, all_, steps=3).said


@pytest.mark.parametrize(
    ("own", "suggested", "diverges", "passed", "said"),
    [
        (1e-3, 2e-3, 0.1, True, "0.001 will do: the loss falls fastest at 0.002 and diverges"),
        (1e-3, 2e-3, None, True, "0.001 will do: the loss falls fastest at 0.002"),
        (0.099, 2e-3, 0.1, True, "0.099 will do"),
        (0.1, 2e-3, 0.1, False, "0.1 is too high: the loss falls fastest at 0.002 and diverges"),
        (2.1e-6, 2e-3, 0.1, True, "2.1e-06 will do"),
        (1.9e-6, 2e-3, 0.1, False, "1.9e-06 is so low that little would be learned"),
        (1e-3, None, 1e-4, False, "the loss fell at none of the rates tried (1e-07 to 1e+01)"),
    ],
)
def test_a_rate_lies_where_the_loss_falls(
    own: float, suggested: float | None, diverges: float | None, passed: bool, said: str
) -> None:
    test = RangeTest(
        phase="s",
        own=own,
        suggested=suggested,
        diverges=diverges,
        rates=[1e-7, 10.0],
        losses=[1.0, 1.0],
        smoothed=[1.0, 1.0],
    )
    found = judge_rate(test)
    assert found.passed is passed
    assert found.said.startswith(said)


def test_a_test_without_a_step() -> None:
    empty = RangeTest(
        phase="s", own=1.0, suggested=None, diverges=None, rates=[], losses=[], smoothed=[]
    )
    assert judge_rate(empty).passed is False


def test_every_image_is_right_in_the_end() -> None:
    assert judge_by_heart(ByHeart(0, 20, 30)) == (True, "all 20 images are right after 30 steps")
    wrong = judge_by_heart(ByHeart(1, 20, 300))
    assert wrong.passed is False
    assert wrong.said.startswith("1 of 20 images are still wrong after 300 steps")
