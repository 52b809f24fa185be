"""`study few-labels`: sweep over labels with and without pre-training, on several sets."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from featlearn.config.changes import Overrides, override_texts
from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.datasets.source import find_root, open_raw
from featlearn.errors import DataError, UsageError
from featlearn.filenames import CARD, RESULTS
from featlearn.files import write_bytes, write_json
from featlearn.studies.few_labels.plan import DRAWS, FIGURE, LABELS, RUNS, SETS
from featlearn.studies.few_labels.progress import OneSet, Spent, Times
from featlearn.studies.few_labels.results import (
    FewLabelsResult,
    FewLabelsSet,
    errors_of,
    markdown,
    row_of,
)
from featlearn.studies.folders import check_folder, same_command
from featlearn.training.device import processor, use_threads
from featlearn.training.locks import writing_in
from featlearn.training.progress import Progress, Silent
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.label_sweep import LabelSweep, label_sweeps_figure
from featlearn.visualize.style import save_figure
from featlearn.workflows.changes import check_changes
from featlearn.workflows.label_sweep import sweep_labels
from featlearn.workflows.pretrain import PretrainResult, pretrain
from featlearn.workflows.sweep_plan import SweepPlan, make_plan
from featlearn.workflows.sweep_results import SweepResult
from featlearn.workflows.trial import SCRATCH

SWEEP = "labels"
"""Name of the sweep in each run."""

TIMES = "times.json"
"""What the trials of each set took."""

_FINETUNE = re.compile(r"\s*finetune\s*[.=]")


@same_command()
def few_labels(
    out: Path | str,
    *,
    recipes: Sequence[str] = tuple(SETS),
    labels: Sequence[int] = LABELS,
    draws: int = DRAWS,
    root: Path | None = None,
    seed: int = 0,
    overrides: Overrides = (),
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> FewLabelsResult:
    """Compare recipes with the same networks from random weights, at few labels.

    Every recipe is pre-trained first, then every sweep is made; runs and trials that are in the
    folder already are kept.

    Args:
        out: Folder of the runs, the table and the picture.
        recipes: Names or paths of recipes, each of another name.
        labels: Numbers of labels.
        draws: Paired draws of each.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        seed: Of pre-training and of the first draw's weights.
        overrides: Changes of all these recipes, values by key or `key=value` texts.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations, and trials made at once; PyTorch's own choice if
            absent.
        progress: Told of every step.

    Raises:
        FeatlearnError: If data are missing, the folder holds something else, or a change fits
            not every recipe.
        Interrupted: If a signal asked for a stop; the same call goes on.
    """
    folder, changes = Path(out), override_texts(overrides)
    how = _How(folder, find_root(root), device, threads, progress or Silent(), changes)
    count = use_threads(threads)
    plans = _planned(recipes, labels, draws=draws, seed=seed, changes=changes)
    _check_images(plans, how.root)
    check_folder(folder, own=RUNS)
    with writing_in(folder):
        times = Times(folder / TIMES, machine=processor(), threads=count)
        trials = sum(each.trials for each in plans)
        learned = [_learned(each, how) for each in plans]
        swept: list[SweepResult] = []
        for each in plans:
            before = sum(other.trials for other in plans[: len(swept)])
            with times.counting(each.name) as counted:
                told = OneSet(how.told, each.name, before=before, of=trials, counted=counted)
                swept.append(_swept(each, how, told))
        sets = [
            _set_of(*parts, times.known.get(parts[0].name))
            for parts in zip(plans, learned, swept, strict=True)
        ]
        return _finished(how, sets, swept, seed=seed, draws=draws)


class _How(NamedTuple):
    """How the study is carried out, whatever it trains."""

    folder: Path
    root: Path
    device: str
    threads: int | None
    told: Progress
    changes: list[str]

    def run(self, name: str) -> RunDirectory:
        """Give the run of a recipe."""
        return RunDirectory(self.folder / RUNS / name)


class _Planned(NamedTuple):
    """A recipe, and the trials that it takes.

    Attributes:
        name: What its run is called.
        recipe: With the changes.
        plan: The sweep.
    """

    name: str
    recipe: Recipe
    plan: SweepPlan

    @property
    def trials(self) -> int:
        """How many trials there are."""
        return self.plan.total(self.recipe)


def _planned(
    recipes: Sequence[str], labels: Sequence[int], *, draws: int, seed: int, changes: list[str]
) -> list[_Planned]:
    """Read the recipes with their changes, and plan their sweeps.

    Raises:
        UsageError: If that makes no study, or a change does not fit a recipe, which is named.
    """
    names = [Path(recipe).stem for recipe in recipes]
    if not names or len({*names}) < len(names):
        raise UsageError("the study takes one recipe or more, each of another name")
    found: list[_Planned] = []
    for name, source in zip(names, recipes, strict=True):
        given = (*changes, f"seed={seed}")
        try:
            recipe = load_recipe(source, overrides=given)
            check_changes(source, recipe, given)
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None
        plan = make_plan(
            labels,
            draws=draws,
            controls=(SCRATCH,),
            tune=False,
            freeze=recipe.finetune.freeze,
            seed=seed,
        )
        found.append(_Planned(name, recipe, plan))
    return found


def _check_images(plans: Sequence[_Planned], root: Path) -> None:
    """Refuse missing data, or too few, before anything is trained.

    Raises:
        DataError: If a set is not there, or has fewer images than the most labels.
    """
    for each in plans:
        data = each.recipe.data
        images = open_raw(data.source, root=root).train.count
        most, there = max(map(int, each.plan.labels)), min(images, data.limit or images)
        if most > there:
            raise DataError(
                f"{each.name}: {most} labels were asked for, but {data.source} gives {there} "
                "images to learn from"
            )


def _learned(each: _Planned, how: _How) -> PretrainResult:
    """Pre-train a recipe, or go on where that stopped."""
    run = how.run(each.name)
    return pretrain(
        each.recipe,
        out=run.path,
        root=how.root,
        device=how.device,
        threads=how.threads,
        resume=run.started,
        progress=OneSet(how.told, each.name),
    )


def _swept(each: _Planned, how: _How, told: Progress) -> SweepResult:
    """Make the trials of a recipe, or go on where they stopped."""
    run = how.run(each.name)
    return sweep_labels(
        run.path,
        labels=each.plan.labels,
        draws=each.plan.draws,
        controls=each.plan.controls,
        root=how.root,
        name=SWEEP,
        # For the control, which takes a share of the rate only where one was asked for.
        overrides=[text for text in how.changes if _FINETUNE.match(text)],
        resume=run.sweep(SWEEP).started,
        device=how.device,
        threads=how.threads,
        progress=told,
    )


def _set_of(
    each: _Planned, learned: PretrainResult, swept: SweepResult, spent: Spent | None
) -> FewLabelsSet:
    """Sum up a set."""
    return FewLabelsSet(
        name=SETS.get(each.name, each.name),
        recipe=each.name,
        run=swept.run,
        sweep=swept.sweep,
        images=learned.data.train,
        test=swept.test,
        majority=swept.majority,
        pretrain_seconds=learned.seconds,
        spent=spent,
        rows=[row_of(point) for point in swept.table],
    )


def _finished(
    how: _How,
    sets: list[FewLabelsSet],
    swept: Sequence[SweepResult],
    *,
    seed: int,
    draws: int,
) -> FewLabelsResult:
    """Write the table and its picture."""
    figure = label_sweeps_figure(
        [
            LabelSweep(found.name, [point.labelled for point in result.table], errors_of(result))
            for found, result in zip(sets, swept, strict=True)
        ]
    )
    figures = [how.folder / f"{FIGURE}.{ending}" for ending in ("png", "svg")]
    for file in figures:
        save_figure(figure, file)
    result = FewLabelsResult(
        out=str(how.folder),
        seed=seed,
        draws=draws,
        changes=how.changes,
        sets=sets,
        figures=[str(file) for file in figures],
    )
    write_json(how.folder / RESULTS, msgspec.to_builtins(result))
    write_bytes(how.folder / CARD, markdown(result).encode())
    return result
