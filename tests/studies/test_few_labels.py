"""The study of few labels from end to end, on 8 x 8 digits and networks of a second."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from scipy import stats

from featlearn.errors import CheckpointError, DataError, Interrupted, UsageError
from featlearn.studies.few_labels.plan import DRAWS, LABELS, SETS
from featlearn.studies.few_labels.progress import OneSet, Times
from featlearn.studies.few_labels.results import (
    FewLabelsResult,
    FewLabelsRow,
    FewLabelsSet,
    markdown,
    row_of,
    verdict,
)
from featlearn.studies.few_labels.study import few_labels
from featlearn.training.progress import Silent, StepReport
from featlearn.workflows.sweep_results import Gain, SweepPoint
from featlearn.workflows.trials import Workbench
from featlearn_cli.main import group
from featlearn_cli.studies import few_labels as command

TINY = """\
title = "Tiny"
[data]
source = "digits"
limit  = 150
[[stages]]
name      = "{stage}"
filter    = {{ kind = "dense", maps = 12 }}
objective = {{ kind = "denoising", corruption = {{ kind = "mask" }} }}
[pretrain]
epochs = 2
batch  = 25
[finetune]
epochs = 4
batch  = 25
"""
TRIALS = 2 * 2 * 3 * 2
"""Two sets, two numbers of labels, three draws, two methods."""


class Cut(Silent):
    """Hears all, and asks for a stop when so many steps or trials are done."""

    def __init__(self, *, step: int = 0, trial: int = 0) -> None:
        self.step_left, self.trial = step, trial
        self.phases: list[str] = []
        self.seen: list[tuple[str, int, int, str]] = []

    def start(self, phase: str, *, epochs: int, steps: int) -> None:
        self.phases.append(phase)

    def step(self, report: StepReport) -> None:
        self.step_left -= 1
        if self.step_left == 0:
            signal.raise_signal(signal.SIGTERM)

    def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
        self.seen.append((name, done, of, words))
        if done == self.trial > 0:
            signal.raise_signal(signal.SIGTERM)


class Studied(NamedTuple):
    out: Path
    result: FewLabelsResult
    told: Cut


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("recipes")
    for name in ("strokes", "edges"):
        (folder / f"{name}.toml").write_text(TINY.format(stage=name))
    return [str(folder / f"{name}.toml") for name in ("strokes", "edges")]


def study(out: Path, recipes: list[str], **options: Any) -> FewLabelsResult:
    given: dict[str, Any] = {"labels": (20, 60), "draws": 3, "device": "cpu", "threads": 1}
    return few_labels(out, recipes=recipes, **{**given, **options})


@pytest.fixture(scope="module")
def studied(recipes: list[str], tmp_path_factory: pytest.TempPathFactory) -> Studied:
    out, told = tmp_path_factory.mktemp("studied") / "out", Cut()
    return Studied(out, study(out, recipes, progress=told), told)


def by_hand(values: list[float]) -> tuple[float, float, float]:
    """Give a mean and its 95 % interval by the textbook's formula."""
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    reach = stats.t.ppf(0.975, len(values) - 1) * (variance / len(values)) ** 0.5
    return mean, mean - reach, mean + reach


def test_figures_are_those_of_the_sweeps_own_draws(studied: Studied) -> None:
    written = json.loads((studied.out / "results.json").read_text())
    assert [each["recipe"] for each in written["sets"]] == ["strokes", "edges"]
    for each in written["sets"]:
        sweep = Path(each["run"]) / "sweeps" / each["sweep"] / "results.json"
        assert sweep == studied.out / "runs" / each["recipe"] / "sweeps/labels/results.json"
        points = json.loads(sweep.read_text())["table"]
        assert [row["labels"] for row in each["rows"]] == [20, 60]
        for row, point in zip(each["rows"], points, strict=True):
            draws = [draw["error"] for draw in point["draws"]]
            assert len(draws) == 3
            for arm in ("pretrained", "scratch"):
                mean, low, high = by_hand([draw[arm] for draw in draws])
                assert row["error"][arm] == pytest.approx(mean)
                assert row["interval"][arm] == pytest.approx([low, high])
            mean, low, high = by_hand([draw["scratch"] - draw["pretrained"] for draw in draws])
            assert row["gain"]["mean"] == pytest.approx(mean)
            assert row["gain"]["interval"] == pytest.approx([low, high])
            assert row["above"] == (low > 0)
        assert (each["test"], each["name"]) == (500, each["recipe"])
        assert each["pretrain_seconds"] > 0
        assert each["spent"]["seconds"] > 0


