"""The checks of a recipe, carried out phase by phase as training would be."""

import copy
from collections.abc import Collection, Sequence

from torch import nn

from featlearn.autoencoders.objective import Moving
from featlearn.config.recipe import JOINT, Recipe
from featlearn.errors import TrainingError
from featlearn.evaluate.sanity import Dead, FirstSteps, dead_units, first_steps, learn_by_heart
from featlearn.heads.finetuning import start_finetuning
from featlearn.heads.losses import build_head_loss
from featlearn.networks.stack import Stack
from featlearn.training.driver import Standing
from featlearn.training.loop import Loop
from featlearn.training.pictures import Pictures
from featlearn.training.problems import PretrainProblem
from featlearn.training.progress import Progress
from featlearn.training.range_test import RangeTest, range_test
from featlearn.training.trying import at_full_rate, tried_steps, unchanged
from featlearn.workflows.check_words import (
    Check,
    Verdict,
    judge_by_heart,
    judge_dead,
    judge_first_loss,
    judge_gradient,
    judge_rate,
)

GRADIENT, FIRST_LOSS, DEAD = "gradient", "first loss", "dead units"
RATE, BY_HEART, FINETUNE = "learning rate", "learnt by heart", "finetune"

_ALONE = Verdict(None, "its objective moves the weights by itself, without a gradient")
_FIRST_STEPS = 30
_LOOKED_AT = 500
_AT_ONCE = 100


