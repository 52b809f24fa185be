"""Each row on digits that a linear classifier reads with 9 % of errors, with and without budget."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from featlearn.baselines.boosted import fit_boosted
from featlearn.baselines.choosing import Growth, Predict, choose
from featlearn.baselines.rows import NAMES, WORDS, Name, fit_row
from featlearn.baselines.task import Allowance, Examples, Kept, Settings, Task, as_rows
from featlearn.config.data import DataSpec
from featlearn.datasets.imageset import Images, Indices
from featlearn.datasets.source import open_splits

NOWHERE = Kept(None, "")

ROUNDS: dict[Name, int] = {
    "boosted-stumps": 60,
    "boosted-products": 60,
    "haar-stumps": 40,
    "haar-products": 30,
    "boosted-trees": 8,
    "forest": 30,
    "two-layer": 6,
}
"""Enough to tell a classifier that learns from one that does not, in seconds."""


@pytest.fixture(scope="module")
def digits() -> tuple[Task, Examples]:
    splits = open_splits(DataSpec(source="digits"), root=None, seed=0)
    assert splits.test is not None
    assert splits.train.labels is not None
    assert splits.test.labels is not None
    train = Examples(splits.train.images[:600], splits.train.labels[:600])
    test = Examples(splits.test.images, splits.test.labels)
    return Task(train, 10, len(test), seed=0, threads=1), test


@pytest.mark.parametrize("name", NAMES)
def test_each_row_learns_and_says_from_what(name: Name, digits: tuple[Task, Examples]) -> None:
    task, test = digits
    task = task._replace(rounds=ROUNDS.get(name))
    fitted = fit_row(name, task, Allowance(None), NOWHERE)
    error = np.mean(fitted.predict(test.images) != test.labels)
    assert error < 0.3, WORDS[name]
    assert fitted.samples == 600
    assert fitted.rounds == fitted.wanted == ROUNDS.get(name)
    assert fitted.seconds > 0
    if fitted.choice is not None:
        assert fitted.choice.learned + fitted.choice.validated == 600
        assert 0 <= fitted.choice.error < 0.3


@pytest.mark.parametrize("name", ["linear", "neighbours", "haar-products", "forest", "two-layer"])
def test_the_same_seed_gives_the_same_answers(name: Name, digits: tuple[Task, Examples]) -> None:
    task, test = digits
    task = task._replace(rounds=min(ROUNDS.get(name, 3), 5))
    first, second = (
        fit_row(name, task, Allowance(None), NOWHERE).predict(test.images) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", NAMES)
def test_a_budget_that_is_spent_cuts_and_says_so(name: Name, digits: tuple[Task, Examples]) -> None:
    task, test = digits
    fitted = fit_row(name, task, Allowance(1e-3), NOWHERE)
    assert fitted.predict(test.images).shape == test.labels.shape
    if name in {"linear", "neighbours", "svm"}:
        assert fitted.samples < 600
        assert fitted.rounds is None
    else:
        assert fitted.rounds is not None
        assert fitted.wanted is not None
        assert fitted.rounds < fitted.wanted
        assert fitted.samples == 600


def test_boosting_goes_on_from_what_is_saved(tmp_path: Path, digits: tuple[Task, Examples]) -> None:
    from featlearn.baselines.boosted import KINDS

    task, test = digits
    kind = KINDS["haar-products"]
    kept = Kept(tmp_path / "rounds", "")
    fit_boosted(kind, task._replace(rounds=25), Allowance(None), kept)
    on = fit_boosted(kind, task._replace(rounds=50), Allowance(None), kept)
    whole = fit_boosted(kind, task._replace(rounds=50), Allowance(None), NOWHERE)
    assert on.rounds == 50
    np.testing.assert_array_equal(on.predict(test.images), whole.predict(test.images))
    # A budget counts what was spent before.
    cut = fit_boosted(kind, task._replace(rounds=75), Allowance(1e-3), kept)
    assert (cut.rounds, cut.wanted) == (50, 75)


def test_the_best_on_images_not_learned_from_is_chosen(digits: tuple[Task, Examples]) -> None:
    task, _ = digits
    truth = {image.tobytes(): label for image, label in _pairs(task.train)}

    def fit(settings: Settings, learned: Examples) -> Predict:
        known = {image.tobytes() for image in learned.images}

        def predict(images: Images) -> Indices:
            # Right in a share of the cases, and always where it knows an image.
            right = np.arange(len(images)) % 10 < float(settings["right"])
            cheat = np.array([image.tobytes() in known for image in images])
            labels = np.array([truth[image.tobytes()] for image in images])
            return np.where(right | cheat, labels, (labels + 1) % 10)

        return predict

    settings, choice = choose(fit, [{"right": 5}, {"right": 8}, {"right": 2}], task)
    assert settings == {"right": 8}
    assert choice is not None
    assert (choice.tried, choice.learned, choice.validated) == (3, 480, 120)
    assert choice.error == pytest.approx(0.2)


def _pairs(examples: Examples) -> list[tuple[NDArray[Any], int]]:
    """List images with their labels."""
    return list(zip(examples.images, examples.labels.tolist(), strict=True))


def test_there_is_no_choice_where_every_class_has_one_image(
    digits: tuple[Task, Examples],
) -> None:
    task, _ = digits
    places = np.array([int(np.flatnonzero(task.train.labels == one)[0]) for one in range(10)])
    few = task._replace(train=task.train.some(places))
    fitted = fit_row("neighbours", few, Allowance(None), NOWHERE)
    assert fitted.settings == {"k": 3}
    assert fitted.choice is None


def test_growth_is_a_power() -> None:
    growth = Growth(images=1000, seconds=2.0, power=2.0)
    assert growth.within(8.0) == 2000
    assert growth.within(0.0) == 0


def test_rows_of_pixels_are_in_the_unit_interval() -> None:
    images = np.array([0, 51, 255, 102], np.uint8).reshape(2, 1, 1, 2)
    np.testing.assert_allclose(as_rows(images), [[0, 0.2], [1, 0.4]])
    np.testing.assert_array_equal(as_rows(images.astype(np.float32)), [[0, 51], [255, 102]])


def test_an_allowance_counts_what_was_spent() -> None:
    assert Allowance(None).left == float("inf")
    assert Allowance(5.0, spent=3.0).left == pytest.approx(2.0, abs=0.1)
    assert Allowance(5.0, spent=7.0).left == 0
