"""`study faces-multitask`: do naming people and finding faces help each other, by labels?"""

import copy
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import torch

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.config.tables import as_tables
from featlearn.datasets.imageset import Splits
from featlearn.datasets.labels import match_classes
from featlearn.datasets.source import find_root
from featlearn.errors import CheckpointError
from featlearn.evaluate.paired import mean_interval
from featlearn.filenames import CARD, RESULTS, TRIALS
from featlearn.files import BAD_JSON, canonical_json, sha256, write_bytes, write_json
from featlearn.heads.problem import logits_of
from featlearn.heads.tasks import MultiTask, start_tasks
from featlearn.networks.stack import Stack
from featlearn.networks.store import find_model, load_stack
from featlearn.studies.faces.help_results import (
    HelpPoint,
    HelpResult,
    HelpTrial,
    identification_errors,
    markdown,
    sum_up,
)
from featlearn.training.device import pick_device, use_threads
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress, Silent
from featlearn.training.rundir import RunDirectory
from featlearn.training.settling import fitting_sample
from featlearn.visualize.helped import HelpedTask, helped_figure
from featlearn.visualize.style import save_figure
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.task_data import TaskImages, draw_tasks, open_sources, task_recipe
from featlearn.workflows.tasks import task_data

RECIPE = "faces-multitask"
COUNTS = (10, 30, 100, 300)
"""Numbers of detection labels."""

DRAWS = 10
"""Draws of detection labels at each, with a seed of the weights of their own."""

_Key = tuple[int | None, int, bool]
"""What tells trials apart: number of detection labels, draw, and whether both were learned."""