class Checker:
    """Is given the phases of a training, and checks each instead of finishing it.

    Attributes:
        checks: What was found so far.
        ranges: Range tests so far.
        standing: Which phase it is.
    """

    def __init__(self, recipe: Recipe, sample: Pictures, progress: Progress) -> None:
        """Begin.

        Args:
            recipe: What is checked.
            sample: Training images, to fit scaling on and to look for dead units.
            progress: Told of every step.
        """
        self.recipe = recipe
        self.sample = sample
        self.progress = progress
        self.standing = Standing()
        self.checks: list[Check] = []
        self.ranges: list[RangeTest] = []

    def count(self, name: str, *, done: int, of: int) -> None:
        """Tell how much is done of what must be ready before a phase begins."""
        self.progress.count(name, done=done, of=of)

    def run(self, loop: Loop, module: nn.Module) -> None:
        """Check a phase, and leave the network as its first steps made it.

        Where these went wrong it is left as it was, so that later phases are checked too.
        """
        assert isinstance(module, Stack)
        name = loop.problem.name
        joint = name == JOINT
        places = [
            place
            for place, spec in enumerate(self.recipe.stages)
            if spec.name == name or (joint and spec.objective is not None)
        ]
        suffix = f" ({name})" if joint else ""
        parts = {module.stage(place).name: module.stage(place) for place in places}
        found = first_steps(loop.problem, loop.spec, parts, seed=loop.seed)
        self._gradients(found, step=1, suffix=suffix, alone=_moving(loop))
        fit = self._rate(loop)
        self._dead(loop, module, places, suffix=suffix, keep=fit)
        self.standing.phase += 1

    def skip(self, name: str) -> None:
        """Say that a phase has nothing to check."""
        self._add(GRADIENT, name, Verdict(None, "without an objective it is not trained by itself"))
        self.standing.phase += 1

    def between(self, module: nn.Module) -> None:
        """Go on to the next phase."""

    def no_head(self, why: str) -> None:
        """Say why fine-tuning cannot be checked."""
        for name in (FIRST_LOSS, GRADIENT, RATE, DEAD, BY_HEART):
            self._add(name, FINETUNE, Verdict(None, why))

    def head(self, stack: Stack, labelled: Pictures, few: Pictures) -> None:
        """Check fine-tuning on copies of a stack.

        Args:
            stack: The stages.
            labelled: Labelled images to learn from.
            few: Some of them, to learn by heart.
        """
        spec, seed = at_full_rate(self.recipe.finetune), self.recipe.seed
        work = start_finetuning(copy.deepcopy(stack), spec, labelled, sample=self.sample, seed=seed)
        network, places = work.classifier.stack, range(spec.freeze, len(stack))
        parts: dict[str, nn.Module] = {"head": work.classifier.layers}
        # What only pools or takes means has nothing to learn.
        learning = [stage for stage in map(network.stage, places) if list(stage.parameters())]
        parts |= {stage.name: stage for stage in learning}
        suffix = f" ({FINETUNE})"
        # The head begins at zero, and passes no gradient down before its first step.
        head = build_head_loss(spec.head, work.classifier, labelled)
        found = first_steps(work.loop.problem, spec, parts, seed=seed, steps=2, term=head.name)
        self._add(FIRST_LOSS, FINETUNE, judge_first_loss(found.loss, head.guess))
        self._gradients(found, step=2, suffix=suffix)
        for name in stack.names[: spec.freeze]:
            self._add(GRADIENT, f"{name}{suffix}", Verdict(None, "finetune.freeze keeps it"))
        self._rate(work.loop)
        self._dead(work.loop, network, places, suffix=suffix, keep=False)
        try:
            heart = learn_by_heart(
                stack, spec, few, sample=self.sample, seed=seed, progress=self.progress
            )
        except TrainingError as error:
            self._add(BY_HEART, FINETUNE, Verdict(False, str(error)))
        else:
            self._add(BY_HEART, FINETUNE, judge_by_heart(heart))

    def _gradients(
        self, found: FirstSteps, *, step: int, suffix: str, alone: Collection[str] = ()
    ) -> None:
        """Judge the gradient of each part in a step, but of those that need none."""
        for name, norm in found.norms.items():
            verdict = _ALONE if name in alone else judge_gradient(norm, step=step)
            self._add(GRADIENT, f"{name}{suffix}", verdict)

    def _rate(self, loop: Loop) -> bool:
        """Try rates, and tell whether the recipe's will do."""
        if not loop.updates.parameters:
            self._add(RATE, loop.problem.name, _ALONE)
            return True
        test = range_test(loop.problem, loop.spec, seed=loop.seed, progress=self.progress)
        self.ranges.append(test)
        verdict = judge_rate(test)
        self._add(RATE, test.phase, verdict)
        return verdict.passed is True

    def _dead(
        self, loop: Loop, stack: Stack, places: Sequence[int], *, suffix: str, keep: bool
    ) -> None:
        """Take the first steps at the recipe's rate, and count dead units around them.

        The steps are undone if they went wrong, or unless they are to be kept.
        """
        before = self._count_dead(stack, places)
        module = loop.problem.module
        kept = copy.deepcopy(module.state_dict())
        rates = [loop.spec.optimizer.lr] * _FIRST_STEPS
        name = f"{loop.problem.name}: first steps"
        try:
            for _ in tried_steps(
                loop.problem, loop.spec, rates, seed=loop.seed, name=name, progress=self.progress
            ):
                pass
        except TrainingError as error:
            verdicts = [Verdict(False, str(error)) for _ in places]
        else:
            verdicts = [
                judge_dead(first, last, steps=_FIRST_STEPS)
                for first, last in zip(before, self._count_dead(stack, places), strict=True)
            ]
        if not keep or not all(verdict.passed for verdict in verdicts):
            module.load_state_dict(kept)
        for place, verdict in zip(places, verdicts, strict=True):
            self._add(DEAD, f"{stack.stage(place).name}{suffix}", verdict)

    def _count_dead(self, stack: Stack, places: Sequence[int]) -> list[Dead]:
        """Look at stages as they are in use."""
        found: list[Dead] = []
        with unchanged(stack):
            stack.eval()
            for place in places:
                batches = self.sample.batches(_AT_ONCE, limit=_LOOKED_AT)
                maps = (stack.maps_below(images, place) for images in batches)
                found.append(dead_units(stack.stage(place), maps))
        return found

    def _add(self, name: str, of: str, verdict: Verdict) -> None:
        """Note a check."""
        self.checks.append(verdict.check(name, of))


def _moving(loop: Loop) -> set[str]:
    """Name the stages that learn without a gradient."""
    problem = loop.problem
    assert isinstance(problem, PretrainProblem)
    return {
        problem.stack.stage(place).name
        for place, objective in problem.objectives.items()
        if isinstance(objective, Moving)
    }
