"""Sweeps over labels: every trial is the head it claims to be, and a cut one ends the same."""

import json
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from featlearn.config.recipe import Recipe
from featlearn.errors import (
    CheckpointError,
    DataError,
    Interrupted,
    TrainingError,
    UsageError,
)
from featlearn.files import sha256
from featlearn.training.progress import Silent
from featlearn.training.rundir import RunDirectory
from featlearn.workflows import trials as trials_module
from featlearn.workflows.evaluate import evaluate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.label_sweep import sweep_labels
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.sweep_results import SweepResult
from featlearn.workflows.trials import Workbench
from featlearn_cli.main import group

Tiny = Callable[..., Recipe]
QUICK = ("finetune.epochs=3",)


def sweep(run: Path, **options: Any) -> SweepResult:
    given: dict[str, Any] = {"labels": (30, 50), "draws": 2, "overrides": QUICK, "threads": 1}
    return sweep_labels(run, root=run, device="cpu", **{**given, **options})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def head_error(run: Path, **options: Any) -> float:
    """Train and judge one head by the commands for one."""
    options = {"overrides": QUICK, "threads": 1, "device": "cpu", "root": run, **options}
    finetune(run, name="alone", overwrite=True, **options)
    return evaluate(run, root=run, head="alone", device="cpu").error


class Cut(Silent):
    """Ends a sweep when so many trials are done: by a crash, or by asking for a stop."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self.at = at
        self.act = act
        self.seen: list[tuple[int, int]] = []
        self.notes: list[str] = []

    def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
        self.seen.append((done, of))
        if done == self.at:
            self.act()

    def note(self, text: str) -> None:
        self.notes.append(text)


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


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "error", "said"),
        [
            ({"labels": (30, 401)}, DataError, "401 labels were asked for, but there are 400"),
            ({"labels": (1, 30)}, DataError, "1 label cannot be shared among 10 classes"),
            ({"labels": ()}, UsageError, "at least 1, or 'all'"),
            ({"labels": (0, 10)}, UsageError, "at least 1, or 'all'"),
            ({"labels": (30, 30)}, UsageError, "each number of labels once"),
            ({"draws": 1}, UsageError, "2 to 1000 draws"),
            ({"draws": 1001}, UsageError, "2 to 1000 draws"),
            ({"controls": ("magic",)}, UsageError, "no control 'magic'; take scratch or pixels"),
            ({"labels": ("all",), "tune": True}, UsageError, "leave out --tune"),
            ({"labels": (400,), "tune": True}, DataError, "400 labels leave no labelled images"),
            ({"name": "../x"}, UsageError, "cannot name a sweep"),
            ({"freeze": 3}, UsageError, "there are 2 stages"),
            ({"overrides": ("seed=3",)}, UsageError, r"only finetune.\* can be set here"),
            ({"resume": True}, CheckpointError, "nothing to resume"),
        ],
    )
    def test_what_makes_no_sweep_leaves_nothing_behind(
        self, run: Path, options: dict[str, Any], error: type[Exception], said: str
    ) -> None:
        with pytest.raises(error, match=said):
            sweep(run, **options)
        assert not (run / "sweeps").exists()

    def test_other_images_than_the_run_learned_from(self, tmp_path: Path, tiny: Tiny) -> None:
        draw = np.random.default_rng(0)
        images = draw.integers(0, 255, (60, 1, 8, 8), dtype=np.uint8)
        np.savez(tmp_path / "x.npz", images=images, labels=np.arange(60) % 3)
        recipe = tiny(data={"source": str(tmp_path / "x.npz"), "limit": None})
        pretrain(recipe, out=tmp_path / "run", root=tmp_path)
        assert sweep(tmp_path / "run", labels=(9, 12)).test > 0
        images[-1] ^= 255
        np.savez(tmp_path / "x.npz", images=images, labels=np.arange(60) % 3)
        for options in ({"name": "new"}, {"resume": True}):
            if "resume" in options:
                (tmp_path / "run/sweeps/labels/results.json").unlink()
            with pytest.raises(CheckpointError, match=r"other (train|test) images"):
                sweep(tmp_path / "run", labels=(9, 12), **options)

    def test_pre_training_anew_removes_the_sweeps(self, run: Path, tiny: Tiny) -> None:
        sweep(run)
        pretrain(tiny(), out=run, root=run, overwrite=True)
        assert not (run / "sweeps").exists()
