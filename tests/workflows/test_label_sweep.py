"""Sweeps over labels: every trial is the head it claims to be, and a cut one ends the same."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from featlearn.errors import (
    CheckpointError,
    Interrupted,
)
from featlearn.files import sha256
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.sweep_results import SweepResult
from featlearn.workflows.trials import Workbench
from featlearn_cli.main import group
from tests.workflows.sweeping import QUICK, Cut, Tiny, contents, head_error, sweep


class TestTable:
    @pytest.fixture(scope="class")
    @staticmethod
    def swept(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[SweepResult, Path]:
        run = tmp_path_factory.mktemp("swept") / "run"
        shutil.copytree(trained, run)
        before = contents_of_run(run)
        result = sweep(run, labels=("all", 50, 30), controls=("pixels", "scratch"), seed=4)
        assert contents_of_run(run) == before
        return result, run

    def test_every_trial_is_the_head_that_finetune_trains(
        self, swept: tuple[SweepResult, Path]
    ) -> None:
        result, run = swept
        for labels, draw in ((30, 0), (30, 1), (50, 1), (None, 0)):
            point = next(row for row in result.table if row.labels == (labels or "all"))
            found = point.draws[draw]
            assert (found.label_seed, found.seed) == (draw, 4 + draw)
            options: dict[str, Any] = {"labels": labels, "label_seed": draw, "seed": 4 + draw}
            assert found.error["pretrained"] == head_error(run, **options)
            assert found.error["scratch"] == head_error(run, **options, from_scratch=True)

    def test_counts_stand_in_order(self, swept: tuple[SweepResult, Path]) -> None:
        result, _ = swept
        assert [(row.labels, row.labelled) for row in result.table] == [
            (30, 30),
            (50, 50),
            ("all", 400),
        ]
        assert all(len(row.draws) == 2 and row.validation == 0 for row in result.table)

    def test_means_and_intervals_are_those_of_the_draws(
        self, swept: tuple[SweepResult, Path]
    ) -> None:
        for row in swept[0].table:
            errors = {arm: np.array([draw.error[arm] for draw in row.draws]) for arm in row.mean}
            assert list(errors) == ["pretrained", "scratch", "pixels"]
            for arm, values in errors.items():
                assert row.mean[arm] == pytest.approx(values.mean())
                low, high = row.interval[arm]
                if np.ptp(values):
                    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
                    assert (low, high) == pytest.approx((expected.low, expected.high))
                else:  # a linear classifier on all images is the same every time
                    assert (arm, row.labels, low, high) == ("pixels", "all", values[0], values[0])
            for arm, gain in row.gain.items():
                found = stats.ttest_rel(errors[arm], errors["pretrained"])
                expected = found.confidence_interval(0.95)
                assert gain.mean == pytest.approx((errors[arm] - errors["pretrained"]).mean())
                assert gain.interval == pytest.approx((expected.low, expected.high))
            assert set(row.gain) == {"scratch", "pixels"}

    def test_what_is_written_is_what_is_returned(self, swept: tuple[SweepResult, Path]) -> None:
        result, run = swept
        folder = run / "sweeps" / "labels"
        assert sorted(contents(folder)) == [
            "few-labels.png",
            "identity.json",
            "recipe.toml",
            "results.json",
            "trials.jsonl",
        ]
        written = msgspec.json.decode((folder / "results.json").read_bytes(), type=SweepResult)
        assert written == result
        assert result.files == {
            name: sha256(folder / name) for name in ("trials.jsonl", "few-labels.png")
        }
        assert len((folder / "trials.jsonl").read_text().splitlines()) == 3 * 2 * 3
        assert RunDirectory(run).sweeps() == ["labels"]
        assert (result.test, result.environment.threads) == (500, 1)
        assert 0.1 <= result.majority < 0.12
        assert {arm: s.lr for arm, s in result.settings.items()} == dict.fromkeys(
            ("pretrained", "scratch"), 0.01
        )
        assert result.tuning is None

    def test_processes_change_no_byte(self, swept: tuple[SweepResult, Path]) -> None:
        _, run = swept
        folder = run / "sweeps" / "labels"
        before = contents(folder)
        options: dict[str, Any] = {"controls": ("scratch", "pixels"), "seed": 4, "threads": 2}
        sweep(run, labels=(30, 50, "all"), overwrite=True, **options)
        after = contents(folder)
        assert {name for name in after if after[name] != before[name]} == {"identity.json"}
        options_of = [json.loads(at["identity.json"]).pop("options") for at in (before, after)]
        assert options_of[0] != options_of[1]  # how many at once, and nothing else


def contents_of_run(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}


def test_a_control_s_stages_take_the_full_rate(tmp_path: Path, tiny: Tiny) -> None:
    recipe = tiny(pretrain={"epochs": 1}, finetune={"stack_lr": 0.1})
    pretrain(recipe, out=tmp_path / "run", root=tmp_path, device="cpu")
    options: dict[str, Any] = {"labels": (30,), "controls": ("scratch",)}
    result = sweep(tmp_path / "run", **options)
    shares = {arm: setting.stack_lr for arm, setting in result.settings.items()}
    assert shares == {"pretrained": 0.1, "scratch": 1.0}
    found = result.table[0].draws[1].error["scratch"]
    assert found == head_error(
        tmp_path / "run", labels=30, label_seed=1, seed=recipe.seed + 1, from_scratch=True
    )
    asked = (*QUICK, "finetune.stack_lr=0.5")
    result = sweep(tmp_path / "run", **options, overrides=asked, overwrite=True)
    assert {setting.stack_lr for setting in result.settings.values()} == {0.5}


def test_without_a_control_there_is_no_gain(run: Path) -> None:
    result = sweep(run, labels=(30,), name="alone", freeze=2)
    (row,) = result.table
    assert list(row.mean) == list(row.interval) == ["pretrained"]
    assert row.gain == {}
    assert (result.sweep, result.freeze) == ("alone", 2)
    assert row.draws[0].error["pretrained"] == head_error(run, labels=30, freeze=2)


def test_validation_images_are_those_of_a_head(run: Path) -> None:
    overrides = ("finetune.epochs=6", "finetune.patience=2")
    result = sweep(run, labels=(100,), overrides=overrides)
    (row,) = result.table
    assert (row.labelled, row.validation) == (100, 10)
    errors = [
        head_error(run, labels=100, label_seed=draw, seed=draw, overrides=overrides)
        for draw in (0, 1)
    ]
    assert [draw.error["pretrained"] for draw in row.draws] == errors


class TestCutOff:
    @pytest.mark.parametrize("politely", [False, True])
    @pytest.mark.parametrize("at", [1, 3, 8])
    def test_it_ends_with_the_same_bytes(
        self,
        run: Path,
        crash: type[BaseException],
        at: int,
        politely: bool,
    ) -> None:
        options: dict[str, Any] = {"controls": ("scratch",)}
        sweep(run, **options)
        folder = run / "sweeps" / "labels"
        whole = contents(folder)

        def stop() -> None:
            if not politely:
                raise crash
            signal.raise_signal(signal.SIGTERM)

        cut = Cut(at, stop)
        with pytest.raises(Interrupted if politely else crash) as caught:
            sweep(run, **options, overwrite=True, progress=cut)
        assert cut.seen == [(done, 8) for done in range(at + 1)]
        assert not (folder / "results.json").exists()
        assert not (folder / "few-labels.png").exists()
        resumed = Cut(-1, stop)
        if politely:
            said = str(caught.value)
            assert said.startswith(f"stopped; {at} of 8 trials are kept. Go on with: featlearn")
            words = said.split("Go on with: featlearn ")[1].split()
            result = CliRunner().invoke(group, [*words, "-q"])
            assert result.exit_code == 0, result.output
        else:
            sweep(run, **options, resume=True, progress=resumed)
            assert resumed.seen == [(done, 8) for done in range(at, 9)]
        assert contents(folder) == whole

    def test_a_line_that_is_half_written_is_made_again(
        self, run: Path, crash: type[BaseException]
    ) -> None:
        sweep(run)
        folder = run / "sweeps" / "labels"
        whole = contents(folder)
        for name in ("results.json", "few-labels.png"):
            (folder / name).unlink()
        lines = whole["trials.jsonl"].splitlines(keepends=True)
        (folder / "trials.jsonl").write_bytes(b"".join(lines[:2]) + lines[2][:-1])
        cut = Cut(-1, lambda: None)
        sweep(run, resume=True, progress=cut)
        assert cut.seen[0] == (2, 4)
        assert contents(folder) == whole

    def test_a_finished_one_has_nothing_left_to_do(
        self, run: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = sweep(run)
        monkeypatch.setattr(Workbench, "score", None)
        told = Cut(-1, lambda: None)
        assert sweep(run, resume=True, progress=told) == first
        assert told.notes == [
            f"{run / 'sweeps' / 'labels'} is finished; there is nothing left to do"
        ]

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (b"}\n{", "is damaged"),
            (b'"label_seed":1', "holds other trials than these"),
        ],
    )
    def test_a_damaged_file_of_trials_is_refused(self, run: Path, change: bytes, said: str) -> None:
        sweep(run)
        folder = run / "sweeps" / "labels"
        (folder / "results.json").unlink()
        data = (folder / "trials.jsonl").read_bytes()
        other = b"}{\n{" if change.startswith(b"}") else b'"label_seed":7'
        assert change in data
        (folder / "trials.jsonl").write_bytes(data.replace(change, other))
        with pytest.raises(CheckpointError, match=rf"trials.jsonl {said}"):
            sweep(run, resume=True)

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"labels": (30, 60)}, r"options.labels.1 was 50, now it is 60"),
            ({"draws": 3}, "options.draws was 2, now it is 3"),
            ({"tune": True}, "options.tune was False, now it is True"),
            ({"overrides": ("finetune.epochs=4",)}, "finetune.epochs was 3, now it is 4"),
        ],
    )
    def test_another_sweep_is_not_gone_on_with(
        self, run: Path, options: dict[str, Any], said: str
    ) -> None:
        sweep(run)
        with pytest.raises(CheckpointError, match=said):
            sweep(run, resume=True, **options)
        with pytest.raises(CheckpointError, match="holds a finished run; add --overwrite"):
            sweep(run)
