import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from featlearn.baselines import boosted
from featlearn.baselines.rows import NAMES
from featlearn.config.data import DataSpec
from featlearn.datasets.source import open_splits
from featlearn.errors import CheckpointError, DataError, Interrupted, UsageError
from featlearn.training.progress import Silent
from featlearn.workflows import baselines as workflow
from featlearn.workflows.baseline_results import wilson
from featlearn.workflows.baselines import Looked, baselines, chosen_rows

QUICK = ("linear", "neighbours")


class Notes(Silent):
    """Keeps the lines that were said."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_rows_are_judged_on_the_test_split_alone(tmp_path: Path) -> None:
    result = baselines("digits", only=QUICK, out=tmp_path / "out", threads=1)
    assert [row.name for row in result.rows] == [*QUICK]
    assert (result.labelled, result.available, result.images) == (1297, 1297, 500)
    for row in result.rows:
        low, high = row.interval
        assert 0 < low < row.error < high < 0.2
        assert (row.samples, row.cut, row.budget, row.threads) == (1297, None, None, 1)
        assert row.choice is not None
        assert row.choice.learned + row.choice.validated == 1297
    assert 0.85 < result.guess < 0.95
    kept = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["error"] for row in kept["rows"]] == [row.error for row in result.rows]
    assert all(Path(file).stat().st_size > 1000 for file in result.figures)


def test_an_error_is_that_of_scikit_learn_with_the_settings_that_are_told() -> None:
    row = baselines("digits", only=["neighbours"], seed=3, threads=1).rows[0]
    splits = open_splits(DataSpec(source="digits"), root=None, seed=0)
    assert splits.test is not None
    train, test = (part.images.reshape(len(part), -1) for part in (splits.train, splits.test))
    model = KNeighborsClassifier(int(row.settings["k"])).fit(train, splits.train.labels)
    assert row.error == np.mean(model.predict(test) != splits.test.labels)


def test_labels_are_drawn_by_their_own_seed() -> None:
    errors = [
        baselines("digits", only=["neighbours"], labels=30, label_seed=seed, threads=1)
        for seed in (0, 0, 1)
    ]
    assert errors[0].labelled == 30
    assert errors[0].rows[0].error == errors[1].rows[0].error != errors[2].rows[0].error


def test_finished_rows_are_kept(tmp_path: Path) -> None:
    first = baselines("digits", only=["linear"], out=tmp_path, threads=1)
    told = Notes()
    both = baselines("digits", only=QUICK, out=tmp_path, threads=1, progress=told)
    assert both.rows[0] == first.rows[0]
    file = tmp_path / "rows" / "linear.json"
    assert told.notes[0] == (
        "made before, and kept: linear (1 of 2 rows); to make one anew, delete its file "
        f"({file}), or choose another folder for --out"
    )
    assert not any("linear" in note for note in told.notes[1:])


def test_a_cut_row_goes_on_when_it_may_take_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "haar-products"
    whole = boosted.KINDS[name]._replace(rounds=50)
    monkeypatch.setitem(boosted.KINDS, name, whole)
    cut = baselines("digits", only=[name], budget=1e-3, out=tmp_path, threads=1).rows[0]
    assert cut.cut is not None
    assert (cut.wanted, cut.budget) == (50, 1e-3)
    rounds = tmp_path / "rows" / f"{name}.safetensors"
    again = baselines("digits", only=[name], budget=1e-4, out=tmp_path, threads=1).rows[0]
    assert again == cut
    monkeypatch.setattr("featlearn.baselines.boosted._SAVE_SECONDS", 0)
    more = baselines("digits", only=[name], out=tmp_path, threads=1).rows[0]
    assert (more.cut, more.rounds) == (None, 50)
    assert not rounds.exists()


@pytest.mark.parametrize("name", ["forest", "two-layer"])
def test_settings_that_a_budget_left_unchosen_are_chosen_without_one(
    tmp_path: Path, name: str
) -> None:
    options: dict[str, Any] = {"only": [name], "labels": 50, "rounds": 2, "threads": 1}
    hasty = baselines("digits", budget=1000, out=tmp_path, **options).rows[0]
    assert (hasty.choice, hasty.rounds, hasty.cut) == (None, 2, "settings not chosen")
    row = baselines("digits", out=tmp_path, **options).rows[0]
    assert (row.rounds, row.cut) == (2, None)
    assert row.choice is not None
    assert row.choice.tried == 2


def test_where_nothing_is_to_be_chosen_a_budget_takes_no_choice_away(tmp_path: Path) -> None:
    options: dict[str, Any] = {"only": ["boosted-trees"], "labels": 50, "rounds": 2, "threads": 1}
    row = baselines("digits", budget=1000, out=tmp_path, **options).rows[0]
    assert (row.choice, row.cut) == (None, None)
    assert baselines("digits", out=tmp_path, **options).rows[0] == row


class Stopping(Silent):
    """Asks for a stop when so many rounds are done."""

    def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
        if done >= 50:
            signal.raise_signal(signal.SIGTERM)


def test_a_table_that_was_stopped_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "boosted-products"
    monkeypatch.setitem(boosted.KINDS, name, boosted.KINDS[name]._replace(rounds=75))
    monkeypatch.setattr("featlearn.baselines.boosted._SAVE_SECONDS", 0)
    rows = ["linear", name]
    with pytest.raises(Interrupted, match=r"1 of 2 rows are kept\. The same command goes on"):
        baselines("digits", only=rows, out=tmp_path / "a", threads=1, progress=Stopping())
    assert (tmp_path / "a" / "rows" / f"{name}.safetensors").exists()
    stopped = baselines("digits", only=rows, out=tmp_path / "a", threads=1)
    whole = baselines("digits", only=rows, out=tmp_path / "b", threads=1)
    assert [row.error for row in stopped.rows] == [row.error for row in whole.rows]
    assert stopped.rows[1].rounds == 75


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": 20}, "other labels"),
        ({"seed": 1}, "other seed"),
        ({"looked": Looked(size=(4, 4))}, "other images"),
    ],
)
def test_rows_of_something_else_are_not_mixed_in(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    baselines("digits", only=["neighbours"], out=tmp_path, threads=1)
    with pytest.raises(UsageError, match=rf"holds rows with {said}.*another folder for --out"):
        baselines("digits", only=["neighbours"], out=tmp_path, threads=1, **change)


@pytest.mark.parametrize("file", ["identity.json", "rows/neighbours.json"])
def test_a_damaged_file_is_named(tmp_path: Path, file: str) -> None:
    baselines("digits", only=["neighbours"], out=tmp_path, threads=1)
    (tmp_path / file).write_bytes(b"{")
    with pytest.raises(CheckpointError, match=r"json is damaged"):
        baselines("digits", only=["neighbours"], out=tmp_path, threads=1)


def write(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return str(path)


def test_a_source_of_one_class_is_refused(tmp_path: Path) -> None:
    images = np.zeros((20, 4, 4), np.uint8)
    source = write(tmp_path / "one.npz", images=images, labels=np.zeros(20, np.int64))
    with pytest.raises(DataError, match=r"one\.npz has images of one class only"):
        baselines(source, only=QUICK)


def test_images_of_several_sizes_are_resized_only_when_asked(
    tmp_path: Path, make_images: Callable[[Path], None]
) -> None:
    make_images(tmp_path / "pictures")
    source = str(tmp_path / "pictures")
    with pytest.raises(DataError, match="give --size HEIGHT WIDTH to resize images"):
        baselines(source, only=["neighbours"])
    result = baselines(source, only=["neighbours"], looked=Looked(size=(5, 5)), threads=1)
    assert result.images == 4


@pytest.fixture
def make_images() -> Callable[[Path], None]:
    """Write two classes of pictures, each of sizes of its own."""
    from PIL import Image

    def make(folder: Path) -> None:
        for place, name in enumerate(("a", "b")):
            (folder / name).mkdir(parents=True)
            for number in range(10):
                image = np.full((5 + number % 2, 5), 40 + 160 * place, np.uint8)
                Image.fromarray(image).save(folder / name / f"{number}.png")

    return make


def test_rows_are_chosen_in_the_order_of_the_table() -> None:
    assert chosen_rows([], []) == [*NAMES]
    assert chosen_rows(["svm", "linear"], []) == ["linear", "svm"]
    assert chosen_rows([], NAMES[1:]) == [NAMES[0]]
    with pytest.raises(UsageError, match="no row 'svn'; did you mean svm"):
        chosen_rows([], ["svn"])


@pytest.mark.parametrize(("wrong", "images"), [(0, 50), (7, 50), (50, 50)])
def test_the_interval_is_wilsons(wrong: int, images: int) -> None:
    z, p = 1.959963984540054, wrong / images
    centre = (p + z**2 / (2 * images)) / (1 + z**2 / images)
    reach = z / (1 + z**2 / images) * (p * (1 - p) / images + z**2 / (4 * images**2)) ** 0.5
    expected = max(centre - reach, 0), min(centre + reach, 1)
    assert wilson(wrong, images) == pytest.approx(expected, abs=1e-9)


def test_only_training_images_are_looked_at_until_all_is_fitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    fit = workflow.fit_row

    def watched(*given: Any) -> Any:
        seen.append(len(given[1].train))
        return fit(*given)

    monkeypatch.setattr(workflow, "fit_row", watched)
    baselines("digits", only=["linear"], threads=1)
    assert seen == [1297]
