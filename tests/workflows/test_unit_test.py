"""`evaluate --units`: the best units of a run, its controls, and the images they are tried on."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from featlearn.config.recipe import Recipe
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.source import open_splits
from featlearn.errors import CheckpointError, DataError, ShapeError, UsageError
from featlearn.evaluate.units import find_unit, place_of
from featlearn.networks.store import load_stack
from featlearn.training.progress import Silent
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.unit_images import Subject
from featlearn.workflows.unit_notes import lucky, unlike
from featlearn.workflows.unit_results import Method, UnitScore, UnitTestResult
from featlearn.workflows.unit_test import keep_units, measure_units


class Counted(Silent):
    def __init__(self) -> None:
        self.counts: list[tuple[int, int, str]] = []

    def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
        self.counts.append((done, of, words))


@pytest.fixture(scope="module")
def found(trained: Path) -> tuple[UnitTestResult, Counted]:
    counted = Counted()
    return measure_units(trained, root=trained, labels=150, progress=counted), counted


def test_every_class_is_looked_for_beside_all_controls(
    found: tuple[UnitTestResult, Counted],
) -> None:
    result, counted = found
    assert (result.source, result.split, result.groups) == ("digits", "test", None)
    assert (result.chosen_on, result.scored_on) == (150, 500)
    assert result.positives == tuple("0123456789")
    assert [(row.kind, row.candidates) for row in result.rows] == [
        ("network", 42),
        ("stage", 36),
        ("stage", 6),
        ("random-weights", 42),
        ("statistics", 8),
        ("templates", 42),
        ("k-means", 5),
        ("probe", None),
        ("pixels", None),
        ("majority", None),
    ]
    for row in result.rows:
        assert row.accuracy == pytest.approx(np.mean([score.accuracy for score in row.scores]))
        assert row.interval[0] <= row.accuracy <= row.interval[1]
        if row.kind != "network":
            assert row.behind is not None
            assert row.behind == pytest.approx(result.rows[0].accuracy - row.accuracy)
    done = [done for done, _, _ in counted.counts]
    assert done == sorted(done)
    assert done[0] == 0
    assert done[-1] == counted.counts[-1][1] == 5 * (2 * 150 + 500)


def test_figures_are_those_of_the_named_unit(
    found: tuple[UnitTestResult, Counted], trained: Path
) -> None:
    result, _ = found
    stack, recipe, _ = load_stack(trained)
    test = open_splits(recipe.data, root=trained, seed=0).test
    assert test is not None
    assert test.labels is not None
    import torch

    images = torch.from_numpy(test.images).float() / (255 if test.images.dtype == np.uint8 else 1)
    for place, score in enumerate(result.rows[0].scores):
        assert score.stage is not None
        assert score.unit is not None
        assert score.threshold is not None
        assert score.histogram is not None
        shape = stack.stage(score.stage).output_shape
        column = stack.encode(images, stage=score.stage)[
            :, place_of(shape, find_unit(shape, score.unit))
        ]
        inside = test.labels == place
        named = (column > score.threshold).numpy() == (score.sign == 1)
        assert score.accuracy == pytest.approx(np.mean(named == inside), abs=0.003)
        assert score.sign is not None
        auc = roc_auc_score(inside, score.sign * column.detach().numpy())
        assert score.auc == pytest.approx(auc, abs=1e-3)
        ours, others = (column.detach().numpy()[some] for some in (inside, ~inside))
        apart = (ours.mean() - others.mean()) / np.sqrt((ours.var(ddof=1) + others.var(ddof=1)) / 2)
        assert score.selectivity == pytest.approx(score.sign * apart, rel=1e-3)
        assert sum(score.histogram.positives) == inside.sum()
        assert sum(score.histogram.others) == (~inside).sum()
    for stage, (units, shape) in zip(result.stages, [(36, 4), (6, 6)], strict=True):
        assert len(stage.accuracy) == len(stage.positive) == units
        assert stage.shape[0] == shape
    top = max(max(stage.accuracy) for stage in result.stages)
    chosen = [score.chosen_accuracy for score in result.rows[0].scores]
    assert top == pytest.approx(max(one for one in chosen if one is not None), abs=1e-4)


def test_it_repeats_itself_and_is_kept(run: Path) -> None:
    first = measure_units(run, root=run, labels=60, positives="3", against=[run])
    keep_units(first)
    kept = json.loads(RunDirectory(run).units_file.read_bytes())
    assert kept["positives"] == ["3"]
    assert kept["rows"][0]["scores"][0]["unit"] == first.rows[0].scores[0].unit
    other = next(row for row in first.rows if row.kind == "run")
    assert (other.name, other.behind, other.accuracy) == (str(run), 0, first.rows[0].accuracy)
    assert measure_units(run, root=run, labels=60, positives="3", against=[run]) == first
    assert measure_units(run, root=run, labels=60, positives="3", label_seed=1) != first


def draw(folder: Path, *, bright: bool, people: int = 12, each: int = 4) -> str:
    """Write pictures of people, a folder each; those of `bright` have a bright left half."""
    rng = np.random.default_rng(int(bright))
    for person in range(people):
        for picture in range(each):
            pixels = rng.integers(0, 120, (8, 8), dtype=np.uint8)
            if bright:
                pixels[:, :4] += 130
            path = folder / f"p{person}" / f"{picture}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return str(folder)


def test_positives_against_distractors_are_halved_by_person(trained: Path, tmp_path: Path) -> None:
    faces, scenes = (draw(tmp_path / name, bright=name == "a") for name in "ab")
    result = measure_units(trained, root=trained, positives=faces, distractors=scenes)
    # The people of one name in the two sources are two: 6 of 12 of each are scored.
    assert (result.split, result.groups, result.positives) == ("given", 12, (faces,))
    assert result.chosen_on == result.scored_on == 48
    assert result.rows[0].accuracy > 0.8
    assert result.seen == 0
    assert result.note is None
    few = measure_units(trained, root=trained, source="digits", positives="1", labels=20)
    banks = {row.kind: row.candidates for row in few.rows}
    assert banks["templates"] == 42  # twenty, and what the run learned from


def test_a_folder_of_classes_is_halved_and_one_with_splits_is_not(
    trained: Path, tmp_path: Path
) -> None:
    for name in "ab":
        draw(tmp_path / "whole" / name, bright=name == "a", people=1, each=10)
    whole = str(tmp_path / "whole")
    result = measure_units(trained, root=trained, source=whole, positives="a")
    assert (result.chosen_on, result.scored_on, result.groups) == (10, 10, None)
    given = measure_units(trained, root=trained, source="digits", labels=40, positives="0")
    assert (given.chosen_on, given.scored_on) == (40, 500)
    again = measure_units(trained, root=trained, source="digits:train", labels=40, positives="0")
    assert again.seen is not None
    assert again.seen > 0
    assert "are among the training images of the run; it saw them without" in str(again.note)
    one = tmp_path / "whole" / "b" / "p0"
    for path in sorted(one.iterdir())[1:]:
        path.unlink()
    with pytest.raises(DataError, match="no image but those of 'a' among the 6 images to score on"):
        measure_units(trained, root=trained, source=whole)


def test_what_cannot_be_compared_is_refused(
    trained: Path, tmp_path: Path, tiny: Callable[..., Recipe]
) -> None:
    with pytest.raises(UsageError, match=r"digits has no class 'cat'.*--distractors"):
        measure_units(trained, root=trained, positives="cat")
    with pytest.raises(UsageError, match="--distractors SRC goes with --positives SRC"):
        measure_units(trained, root=trained, distractors="digits")
    bare = tmp_path / "bare.npy"
    np.save(bare, np.random.default_rng(0).random((30, 8, 8), np.float32))
    with pytest.raises(DataError, match="has no labels"):
        measure_units(trained, root=trained, source=str(bare))
    recipe = tiny(data={"source": str(bare), "limit": None})
    pretrain(recipe, out=tmp_path / "other", root=tmp_path)
    with pytest.raises(DataError, match="has no labels; name labelled images to find"):
        measure_units(tmp_path / "other", root=tmp_path)
    with pytest.raises(CheckpointError, match="set other images apart for its test"):
        measure_units(trained, root=trained, against=[tmp_path / "other"])
    small = tiny(data={"size": [7, 7], "fit": "crop"})
    pretrain(small, out=tmp_path / "small", root=tmp_path)
    with pytest.raises(ShapeError, match="takes 1 map of 7x7, but the run 1 map of 8x8"):
        measure_units(trained, root=trained, source="digits", against=[tmp_path / "small"])


def test_images_that_another_run_learned_from_are_counted(
    trained: Path, tmp_path: Path, tiny: Callable[..., Recipe]
) -> None:
    draw(tmp_path / "pictures" / "a", bright=True, people=1, each=10)
    draw(tmp_path / "pictures" / "b", bright=False, people=1, each=10)
    source = str(tmp_path / "pictures")
    recipe = tiny(data={"source": source, "limit": None, "test": 0.2})
    pretrain(recipe, out=tmp_path / "other", root=tmp_path)
    result = measure_units(
        trained, root=trained, source=source, positives="a", against=[tmp_path / "other"]
    )
    assert result.seen == 0
    luck, number, rest = re.split(r"; (\d+) ", str(result.note), maxsplit=1)
    assert luck.startswith("chance alone may explain the choice: the best of ")
    assert "on 10 images may be right about up to 100.00 % of them" in luck
    assert 6 <= int(number) <= 10  # four of all twenty are set apart
    assert rest == (
        "of the 10 images that units are scored on are among the training images of "
        f"{tmp_path / 'other'}; it saw them without labels"
    )


def test_training_images_that_are_gone_are_not_needed(
    tmp_path: Path, tiny: Callable[..., Recipe]
) -> None:
    bare = tmp_path / "bare.npy"
    np.save(bare, np.random.default_rng(0).random((40, 8, 8), np.float32))
    recipe = tiny(data={"source": str(bare), "limit": None})
    pretrain(recipe, out=tmp_path / "run", root=tmp_path)
    bare.unlink()
    result = measure_units(
        tmp_path / "run", root=tmp_path, source="digits", labels=30, positives="0"
    )
    assert result.seen is None
    assert "are not at hand" in str(result.note)


def test_one_image_of_a_class_is_no_test(trained: Path, tmp_path: Path) -> None:
    for name in "ab":
        draw(tmp_path / name, bright=name == "a", people=1, each=2)
    with pytest.raises(
        DataError,
        match=r"has 1 of 'a' and 1 other among the 2 images to choose on; .* takes 2 of either",
    ):
        measure_units(trained, root=trained, source=str(tmp_path))


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ([1, 1, 0, 0], None),
        ([1, 0, 0, 0], "b is 25.00 % of the images that units are chosen on and 50.00 % of those"),
    ],
)
def test_classes_that_are_unlike_often_are_named(chosen: list[int], said: str | None) -> None:
    images = ImageSet(np.zeros((4, 1, 2, 2), np.float32), None, (), None, "some")
    subject = Subject(
        source="some",
        split="given",
        chosen_on=images,
        chosen_labels=np.array(chosen),
        scored_on=images,
        scored_labels=np.array([0, 1, 0, 1]),
        groups=None,
        classes=("a", "b"),
        wanted=(1,),
    )
    found = unlike(subject)
    assert (found is None) == (said is None)
    assert str(found).startswith(str(said))


@pytest.mark.parametrize(("chosen", "luck"), [(0.9, True), (0.875, True), (0.95, False)])
def test_a_choice_that_chance_explains_is_said_to_be_one(chosen: float, luck: bool) -> None:
    score = UnitScore(
        positive="face",
        accuracy=0.5,
        interval=(0.4, 0.6),
        chosen_accuracy=chosen,
        chance_accuracy=0.9,
    )
    best = Method("network", "best unit", np.zeros((4, 1), np.bool_), (score,), 22761)
    said = lucky(best, images=24)
    assert (said is not None) == luck
    if luck:
        assert "the best of 22\u202f761 units on 24 images may be right about up to 90.00 %" in str(
            said
        )
    several = best._replace(scores=(score, msgspec.structs.replace(score, chosen_accuracy=0.99)))
    assert ("for 1 of 2 classes (face)" in str(lucky(several, images=24))) == luck
