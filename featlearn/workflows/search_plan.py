"""What a search over a recipe's keys is asked for."""

import math
from collections.abc import Sequence
from typing import Any, Literal, cast, get_args

import msgspec

from featlearn.config.changes import Overrides
from featlearn.config.heads import ClassificationSpec
from featlearn.config.recipe import Recipe
from featlearn.config.space import Space, corner_params, parse_spaces, with_params
from featlearn.errors import UsageError
from featlearn.seeds import whole_seed
from featlearn.workflows.head_results import head_kind
from featlearn.workflows.pruning import Pruner

Sampler = Literal["tpe", "random"]
Labels = int | Literal["all"]

TRIALS = 20
"""Trials of a search, unless asked otherwise."""

_NEVER = {
    "title": "which only people read",
    "shows": "which only people read",
    "expect": "which only people read",
    "minutes": "which only people read",
    "seed": "which is luck, and would be chosen for it",
    "data": "as all trials have to be measured on the same images",
    "tasks": "as nothing that is minimised depends on several tasks",
}
_RATES = ("lr", "optimizer", "epochs")


class SearchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the trials of a search beside the recipe.

    Attributes:
        spaces: What is tried.
        sampler: How values are chosen.
        pruner: How a trial is stopped early.
        labels: How many labels fine-tuning learns from, to minimise its error on other
            labelled training images; `None` minimises the held-out loss of pre-training.
        label_seed: Seed of the draw of labels.
        trials: How many trials; decides when the search ends, and nothing else.
    """

    spaces: tuple[Space, ...]
    sampler: Sampler
    pruner: Pruner
    labels: Labels | None
    label_seed: int
    trials: int

    @property
    def shared(self) -> bool:
        """Whether all trials begin from the same pre-trained stages."""
        return self.labels is not None and all(
            space.key.partition(".")[0] == "finetune" for space in self.spaces
        )

    @property
    def minimised(self) -> str:
        """Name what is minimised, in a phrase."""
        if self.labels is None:
            return "held-out loss of pre-training"
        which = "all labels but those" if self.labels == "all" else f"{self.labels} labels"
        return f"validation error of fine-tuning with {which}"

    def settings(self) -> dict[str, Any]:
        """Name what must stay the same when the search goes on."""
        parts = {name: getattr(self, name) for name in self.__struct_fields__}
        spaces = {space.key: space.text for space in self.spaces}
        return {**parts, "spaces": spaces, "trials": None}

    def words(self) -> list[str]:
        """Repeat the options of the command."""
        words = [word for space in self.spaces for word in ("--search", space.text)]
        if self.labels is not None:
            words += ["--labels", str(self.labels), "--label-seed", str(self.label_seed)]
        words += ["--sampler", self.sampler, "--pruner", self.pruner]
        return [*words, "--trials", str(self.trials)]


def make_plan(
    recipe: Recipe,
    spaces: Overrides,
    *,
    sampler: str,
    pruner: str,
    labels: object,
    label_seed: int,
    trials: int,
) -> SearchPlan:
    """Put what was asked for in order.

    Raises:
        UsageError: If it makes no search; the sentence says what is wrong.
    """
    for name, given, known in (
        ("sampler", sampler, get_args(Sampler)),
        ("pruner", pruner, get_args(Pruner)),
    ):
        if given not in known:
            raise UsageError(f"there is no {name} {given!r}; take one of {', '.join(known)}")
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"a search takes at least 1 trial; got {trials}")
    plan = SearchPlan(
        spaces=parse_spaces(recipe, spaces),
        sampler=cast("Sampler", sampler),
        pruner=cast("Pruner", pruner),
        labels=_labels(labels),
        label_seed=whole_seed(label_seed, name="label_seed"),
        trials=trials,
    )
    _check_keys(plan)
    _check_heads(recipe, plan)
    if labels is None and recipe.data.hold_out == 0:
        raise UsageError(
            "the loss on held-out images is minimised, and the recipe holds out none: set "
            "data.hold_out above 0, or search by labels (--labels N)"
        )
    return plan


def check_budget(budget: float | None) -> None:
    """Refuse a time in which nothing can be done.

    Raises:
        UsageError: If it is not above 0.
    """
    if budget is not None and not (math.isfinite(budget) and budget > 0):
        raise UsageError(f"--budget is a time in seconds above 0; got {budget:g}")


def odd_keys(plan: SearchPlan) -> list[str]:
    """List the keys that change what the held-out loss measures, and not only its height.

    A loss with another penalty, noise or input may be lower without anything being
    learned better. What is measured by labels has no such keys.
    """
    if plan.labels is not None:
        return []
    return [space.key for space in plan.spaces if not _only_lowers(space.key.split("."))]


def _only_lowers(parts: Sequence[str]) -> bool:
    """Tell whether a key says how something is learned, and not what."""
    if parts[0] == "stages":
        return len(parts) > 2 and parts[2] in _RATES
    return parts[0] == "pretrain"


def _labels(labels: object) -> Labels | None:
    if labels is None or labels == "all":
        return labels  # pyright: ignore[reportReturnType]
    if isinstance(labels, bool) or not isinstance(labels, int) or labels < 1:
        raise UsageError(f"labels is a whole number of at least 1, or 'all'; got {labels!r}")
    return labels


def _check_keys(plan: SearchPlan) -> None:
    """Refuse to search what decides nothing, or what may not be decided by a search."""
    for space in plan.spaces:
        table = space.key.partition(".")[0]
        if table in _NEVER:
            raise UsageError(f"{space.text}: {space.key} cannot be searched, {_NEVER[table]}")
        if table == "finetune" and plan.labels is None:
            raise UsageError(
                f"{space.text}: {space.key} does not change how features are learned without "
                "labels; add --labels N to search by the error of fine-tuning"
            )


def _check_heads(recipe: Recipe, plan: SearchPlan) -> None:
    """Refuse to search by labels what has no error of one classifier."""
    if plan.labels is None:
        return
    if recipe.tasks:
        raise UsageError(
            "--labels searches by the error of one head, and the recipe has several, its "
            f"{len(recipe.tasks)} tasks: leave --labels out, to search by the held-out loss, or "
            "search a recipe without [[tasks]]"
        )
    _check_head(recipe, "")
    for space, params in corner_params(plan.spaces):
        (value,) = params.values()
        _check_head(with_params(recipe, params), f"{space.text}: with {value}, ")


def _check_head(recipe: Recipe, where: str) -> None:
    head = recipe.finetune.head
    if not isinstance(head, ClassificationSpec):
        raise UsageError(
            f"{where}--labels searches by the error of classifiers, and finetune.head is of the "
            f"kind {head_kind(head)!r}"
        )
