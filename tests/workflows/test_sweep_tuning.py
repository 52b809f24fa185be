"""Rates that a sweep chooses for each network, by training images alone."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from featlearn.errors import (
    TrainingError,
)
from featlearn.workflows import trials as trials_module
from featlearn.workflows.trials import Workbench
from tests.workflows.sweeping import QUICK, Cut, contents, head_error, sweep


class TestTuning:
    def test_each_network_gets_its_own_rates_by_training_images(
        self, run: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trials_module, "MOST_JUDGED", 100)
        seen: list[tuple[Any, set[bytes]]] = []
        judged = Workbench._judged

        def watch(bench: Workbench, trial: Any, drawn: Any) -> Any:
            images = judged(bench, trial, drawn)
            seen.append((trial, {image.tobytes() for image in images.images}))
            return images

        monkeypatch.setattr(Workbench, "_judged", watch)
        result = sweep(run, labels=(30, 50, "all"), controls=("scratch",), tune=True)
        bench = Workbench(run, root=run, device="cpu")
        test = {image.tobytes() for image in bench.test.images}
        choosing = [images for trial, images in seen if trial.choosing]
        assert all(images.isdisjoint(test) for images in choosing)
        assert all(len(images) == 100 for images in choosing)
        assert all(images == test for trial, images in seen if not trial.choosing)
        tuning = result.tuning
        assert tuning is not None
        assert (tuning.labels, tuning.images) == (50, 100)
        assert len(choosing) == 2 * len(tuning.tried) * tuning.draws
        own = (0.01, 1.0)
        assert [(s.lr, s.stack_lr) for s in tuning.tried] == [
            own, (0.00333, 0.1), (0.00333, 1.0), (0.01, 0.1), (0.03, 0.1), (0.03, 1.0),
        ]  # fmt: skip
        for arm in ("pretrained", "scratch"):
            mean = {
                setting: np.mean(
                    [
                        score.right
                        for trial, score in scores_of(run)
                        if trial["choosing"]
                        and trial["arm"] == arm
                        and trial["setting"] == msgspec.to_builtins(setting)
                    ]
                )
                for setting in tuning.tried
            }
            assert mean[result.settings[arm]] == max(mean.values())
        chosen = result.settings["scratch"].overrides()
        row = result.table[0]
        assert row.draws[1].error["scratch"] == head_error(
            run,
            labels=30,
            label_seed=1,
            seed=1,
            from_scratch=True,
            overrides=(*QUICK, *chosen),
        )

    def test_a_cut_in_the_choice_ends_the_same(self, run: Path, crash: type[BaseException]) -> None:
        options: dict[str, Any] = {"labels": (30,), "tune": True}
        sweep(run, **options)
        whole = contents(run / "sweeps" / "labels")

        def stop() -> None:
            raise crash

        with pytest.raises(crash):
            sweep(run, **options, overwrite=True, progress=Cut(5, stop))
        sweep(run, **options, resume=True)
        assert contents(run / "sweeps" / "labels") == whole

    def test_a_setting_that_goes_wrong_is_the_worst_one(
        self, run: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def explode(_work: object) -> Sequence[object]:
            raise TrainingError("the loss is nan")

        bench = Workbench(run, root=run, device="cpu")
        from featlearn.training.loop import Loop

        monkeypatch.setattr(Loop, "steps", explode)
        trial = trials_module.Trial(
            arm="pretrained", labels=30, label_seed=0, seed=0, choosing=True
        )
        assert bench.score(trial).accuracy == 0
        trial = msgspec.structs.replace(trial, choosing=False, label_seed=3)
        with pytest.raises(TrainingError, match="30 labels, draw 3, pre-trained: the loss is nan"):
            bench.score(trial)


def scores_of(run: Path) -> list[tuple[dict[str, Any], Any]]:
    lines = (run / "sweeps" / "labels" / "trials.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [(line["trial"], trials_module.Score(line["right"], line["images"])) for line in found]