def test_the_card_tells_every_row_and_the_cost(studied: Studied) -> None:
    page = (studied.out / "README.md").read_text(encoding="utf-8")
    assert page == markdown(studied.result)
    for each in studied.result.sets:
        row = each.rows[0]
        low, high = row.gain.interval
        told = f"{100 * row.gain.mean:+.2f} | {100 * low:+.2f} to {100 * high:+.2f} |"
        assert f"| {each.name} | 20 | {100 * row.error['pretrained']:.2f} | " in page
        assert f"{told} {'yes' if low > 0 else 'no'} |" in page
        assert each.spent is not None
        assert each.spent.machine in page
        assert f"| {each.name} | `{each.recipe}` | 142 | 500 | " in page
    assert "The recipes were changed" not in page
    for file in studied.result.figures:
        assert Path(file).stat().st_size > 5000
    assert [Path(file).name for file in studied.result.figures] == [
        "few-labels.png",
        "few-labels.svg",
    ]


def test_progress_names_the_set_and_counts_through_all(studied: Studied) -> None:
    assert studied.told.phases == ["strokes, strokes", "edges, edges"]
    assert {(name, of) for name, _, of, _ in studied.told.seen} == {("trials", TRIALS)}
    half = TRIALS // 2
    counted = [done for _, done, _, _ in studied.told.seen]
    assert counted == [*range(half + 1), *range(half, TRIALS + 1)]
    assert studied.told.seen[1][3].startswith("strokes, 20 labels, draw 0, pre-trained: error")
    assert studied.told.seen[-1][3].startswith("edges, 60 labels, draw 2, from scratch: error")


def test_what_is_there_is_kept(
    studied: Studied, recipes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workbench, "score", None)
    told = Cut()
    assert study(studied.out, recipes, progress=told) == studied.result
    assert (told.phases, told.seen) == ([], [])
    shutil.copytree(studied.out, tmp_path / "copy")
    (one,) = study(tmp_path / "copy", recipes[1:]).sets
    assert one.rows == studied.result.sets[1].rows


