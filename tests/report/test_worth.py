"""What would measure a run, in words that can be typed."""

from pathlib import Path

import pytest

from featlearn.report.worth import Measurable, call_of, worth


def test_a_run_is_named_as_it_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call_of(Path("runs/faces")) == "runs/faces"
    assert call_of(Path("my runs/a")) == "'my runs/a'"
    assert call_of(tmp_path / "runs" / "faces") == "runs/faces"
    assert call_of(tmp_path.parent / "elsewhere" / "faces") == "faces"


def test_data_without_labels_are_no_reproach() -> None:
    said = worth([], [], Measurable("runs/a", labelled=False))
    assert " ".join(said) == (
        "Not measured. The data have no labels: labelled images of your own, SRC, would tell, with "
        "`featlearn evaluate runs/a SRC --units`."
    )


def test_data_that_cannot_be_read_may_have_labels() -> None:
    said = " ".join(worth([], [], Measurable("a", labelled=None, untested="x is missing")))
    assert "not tested (x is missing): where the data are at hand and have labels" in said
    assert "`featlearn finetune a` does that, where the data have labels, and" in said


def test_several_modalities_have_no_units_to_test() -> None:
    said = " ".join(worth([], [], Measurable("a", several=True)))
    assert said.startswith("Not measured. No head was trained on it: `featlearn finetune a` does")
    assert "--units" not in said
