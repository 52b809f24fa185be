"""The networks of `study faces-multitask`: how each is trained and judged, and kept."""

import copy
import json
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import torch

from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import Splits
from featlearn.datasets.labels import match_classes
from featlearn.errors import CheckpointError
from featlearn.files import BAD_JSON, canonical_json
from featlearn.heads.problem import logits_of
from featlearn.heads.tasks import MultiTask, start_tasks
from featlearn.networks.stack import Stack
from featlearn.studies.faces.help_results import HelpTrial
from featlearn.training.pictures import Pictures
from featlearn.training.settling import fitting_sample
from featlearn.workflows.task_data import TaskImages, draw_tasks, task_recipe
from featlearn.workflows.tasks import task_data

Key = tuple[int | None, int, bool]
"""What tells networks apart: number of detection labels, draw, and whether both were learned."""


class Bench:
    """Everything that the networks have in common."""

    def __init__(
        self, stack: Stack, recipe: Recipe, opened: Mapping[str, Splits], device: torch.device
    ) -> None:
        """Take what they begin from.

        Args:
            stack: Learned without labels.
            recipe: Of the study, with both tasks.
            opened: The data of the stack and of the tasks, by their sources.
            device: Where to compute.
        """
        self.stack, self.recipe, self.opened, self.device = stack, recipe, opened, device
        train = opened[recipe.data.source].train
        self.sample = fitting_sample(recipe, Pictures(train, device))

    def trial(self, key: Key) -> HelpTrial:
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


class _Line(msgspec.Struct, frozen=True):
    """A trial, and a checksum of what decided it."""

    setting: str
    trial: HelpTrial


class Trials:
    """What is known already, line by line, so that a study that was stopped goes on."""

    def __init__(self, path: Path, *, setting: str) -> None:
        """Read what was made before, but for a line that a stop cut off.

        Args:
            path: The file.
            setting: A checksum of what decides trials beside their own fields.

        Raises:
            CheckpointError: If the file is damaged, or of another setting.
        """
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

    def known(self, key: Key) -> HelpTrial | None:
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