@pytest.mark.parametrize("at", [{"step": 15}, {"trial": 3}, {"trial": TRIALS - 2}])
def test_a_stopped_one_goes_on_with_the_same_call(
    studied: Studied, recipes: list[str], tmp_path: Path, at: dict[str, int]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(Interrupted, match="what is done is kept, and the same command goes on"):
        study(out, recipes, progress=Cut(**at))
    assert not (out / "results.json").exists()
    told = Cut()
    result = study(out, recipes, progress=told)
    for name in ("strokes", "edges"):
        for file in ("model.safetensors", "sweeps/labels/trials.jsonl"):
            path = f"runs/{name}/{file}"
            assert (out / path).read_bytes() == (studied.out / path).read_bytes(), path
    assert (out / "few-labels.png").read_bytes() == (studied.out / "few-labels.png").read_bytes()
    whole = studied.result.sets
    assert [each.rows for each in result.sets] == [each.rows for each in whole]
    assert told.seen[-1][1:3] == (TRIALS, TRIALS)


def test_changes_are_made_to_all_and_told(
    studied: Studied, recipes: list[str], tmp_path: Path
) -> None:
    changes = {"finetune.epochs": 1, "finetune.stack_lr": 0.5, "seed": 9}
    result = study(tmp_path / "out", recipes, overrides=changes, labels=(20,), draws=2, seed=3)
    assert result.changes == ["finetune.epochs=1", "finetune.stack_lr=0.5", "seed=9"]
    for name in ("strokes", "edges"):
        sweep = json.loads((tmp_path / f"out/runs/{name}/sweeps/labels/results.json").read_text())
        assert sweep["seed"] == 3
        assert [arm["stack_lr"] for arm in sweep["settings"].values()] == [0.5, 0.5]
    page = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "The recipes were changed: `finetune.epochs=1`, `finetune.stack_lr=0.5`" in page


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"draws": 1}, UsageError, "takes 2 to .* draws of labels"),
        ({"labels": (20, 20)}, UsageError, "each number of labels once"),
        ({"labels": (0,)}, UsageError, "numbers of labels of at least 1"),
        ({"labels": (20, 200)}, DataError, "strokes: 200 labels .* digits gives 150 images"),
        ({"overrides": ["pretrain.epoch=1"]}, UsageError, "strokes: pretrain.epoch=1"),
        ({"overrides": ["stages.strokes.filter.maps=4"]}, UsageError, "edges: .*unknown stage"),
        ({"overrides": ["data.source=nothing"]}, UsageError, "no data set and no path 'nothing'"),
        ({"overrides": ["data.source=mnist"]}, DataError, "mnist is not under the data root"),
    ],
)
def test_a_study_that_is_none_is_refused_before_it_begins(
    recipes: list[str], tmp_path: Path, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        study(tmp_path / "out", recipes, root=tmp_path, **options)
    assert not (tmp_path / "out").exists()


def test_each_recipe_is_taken_once(recipes: list[str], tmp_path: Path) -> None:
    for taken in ([], [recipes[0], recipes[0]]):
        with pytest.raises(UsageError, match="one recipe or more, each of another name"):
            study(tmp_path / "out", taken)


def test_a_folder_of_other_things_is_left_alone(recipes: list[str], tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(CheckpointError, match="holds other files"):
        study(tmp_path, recipes)
    with pytest.raises(CheckpointError, match=r"README\.md is a file"):
        study(tmp_path / "README.md", recipes)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_another_study_is_not_gone_on_with(studied: Studied, recipes: list[str]) -> None:
    before = (studied.out / "results.json").read_bytes()
    for options, said in (
        ({"draws": 4}, "options.draws was 3, now it is 4"),
        ({"labels": (20, 50)}, "options.labels.1 was 60, now it is 50"),
        ({"seed": 1}, "seed was the default, now it is 1"),
    ):
        with pytest.raises(CheckpointError, match=said):
            study(studied.out, recipes, **options)
    assert (studied.out / "results.json").read_bytes() == before


class TestTimes:
    @staticmethod
    def opened(file: Path) -> Times:
        return Times(file, machine="a machine", threads=2)

    def test_they_add_up_over_calls(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [100.0]
        monkeypatch.setattr("time.monotonic", lambda: now[0])
        for seconds in (5.0, 2.5):
            times = self.opened(tmp_path / "times.json")
            with times.counting("one") as done:
                done()
                now[0] += seconds
        times = self.opened(tmp_path / "times.json")
        assert times.known["one"].seconds == 7.5
        with times.counting("one"):
            now[0] += 50
        assert self.opened(tmp_path / "times.json").known == times.known
        assert times.known["one"].seconds == 7.5

    def test_what_a_kill_leaves_is_all_but_the_last(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [0.0]
        monkeypatch.setattr("time.monotonic", lambda: now[0])
        with self.opened(tmp_path / "times.json").counting("one") as done:
            now[0] = 4.0
            done()
            now[0] = 9.0
            assert self.opened(tmp_path / "times.json").known["one"].seconds == 4.0

    def test_a_damaged_file_says_what_to_do(self, tmp_path: Path) -> None:
        (tmp_path / "times.json").write_text("{")
        with pytest.raises(CheckpointError, match=r"times\.json is damaged .* remove it"):
            self.opened(tmp_path / "times.json")


def test_one_set_alone_counts_as_it_is_told() -> None:
    told = Cut()
    OneSet(told, "mnist").count("trials", done=2, of=7)
    assert told.seen == [("trials", 2, 7, "")]


@pytest.mark.parametrize("low", [-0.001, 0.0, 0.001])
def test_above_is_above_and_not_at_zero(low: float) -> None:
    both = {"pretrained": 0.1, "scratch": 0.11}
    gain = Gain(mean=0.01, interval=(low, 0.02))
    point = SweepPoint(
        labels=100,
        labelled=100,
        validation=0,
        draws=[],
        mean=both,
        interval=dict.fromkeys(both, (0.0, 1.0)),
        gain={"scratch": gain},
    )
    assert row_of(point).above == (low > 0)


@pytest.mark.parametrize(
    ("above", "said"),
    [
        ([True, True, True], "the gain is above zero at every number of labels"),
        ([False, False, False], "the gain is above zero at no number of labels"),
        ([True, False, True], "the gain is above zero at 100 and 1 000 labels, not at 300"),
        ([True, False, False], "the gain is above zero at 100 labels, not at 300 and 1 000"),
    ],
)
def test_a_verdict_names_the_numbers(above: list[bool], said: str) -> None:
    rows = [
        FewLabelsRow(
            labels=labels,
            error={},
            interval={},
            gain=Gain(mean=0.0, interval=(0.0, 0.0)),
            above=each,
        )
        for labels, each in zip((100, 300, 1000), above, strict=True)
    ]
    found = FewLabelsSet(
        name="MNIST",
        recipe="mnist-local",
        run="r",
        sweep="labels",
        images=1,
        test=1,
        majority=0.1,
        pretrain_seconds=1.0,
        spent=None,
        rows=rows,
    )
    assert verdict(found).replace("\u202f", " ") == said
    whole = FewLabelsResult(out="o", seed=0, draws=2, changes=[], sets=[], figures=[])
    assert markdown(whole).startswith("# What pre-training is worth")


def test_the_study_is_the_one_that_is_described() -> None:
    assert list(SETS) == ["mnist-local", "fashion-local", "cifar-conv"]
    assert (LABELS, DRAWS) == ((100, 300, 1000, 3000), 10)


class TestCommand:
    @pytest.fixture
    @staticmethod
    def invoke(
        recipes: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> Callable[..., tuple[int, str, str]]:
        monkeypatch.setattr(command, "SETS", dict.fromkeys(recipes, ""))

        def brief(out: Path, **options: Any) -> FewLabelsResult:
            return few_labels(out, labels=(20, 60), **options)

        monkeypatch.setattr(command, "few_labels", brief)

        def call(*words: str) -> tuple[int, str, str]:
            done = CliRunner().invoke(
                group, ["study", "few-labels", *words, "--device", "cpu", "--threads", "1"]
            )
            return done.exit_code, done.stdout, done.stderr

        return call

    def test_json_is_what_is_written(
        self, studied: Studied, invoke: Callable[..., tuple[int, str, str]]
    ) -> None:
        code, out, _ = invoke("--out", str(studied.out), "--draws", "3", "--json")
        assert code == 0
        assert json.loads(out) == json.loads((studied.out / "results.json").read_text())

    def test_people_get_the_table(
        self, studied: Studied, invoke: Callable[..., tuple[int, str, str]]
    ) -> None:
        code, out, told = invoke("--out", str(studied.out), "--draws", "3")
        assert code == 0
        row = studied.result.sets[0].rows[1]
        assert f"{100 * row.error['scratch']:.2f} %" in out
        assert f"{100 * row.gain.mean:+.2f} [" in out
        assert "README.md" in told

    @pytest.mark.parametrize(
        ("words", "taken"),
        [
            ([], ["mnist-local", "fashion-local", "cifar-conv"]),
            (["--only", "cifar-conv", "--only", "mnist-local"], ["mnist-local", "cifar-conv"]),
        ],
    )
    def test_only_takes_what_is_named(
        self, words: list[str], taken: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given: dict[str, Any] = {}

        def refused(out: Path, **options: Any) -> None:
            given.update(options)
            raise DataError("not today")

        monkeypatch.setattr(command, "few_labels", refused)
        out = ["--out", str(tmp_path / "out")]
        done = CliRunner().invoke(group, ["study", "few-labels", *out, *words])
        assert (done.exit_code, done.stderr.strip()) == (1, "Error: not today")
        assert [*given["recipes"]] == taken
        assert (given["draws"], given["seed"]) == (10, 0)
