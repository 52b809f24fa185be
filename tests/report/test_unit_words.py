"""What the first screen says of single units: praise only where it is due."""

from typing import Any

import msgspec
import pytest

from featlearn.report.unit_records import MethodRecord, UnitTestRecord
from featlearn.report.unit_words import doubt_words, found_words


def score(positive: str, accuracy: float, *, unit: str = "7", low: float = 0.01) -> dict[str, Any]:
    return {
        "positive": positive,
        "accuracy": accuracy,
        "interval": [accuracy - low, accuracy + 0.01],
        "stage": "s",
        "unit": unit,
    }


def row(kind: str, name: str, scores: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    mean = sum(each["accuracy"] for each in scores) / len(scores)
    return {
        "kind": kind, "name": name, "candidates": 9, "accuracy": mean,
        "interval": [mean - 0.01, mean + 0.01], "auc": None, "behind": 0.1,
        "behind_interval": [0.05, 0.15], "scores": scores, **more,
    }  # fmt: skip


def record(best: list[dict[str, Any]], guess: float, **controls: float) -> UnitTestRecord:
    names = [each["positive"] for each in best]
    rows = [row("network", "best unit", best)]
    for kind, accuracy in controls.items():
        own = [score(name, accuracy) for name in names]
        rows.append(row(kind.replace("_", "-"), kind, own))
    rows.append(row("majority", "majority guess", [score(name, guess) for name in names]))
    given = {
        "source": "set", "split": "test", "chosen_on": 100, "scored_on": 600, "thresholds": 20,
        "positives": names, "rows": rows,
    }  # fmt: skip
    return msgspec.convert(given, UnitTestRecord)


def said(given: UnitTestRecord) -> str:
    return found_words(given).replace("\u00a0", " ")


def test_two_classes_told_by_one_unit_are_one_question() -> None:
    best = [score("face", 0.918), score("no face", 0.918)]
    assert said(record(best, 0.648, random_weights=0.702, statistics=0.6)) == (
        "A single unit, s 7, tells face from no face with an accuracy of 91.8 % (guessing 64.8 %). "
        "The best of the controls, random weights, reaches 70.2 %."
    )
    apart = [score("face", 0.918), score("no face", 0.9, unit="8")]
    assert said(record(apart, 0.648)).startswith("Single units tell face by s 7")


def test_the_furthest_ahead_of_guessing_are_named_and_no_unit_is_praised_for_guessing() -> None:
    best = [score("a", 0.905, low=0.02), score("b", 0.95), score("c", 0.99), score("d", 0.97)]
    assert said(record([*best, score("e", 0.94)], 0.9, templates=0.96)) == (
        "Single units tell c by s 7 with 99.0 % (guessing 90.0 %), d by s 7 with 97.0 % (guessing "
        "90.0 %), b by s 7 with 95.0 % (guessing 90.0 %) and 1 more class. The unit chosen for a "
        "is not clearly better than guessing (90.5 % against 90.0 %). On average over 5 classes "
        "they reach 95.1 %, and the best of the controls, the best linear filter, 96.0 %."
    )


def test_where_nothing_is_told_nothing_is_praised() -> None:
    names = "abcde"
    assert said(record([score(name, 0.9, low=0.0) for name in names], 0.9)) == (
        "The units chosen for a (90.0 % against 90.0 %), b (90.0 % against 90.0 %), c (90.0 % "
        "against 90.0 %) and 2 more classes are not clearly better than guessing."
    )


def test_a_unit_above_guessing_within_its_interval_is_not_called_no_better() -> None:
    best = [score("1", 0.922, low=0.024), score("0", 0.99), score("7", 0.978)]
    words = said(record(best, 0.898))
    assert "The unit chosen for 1 is not clearly better than guessing (92.2 % against 89.8 %)." in (
        words
    )
    assert "No single unit" not in words


def guessed(given: UnitTestRecord, low: float) -> UnitTestRecord:
    rows = [
        msgspec.structs.replace(each, behind_interval=(low, 0.2))
        if each.kind == "majority"
        else each
        for each in given.rows
    ]
    return msgspec.structs.replace(given, rows=rows)


@pytest.mark.parametrize("names", [["face"], ["face", "no face"]])
def test_of_one_question_the_difference_from_guessing_is_taken_in_pairs(names: list[str]) -> None:
    wide = record([score(name, 0.7, low=0.1) for name in names], 0.65)
    assert said(guessed(wide, 0.01)).startswith("A single unit, s 7, tells face")
    narrow = record([score(name, 0.7) for name in names], 0.65)
    assert said(guessed(narrow, 0.0)) == (
        f"The unit chosen to tell {' from '.join(names)}, s 7, is not clearly better than guessing "
        "(70.0 % against 65.0 %)."
    )


def staged(names: list[str], *, best: str, behind: tuple[float, float]) -> UnitTestRecord:
    """Three stages, of which `best` has the best unit, and the others one that is behind."""
    given = record([{**score(name, 0.92), "stage": best} for name in names], 0.65)
    rows = [
        row(
            "stage",
            stage,
            [{**score(name, 0.88, unit="23"), "stage": stage} for name in names],
            behind_interval=(0, 0) if stage == best else behind,
        )
        for stage in ("edges", "forms", "wholes")
    ]
    more = msgspec.convert(rows, list[MethodRecord])
    return msgspec.structs.replace(given, rows=[given.rows[0], *more, *given.rows[1:]])


def test_the_best_of_the_last_stage_is_named_beside_a_better_one_of_a_lower() -> None:
    lower = staged(["face", "no face"], best="forms", behind=(0.02, 0.06))
    assert said(lower) == (
        "A single unit, forms 7, tells face from no face with an accuracy of 92.0 % (guessing "
        "65.0 %). The best of the last stage, wholes 23, reaches 88.0 %."
    )
    assert doubt_words(lower) == (
        "In this test the last stage, wholes, does not help: the best unit of forms is clearly "
        "ahead of its best."
    )


@pytest.mark.parametrize(
    ("names", "best", "named", "doubted"),
    [
        (["face"], "wholes", False, False),
        (["face"], "forms", True, False),  # ahead, but not clearly
        (["a", "b", "c"], "forms", False, False),  # of each class another unit may be best
    ],
)
def test_the_last_stage_is_spared_where_it_is_best_or_nearly(
    names: list[str], best: str, named: bool, doubted: bool
) -> None:
    given = staged(names, best=best, behind=(-0.01, 0.06))
    assert ("The best of the last stage" in said(given)) == named
    assert bool(doubt_words(given)) == doubted


@pytest.mark.parametrize(("low", "doubted"), [(0.01, False), (0.0, True), (-0.01, True)])
def test_controls_that_do_as_well_are_doubted(low: float, doubted: bool) -> None:
    given = record([score("a", 0.9)], 0.6, k_means=0.8, random_weights=0.8)
    rows = [
        msgspec.structs.replace(each, behind_interval=(low, 0.2))
        if each.kind in {"k-means", "random-weights"}
        else each
        for each in given.rows
    ]
    words = doubt_words(msgspec.structs.replace(given, rows=rows))
    assert words == (
        "Single units are not clearly ahead of k-means templates or random weights."
        if doubted
        else ""
    )
