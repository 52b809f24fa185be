"""What a search refuses, in one sentence and before anything is written; and trials that fail."""

import importlib.abc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from featlearn.errors import (
    CheckpointError,
    DataError,
    FeatlearnError,
    MissingExtraError,
    RecipeError,
    TrainingError,
    UsageError,
)
from featlearn.workflows.pretrain import pretrain
from tests.workflows.searching import HEAD, RATE, Cut, Tiny, results, search

Attempt = Callable[[Callable[[], object], str], Any]


@pytest.mark.parametrize(
    ("spaces", "options", "kind", "said"),
    [
        (("seed=0..9",), {}, UsageError, "seed cannot be searched, which is luck"),
        (("data.limit=10..90",), {}, UsageError, "all trials have to be measured on the same"),
        (("title=a|b",), {"labels": 30}, UsageError, "title cannot be searched, which only people"),
        (HEAD, {}, UsageError, "finetune.optimizer.lr does not change how features are learned"),
        ((RATE, "stages.edges.filter.size=3..12"), {}, UsageError, "with 12, stage 'edges'"),
        (("stages.edges.filter.maps=4..9000000",), {}, UsageError, "with 9000000, pre-tra"),
        ((RATE,), {"trials": 0}, UsageError, "a search takes at least 1 trial; got 0"),
        ((RATE,), {"sampler": "grid"}, UsageError, "no sampler 'grid'; take one of tpe, random"),
        ((RATE,), {"pruner": "axe"}, UsageError, "no pruner 'axe'; take one of median, halving"),
        ((RATE,), {"budget": 0.0}, UsageError, "--budget is a time in seconds above 0; got 0"),
        ((RATE,), {"budget": float("nan")}, UsageError, "above 0; got nan"),
        ((RATE,), {"labels": 0}, UsageError, "labels is a whole number of at least 1, or 'all'"),
        ((RATE,), {"labels": 7}, DataError, "7 labels cannot be shared among 10 classes"),
        ((RATE,), {"labels": 100}, DataError, "100 labels of 100 leave no labelled training"),
        (("finetune.head={kind='classification'}|{kind='regression'}",), {"labels": 30}, UsageError,
         "with {kind='regression'}, --labels searches by the error of classifiers"),
        ((RATE,), {"label_seed": -1}, UsageError, "label_seed is a whole number of at least 0"),
        ((RATE,), {"resume": True}, CheckpointError, "has nothing to resume"),
    ],
)  # fmt: skip
def test_bad_input(
    tmp_path: Path,
    tiny: Tiny,
    attempt: Attempt,
    spaces: tuple[str, ...],
    options: dict[str, Any],
    kind: type[FeatlearnError],
    said: str,
) -> None:
    def call() -> None:
        with pytest.raises(kind):
            search(tiny(), tmp_path / "s", *spaces, **options)
        search(tiny(), tmp_path / "s", *spaces, **options)

    assert attempt(call, said).refusal is not None
    assert not (tmp_path / "s").exists()


def test_a_loss_that_nothing_has_is_not_searched_by(tmp_path: Path, tiny: Tiny) -> None:
    with pytest.raises(UsageError, match="the recipe holds out none: set"):
        search(tiny(data={"hold_out": 0.0}), tmp_path / "s")
    plain = [{"name": "only", "filter": {"kind": "dense", "maps": 3}}]
    with pytest.raises(RecipeError, match="no stage of 'Tiny' has an objective"):
        search(tiny(stages=plain), tmp_path / "s")
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("kind", ["regression", "multi-label"])
def test_an_error_that_no_classifier_makes_is_not_searched_by(
    tmp_path: Path, tiny: Tiny, attempt: Attempt, kind: str
) -> None:
    recipe = tiny(finetune={"head": {"kind": kind}})
    said = f"by the error of classifiers, and finetune.head is of the kind '{kind}'"
    with pytest.raises(UsageError):
        search(recipe, tmp_path / "s", *HEAD, labels=30)
    assert attempt(lambda: search(recipe, tmp_path / "s", *HEAD, labels=30), said).refusal
    assert not (tmp_path / "s").exists()
    assert search(recipe, tmp_path / "s", trials=1).judged == 10  # by the loss it is