def faces_multitask(
    out: Path | str,
    *,
    root: Path | None = None,
    seed: int = 0,
    overrides: tuple[str, ...] = (),
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> HelpResult:
    """Learn detection from few labels, identification, and both together, draw by draw.

    All begin from one stack, learned without labels, with the same labels and the same seeds,
    and take as many steps; identification has all its labels. Detection is judged on scenes with
    people 21 to 40 of Olivetti; identification is of people 1 to 20, who are among the faces that
    detection learns from.

    Args:
        out: Folder of the run, the trials and the table; what is there already is kept.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        seed: Of pre-training and, with the draw added, of the networks.
        overrides: Changes of the recipe `faces-multitask`, as `key=value` texts.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        progress: Told of every step.

    Raises:
        FeatlearnError: If the data are missing, or the folder holds something else.
        Interrupted: If a signal asked for a stop in pre-training; the same call goes on.
    """
    begun = time.monotonic()
    folder, root, told = Path(out), find_root(root), progress or Silent()
    chosen = pick_device(device)
    use_threads(threads)
    recipe = load_recipe(RECIPE, overrides=(*overrides, f"seed={seed}"))
    run = folder / "run"
    resume = RunDirectory(run).started
    pretrain(
        recipe, out=run, root=root, device=device, threads=threads, resume=resume, progress=told
    )
    stack = load_stack(run).stack.to(chosen)
    opened = open_sources(recipe, root=root, shape=stack.input_shape)
    bench = _Bench(stack, recipe, opened, chosen)
    trials = _Trials(folder / TRIALS, setting=_setting(recipe, run))
    done, of = 0, DRAWS * (1 + 2 * len(COUNTS))

    def made(*keys: _Key) -> list[HelpTrial]:
        nonlocal done
        found = [trials.known(key) or trials.keep(bench.trial(key)) for key in keys]
        done += len(keys)
        told.count("networks", done=done, of=of)
        return found

    named = [made((None, draw, False))[0] for draw in range(DRAWS)]
    table: list[HelpPoint] = []
    for labels in COUNTS:
        pairs: list[tuple[HelpTrial, HelpTrial]] = []
        for draw in range(DRAWS):
            alone, together = made((labels, draw, False), (labels, draw, True))
            pairs.append((alone, together))
        table.append(sum_up(labels, pairs, named))
    told.stop()
    (scenes, majority), (portraits, guess) = bench.judged()
    result = HelpResult(
        out=str(folder),
        seconds=round(time.monotonic() - begun, 1),
        draws=DRAWS,
        test=scenes,
        majority=majority,
        identification_test=portraits,
        identification_majority=guess,
        identification_alone=mean_interval(identification_errors(named)),
        table=table,
        run=str(run),
    )
    _write(folder, result)
    return result


def _write(folder: Path, result: HelpResult) -> None:
    """Write the tables and the figure."""
    table = result.table
    figure = helped_figure(
        [point.labels for point in table],
        [
            HelpedTask(
                "detection",
                [point.alone for point in table],
                [point.together for point in table],
                [point.gain for point in table],
            ),
            HelpedTask(
                "identification",
                [result.identification_alone for _ in table],
                [point.identification for point in table],
                [point.identification_gain for point in table],
            ),
        ],
        counted="labels of detection",
    )
    for ending in ("png", "svg"):
        save_figure(figure, folder / "figures" / f"help.{ending}")
    write_json(folder / RESULTS, msgspec.to_builtins(result))
    write_bytes(folder / CARD, markdown(result).encode())


class _Bench:
    """Everything that the networks have in common."""

    def __init__(
        self, stack: Stack, recipe: Recipe, opened: Mapping[str, Splits], device: torch.device
    ) -> None:
        self.stack, self.recipe, self.opened, self.device = stack, recipe, opened, device
        train = opened[recipe.data.source].train
        self.sample = fitting_sample(recipe, Pictures(train, device))

    def trial(self, key: _Key) -> HelpTrial:
        """Train a network, and judge it."""
        labels, draw, together = key
        first, *others = self.recipe.tasks
        if labels is not None:
            first = msgspec.structs.replace(first, labels=labels)
        recipe = msgspec.structs.replace(self.recipe, tasks=(first, *others))
        drawn = draw_tasks(recipe, self.opened, label_seed=draw)
        learned = drawn if together else drawn[1:] if labels is None else drawn[:1]
        module, loop = start_tasks(
            copy.deepcopy(self.stack),
            recipe,
            [task_data(task, self.device) for task in learned],
            sample=self.sample,
            seed=recipe.seed + draw,
        )
        for _ in loop.steps():
            pass
        errors = {task.spec.name: self._error(task, module) for task in learned}
        detection, identification = (errors.get(task.spec.name) for task in drawn)
        return HelpTrial(
            labels=labels,
            draw=draw,
            together=together,
            error=detection,
            identification=identification,
        )

    def judged(self) -> list[tuple[int, float]]:
        """Give, task by task, the number of test images and the error of naming one class."""
        found: list[tuple[int, float]] = []
        for task in self.recipe.tasks:
            test = self.opened[task_recipe(self.recipe, task).data.source].test
            assert test is not None
            assert test.labels is not None
            found.append((len(test), 1 - float(np.bincount(test.labels).max()) / len(test)))
        return found

    def _error(self, task: TaskImages, module: MultiTask) -> float:
        """Measure a head on the test images of its task."""
        assert task.splits.test is not None
        test = Pictures(task.splits.test, self.device)
        said = logits_of(module.classifiers[task.spec.name], test).argmax(1).cpu().numpy()
        return float((said != match_classes(test.set, task.train.classes)).mean())


def _setting(recipe: Recipe, run: Path) -> str:
    """Name what decides trials beside their own fields, as a checksum."""
    said = ("title", "shows", "expect", "minutes")
    tables = {key: value for key, value in as_tables(recipe).items() if key not in said}
    decided = canonical_json({"recipe": tables, "model": sha256(find_model(run))})
    return hashlib.sha256(decided.encode()).hexdigest()


class _Line(msgspec.Struct, frozen=True):
    """A trial, and a checksum of what decided it."""

    setting: str
    trial: HelpTrial


class _Trials:
    """What is known already, line by line, so that a study that was stopped goes on."""

    def __init__(self, path: Path, *, setting: str) -> None:
        self.path, self.setting = path, setting
        data = path.read_bytes() if path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.truncate(path, len(whole))
        try:
            found = [msgspec.convert(json.loads(line), _Line) for line in whole.splitlines()]
        except BAD_JSON as error:
            raise CheckpointError(f"{path} is damaged ({error}); name another folder") from None
        if any(line.setting != setting for line in found):
            raise CheckpointError(f"{path} is of another recipe or run; name another folder")
        made = [line.trial for line in found]
        self.found = {(trial.labels, trial.draw, trial.together): trial for trial in made}

    def known(self, key: _Key) -> HelpTrial | None:
        """Give a trial that was made before."""
        return self.found.get(key)

    def keep(self, trial: HelpTrial) -> HelpTrial:
        """Write a trial down."""
        with self.path.open("ab") as file:
            line = msgspec.to_builtins(_Line(self.setting, trial))
            file.write(canonical_json(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return trial
