"""What a sweep over labels is asked for, and the trials that it takes."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from featlearn.config.recipe import Recipe
from featlearn.config.training import FinetuneSpec
from featlearn.errors import UsageError
from featlearn.workflows.few_labels import TUNING_SEEDS, tuning_trials
from featlearn.workflows.trial import PIXELS, PRETRAINED, SCRATCH, Setting, Trial

Labels = int | Literal["all"]
ALL = "all"
CONTROLS = (SCRATCH, PIXELS)
DRAWS = 10
"""Draws for each number of labels, unless asked otherwise."""

MOST_DRAWS = TUNING_SEEDS.start
"""Seeds from here on are those of other draws, on which settings are chosen."""


class SweepPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What decides a sweep beside the recipe.

    Attributes:
        labels: Numbers of labels, ascending, `all` last.
        draws: Draws for each.
        controls: What the pre-trained stages are compared with, of `CONTROLS`.
        tune: Whether each method chooses its learning rates on other draws.
        freeze: Stages to leave as they are, from the bottom.
        seed: Seed of the first draw's weights; the others count on from it.
        scratch_stack_lr: Share of the learning rate for stages from random weights, untuned.
    """

    labels: tuple[Labels, ...]
    draws: int
    controls: tuple[str, ...]
    tune: bool
    freeze: int
    seed: int
    scratch_stack_lr: float

    @property
    def arms(self) -> tuple[str, ...]:
        """The methods, the pre-trained stages first."""
        return (PRETRAINED, *self.controls)

    @property
    def tuned(self) -> tuple[str, ...]:
        """The methods that choose their learning rates."""
        return tuple(arm for arm in self.arms if arm != PIXELS) if self.tune else ()

    @property
    def tuning_labels(self) -> int:
        """The number of labels in the middle, on whose draws settings are chosen."""
        numbers = [count for count in self.labels if count != ALL]
        return numbers[len(numbers) // 2]

    def tuning(self, recipe: Recipe) -> list[Trial]:
        """List the trials that settings are chosen by."""
        if not self.tuned:
            return []
        return tuning_trials(grid(recipe), self.tuned, labels=self.tuning_labels, seed=self.seed)

    def unchosen(self, recipe: Recipe) -> dict[str, Setting]:
        """Give the rates of every method that has rates, where none are chosen."""
        own = own_setting(recipe.finetune)
        shares = {PRETRAINED: own.stack_lr, SCRATCH: self.scratch_stack_lr}
        return {arm: Setting(own.lr, shares[arm]) for arm in self.arms if arm in shares}

    def trials(self, count: Labels, settings: Mapping[str, Setting]) -> list[Trial]:
        """List the trials at one number of labels, the methods of a draw side by side."""
        return [
            Trial(
                arm=arm,
                setting=settings.get(arm),
                labels=None if count == ALL else count,
                label_seed=draw,
                seed=self.seed + draw,
            )
            for draw in range(self.draws)
            for arm in self.arms
        ]

    def total(self, recipe: Recipe) -> int:
        """Count all trials."""
        return len(self.tuning(recipe)) + len(self.labels) * self.draws * len(self.arms)

    def words(self) -> list[str]:
        """Repeat the options of the command."""
        words = ["--labels", ",".join(map(str, self.labels)), "--label-seeds", str(self.draws)]
        words += [word for arm in self.controls for word in ("--control", arm)]
        words += ["--tune"] if self.tune else []
        return [*words, "--freeze", str(self.freeze), "--seed", str(self.seed)]


def make_plan(
    labels: Sequence[Labels],
    *,
    draws: int,
    controls: Sequence[str],
    tune: bool,
    freeze: int,
    seed: int,
    scratch_stack_lr: float = 1.0,
) -> SweepPlan:
    """Put what was asked for in order.

    Raises:
        UsageError: If it makes no sweep; the sentence says what is wrong.
    """
    if not labels or any(count != ALL and count < 1 for count in labels):
        raise UsageError(f"a sweep takes numbers of labels of at least 1, or {ALL!r}")
    if len(set(labels)) < len(labels):
        raise UsageError("a sweep takes each number of labels once")
    if not 2 <= draws <= MOST_DRAWS:
        raise UsageError(
            f"a sweep takes 2 to {MOST_DRAWS} draws of labels, as an interval needs; got {draws}"
        )
    unknown = sorted(set(controls) - set(CONTROLS))
    if unknown:
        raise UsageError(f"there is no control {unknown[0]!r}; take {' or '.join(CONTROLS)}")
    if tune and set(labels) == {ALL}:
        raise UsageError(
            "settings are chosen by labelled images that a draw leaves; name a number of labels "
            "too, or leave out --tune"
        )
    return SweepPlan(
        labels=tuple(sorted(labels, key=lambda count: math.inf if count == ALL else count)),
        draws=draws,
        controls=tuple(arm for arm in CONTROLS if arm in controls),
        tune=tune,
        freeze=freeze,
        seed=seed,
        scratch_stack_lr=scratch_stack_lr,
    )


def grid(recipe: Recipe) -> list[Setting]:
    """List what each method chooses from: the recipe's own rates first, then others around them."""
    spec = recipe.finetune
    frozen = spec.freeze == len(recipe.stages)
    shares = [spec.stack_lr] if frozen else sorted({0.1, 1.0, spec.stack_lr})
    rates = [float(f"{spec.optimizer.lr * factor:.3g}") for factor in (1 / 3, 1.0, 3.0)]
    settings = [Setting(rate, share) for rate in rates for share in shares]
    return list(dict.fromkeys([own_setting(spec), *settings]))


def own_setting(spec: FinetuneSpec) -> Setting:
    """Give the rates that a recipe says."""
    return Setting(spec.optimizer.lr, spec.stack_lr)
