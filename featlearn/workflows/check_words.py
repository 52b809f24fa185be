"""What a check of a recipe came to, in one sentence each."""

import math
from typing import Literal, NamedTuple

import msgspec

from featlearn.evaluate.sanity import ByHeart, Dead
from featlearn.heads.losses import Guess
from featlearn.training.range_test import RangeTest

Status = Literal["passed", "failed", "not applicable"]

_NEAR = 1e-3
_TOO_LOW = 1000


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check.

    Attributes:
        name: What was looked at.
        of: Which stage or phase.
        status: What came of it.
        said: One sentence.
    """

    name: str
    of: str
    status: Status
    said: str


class Verdict(NamedTuple):
    """Whether a check passed (`None`: it does not apply), and the sentence about it."""

    passed: bool | None
    said: str

    def check(self, name: str, of: str) -> Check:
        """Write it as a row."""
        words: dict[bool | None, Status] = {
            True: "passed",
            False: "failed",
            None: "not applicable",
        }
        return Check(name=name, of=of, status=words[self.passed], said=self.said)


def judge_gradient(norm: float, *, step: int) -> Verdict:
    """Ask for a gradient that is finite and not zero."""
    if not math.isfinite(norm):
        return Verdict(False, f"the loss or the gradient is not finite in step {step}")
    if norm == 0:
        return Verdict(False, f"it is zero in step {step}, so nothing would be learned")
    return Verdict(True, f"its norm is {norm:.3g} in step {step}")


def judge_first_loss(loss: float, guess: Guess | None) -> Verdict:
    """Ask for the loss of a guess among all classes alike, or what it is for other heads."""
    if guess is None:
        return Verdict(None, f"{loss:.4f}; what a guess has depends on the labels of a batch")
    wanted = f"{guess.words} = {guess.loss:.4f}"
    if abs(loss - guess.loss) <= _NEAR:
        return Verdict(True, f"{loss:.4f}, and {wanted}")
    return Verdict(False, f"{loss:.4f} instead of {wanted}: look for values that are not finite")


def judge_dead(before: Dead, after: Dead, *, steps: int) -> Verdict:
    """Ask for half of the units, at least, to tell images apart."""
    noun = "maps" if after.maps else "units"
    said = (
        f"{after.dead} of {after.units} {noun} give the same for every image after {steps} "
        f"steps, {before.dead} before"
    )
    if 2 * after.dead <= after.units:
        return Verdict(True, said)
    mend = "scale the stage's input" if 2 * before.dead > before.units else "lower the rate"
    return Verdict(False, f"{said}; {mend}")


def judge_rate(test: RangeTest) -> Verdict:
    """Ask for a rate at which the loss falls and does not diverge."""
    own = f"{test.own:.2g}"
    if test.suggested is None:
        tried = f"{test.rates[0]:.1g} to {test.rates[-1]:.1g}" if test.rates else "all"
        return Verdict(False, f"the loss fell at none of the rates tried ({tried})")
    advice = f"the loss falls fastest at {test.suggested:.2g}"
    if test.diverges is not None:
        advice = f"{advice} and diverges from {test.diverges:.2g}"
    if test.diverges is not None and test.own >= test.diverges:
        return Verdict(False, f"{own} is too high: {advice}")
    if test.own * _TOO_LOW < test.suggested:
        return Verdict(False, f"{own} is so low that little would be learned: {advice}")
    return Verdict(True, f"{own} will do: {advice}")


def judge_by_heart(found: ByHeart) -> Verdict:
    """Ask for no error on a few images."""
    if found.wrong == 0:
        return Verdict(True, f"all {found.images} images are right after {found.steps} steps")
    return Verdict(
        False,
        f"{found.wrong} of {found.images} images are still wrong after {found.steps} steps: "
        "look at finetune.optimizer.lr, and at the labels",
    )