def test_several_tasks_are_not_searched_by_labels(
    tmp_path: Path, tiny: Tiny, attempt: Attempt
) -> None:
    recipe = tiny(tasks=[{"name": "one"}, {"name": "other"}])
    said = "--labels searches by the error of one head, and the recipe has several, its 2 tasks"
    with pytest.raises(UsageError):
        search(recipe, tmp_path / "s", *HEAD, labels=30)
    assert attempt(lambda: search(recipe, tmp_path / "s", *HEAD, labels=30), said).refusal
    with pytest.raises(
        UsageError, match=r"tasks\.0\.weight cannot be searched, as nothing that is"
    ):
        search(recipe, tmp_path / "s", "tasks.0.weight=1|2")
    assert not (tmp_path / "s").exists()
    assert search(recipe, tmp_path / "s", trials=1).judged == 10


def test_a_folder_that_holds_something(tmp_path: Path, tiny: Tiny) -> None:
    out = tmp_path / "s"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="holds other files"):
        search(tiny(), out)
    (out / "mine.txt").unlink()
    search(tiny(), out, trials=1)
    (out / "mine.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="a sweep; add --resume with more --trials to go on"):
        search(tiny(), out)
    told = Cut()
    again = search(tiny(), out, "pretrain.batch=16|32", trials=2, overwrite=True, progress=told)
    assert told.seen[0][:2] == (0, 2)
    assert set(again.best.params) == {"pretrain.batch"}
    assert (out / "mine.txt").read_text() == "mine"


def test_runs_and_searches_do_not_overwrite_each_other(tmp_path: Path, tiny: Tiny) -> None:
    pretrain(tiny(), out=tmp_path / "run", threads=1, device="cpu")
    search(tiny(), tmp_path / "s", trials=1)
    for resume in (True, False):
        options: dict[str, Any] = {"resume": resume, "overwrite": not resume}
        with pytest.raises(CheckpointError, match="holds other files; name a new or an empty"):
            search(tiny(), tmp_path / "run", **options)
        with pytest.raises(CheckpointError, match="holds other files; name a new or an empty"):
            pretrain(tiny(), out=tmp_path / "s", threads=1, device="cpu", **options)


@pytest.mark.parametrize(
    ("spaces", "options", "said"),
    [
        (("pretrain.batch=16|32",), {}, r"options\.spaces\.pretrain\.batch was the default, now"),
        ((RATE,), {"sampler": "random"}, r"options\.sampler was 'tpe', now it is 'random'"),
        ((RATE,), {"pruner": "none"}, r"options\.pruner was 'median', now it is 'none'"),
        ((RATE,), {"labels": 30}, r"options\.labels was the default, now it is 30"),
        ((RATE,), {"threads": 2}, r"was begun with --threads 1, now it is 2"),
    ],
)
def test_another_search_does_not_go_on(
    tmp_path: Path, tiny: Tiny, spaces: tuple[str, ...], options: dict[str, Any], said: str
) -> None:
    search(tiny(), tmp_path / "s", trials=1)
    with pytest.raises(CheckpointError, match=said):
        search(tiny(), tmp_path / "s", *spaces, resume=True, **options)


@pytest.mark.parametrize("damage", [b"no database", b"SQLite format 3\0" + bytes(900)])
def test_a_file_that_is_no_database(tmp_path: Path, tiny: Tiny, damage: bytes) -> None:
    search(tiny(), tmp_path / "s", trials=1)
    (tmp_path / "s" / "sweep.db").write_bytes(damage)
    with pytest.raises(CheckpointError, match=r"sweep\.db cannot be read or written .*--overwrite"):
        search(tiny(), tmp_path / "s", resume=True)


def test_trials_of_others_are_not_taken_for_ours(tmp_path: Path, tiny: Tiny) -> None:
    import optuna

    search(tiny(), tmp_path / "s", trials=1)
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/s/sweep.db")
    optuna.load_study(study_name=None, storage=storage).add_trial(
        optuna.trial.create_trial(value=0.0)
    )
    storage.engine.dispose()
    with pytest.raises(CheckpointError, match="a trial that `featlearn sweep` did not write"):
        search(tiny(), tmp_path / "s", resume=True)


def test_a_trial_that_diverges_is_marked_and_counts_as_the_worst(
    tmp_path: Path, tiny: Tiny
) -> None:
    spaces = "pretrain.optimizer={kind='sgd',lr=1e9}|{kind='adamw',lr=0.01}"
    found = search(tiny(), tmp_path / "s", spaces, trials=8, sampler="random")
    states = {trial.state for trial in found.trials}
    assert states == {"complete", "diverged"}
    bad = next(trial for trial in found.trials if trial.state == "diverged")
    assert (bad.value, bad.repeats) == (None, None)
    assert "try a smaller optimizer.lr" in str(bad.why)
    assert found.best.state == "complete"


def test_values_that_do_not_go_together_are_marked(tmp_path: Path, tiny: Tiny) -> None:
    """Each alone fits the image of 8 x 8, together they leave nothing to pool."""
    spaces = ("stages.edges.filter.size=3|7", "stages.edges.pool.size=2|5")
    found = search(tiny(), tmp_path / "s", *spaces, trials=12, sampler="random", pruner="none")
    unfit = [trial for trial in found.trials if trial.state == "unfit"]
    assert unfit
    assert all(set(trial.params.values()) == {7, 5} for trial in unfit)
    assert "stage 'edges'" in str(unfit[0].why)


def test_where_none_is_complete_the_first_reason_is_given(tmp_path: Path, tiny: Tiny) -> None:
    spaces = "pretrain.optimizer={kind='sgd',lr=1e9}|{kind='sgd',lr=2e9}"
    with pytest.raises(TrainingError, match=r"none of the 2 trials in .* 2 diverged \(the first: "):
        search(tiny(), tmp_path / "s", spaces, trials=2)
    assert not (tmp_path / "s" / "best.toml").exists()


def test_where_all_were_stopped_early_that_is_said(
    tmp_path: Path, tiny: Tiny, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("featlearn.workflows.search_making.stops", lambda *_, **__: True)
    said = "came to its end: 2 stopped early; search among other values, or with --pruner none"
    assert attempt(lambda: search(tiny(), tmp_path / "s", RATE, trials=2), said).refusal
    spaces = "pretrain.optimizer={kind='sgd',lr=1e9}|{kind='adamw',lr=0.01}"
    with pytest.raises(TrainingError, match=r"\d diverged \(the first: .*\) and \d stopped early"):
        search(tiny(), tmp_path / "m", spaces, trials=8, sampler="random")


def test_what_changes_the_loss_itself_is_cautioned_against(tmp_path: Path, tiny: Tiny) -> None:
    told = Cut()
    rate, stage = "stages.edges.objective.corruption.rate=0..0.5", "stages.parts.lr=1e-3..1e-2"
    search(tiny(), tmp_path / "s", rate, stage, trials=1, progress=told)
    (caution,) = [note for note in told.notes if "held-out loss" in note]
    assert caution.startswith("stages.edges.objective.corruption.rate may change what the held")
    told = Cut()
    search(tiny(), tmp_path / "l", rate, trials=1, labels=30, progress=told)
    assert not [note for note in told.notes if "held-out loss" in note]


def test_a_budget_ends_it_with_what_is_done(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    from featlearn.workflows.running import Running

    told = Cut()
    clock = property(lambda _: float(len(told.seen)))  # a second for each step that is shown
    monkeypatch.setattr(Running, "seconds", clock)
    with pytest.raises(TrainingError, match="the 2 seconds of --budget were over before a trial"):
        search(tiny(), tmp_path / "s", trials=9, budget=2.0, progress=told)
    told.seen.clear()
    found = search(tiny(), tmp_path / "s", trials=9, budget=40.0, progress=told, resume=True)
    assert 0 < len(found.trials) < 9
    assert found.asked == 9
    assert f"the time is over, and {len(found.trials)} of 9 trials are done" in told.notes[-1]
    assert told.notes[-1].endswith("--trials 9 --budget 40 --device cpu --threads 1"
                                   f" --data-root {tmp_path}")  # fmt: skip
    assert results(tmp_path / "s")["asked"] == 9


def test_without_optuna_the_extra_is_named(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Missing(importlib.abc.MetaPathFinder):
        def find_spec(self, fullname: str, path: object, target: object = None) -> None:
            if fullname.partition(".")[0] == "optuna":
                raise ModuleNotFoundError(fullname)

    for name in [name for name in sys.modules if name.partition(".")[0] == "optuna"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(MissingExtraError, match=r"pip install 'featlearn\[tune\]'"):
        search(tiny(), tmp_path / "s")
    assert not (tmp_path / "s").exists()
