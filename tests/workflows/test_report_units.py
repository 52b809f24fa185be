"""`report`: single units are tested where that costs little, as `evaluate --units` does it."""

import os
import shutil
from pathlib import Path

import pytest

from featlearn.training.progress import Silent
from featlearn.workflows import report_units
from featlearn.workflows.report import report
from featlearn.workflows.report_units import units_of_runs
from featlearn.workflows.unit_cost import TooLongError
from featlearn.workflows.unit_test import keep_units, measure_units


class Noted(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def run(dense_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(dense_run, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return Path("run")


def page_of(run: Path, *, units: bool = True) -> str:
    return Path(report([run], root=run, units=units).report).read_text(encoding="utf-8")


def test_the_figures_and_the_page_are_those_of_evaluate(run: Path) -> None:
    result = report([run], root=run)
    kept, page = (run / "units.json").read_bytes(), Path(result.report).read_bytes()
    (run / "units.json").unlink()
    keep_units(measure_units(run, root=run))
    assert (run / "units.json").read_bytes() == kept
    again = report([run], root=run)
    assert Path(again.report).read_bytes() == page
    text = page.decode()
    assert "The best of the controls" in text or "the best of the controls" in text
    assert "were not tested" not in text


def test_it_can_be_left_out(run: Path) -> None:
    text = page_of(run, units=False)
    assert not (run / "units.json").exists()
    assert "<code>featlearn evaluate run --units</code>" in text
    assert "Nothing it learned was compared with random weights" in text


def test_too_many_operations_are_left_to_the_user(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_units, "MOST_OPERATIONS", 1e6)
    noted = Noted()
    told = units_of_runs([run], root=run, progress=noted)
    assert "operations, more than a report does unasked" in told[run]
    assert noted.notes[-1] == f"run: single units are not tested: {told[run]}"
    assert "operations, more than a report does unasked): <code>featlearn" in page_of(run)
    assert not (run / "units.json").exists()


def test_what_is_allowed_is_a_count_of_operations(run: Path) -> None:
    with pytest.raises(TooLongError, match=r"about [1-9]e\d operations") as caught:
        measure_units(run, root=run, most=0)
    needed = caught.value.operations
    # Of each of 2 x 100 + 500 images: two networks, a filter for each of 8 units; and probes.
    assert 700 * 8 * (4 * 64 + 2 * 64) < needed < 1e9
    assert measure_units(run, root=run, most=needed) == measure_units(run, root=run)


def test_a_run_that_takes_no_figures_is_shown_without(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert units_of_runs([run], root=run) == {run: "figures cannot be written into the run"}
