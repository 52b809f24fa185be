"""The study of MNIST's table from end to end, on 8 x 8 digits and a network of a second."""

import json
from pathlib import Path

import pytest

from featlearn.baselines import boosted
from featlearn.studies.mnist_table import study
from featlearn.studies.mnist_table.published import BUDGETS, TABLE, Published
from featlearn.studies.mnist_table.results import markdown, met
from featlearn.studies.mnist_table.study import mnist_table
from featlearn.workflows import baselines as workflow

TINY = """\
title = "Tiny"
[data]
source = "digits"
limit  = 100
[[stages]]
name      = "strokes"
filter    = { kind = "dense", maps = 20 }
objective = { kind = "denoising", corruption = { kind = "mask" } }
[pretrain]
epochs = 1
batch  = 25
[finetune]
epochs = 8
batch  = 25
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY)
    table = (TABLE[0], TABLE[4], TABLE[5], Published("net", 0.6, recipe=str(recipe)))
    monkeypatch.setattr(study, "TABLE", table)
    monkeypatch.setattr(study, "SOURCE", "digits")
    monkeypatch.setitem(
        boosted.KINDS, "haar-products", boosted.KINDS["haar-products"]._replace(rounds=50)
    )
    return tmp_path / "out"


def test_every_row_is_measured_and_kept(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = mnist_table(small, device="cpu", threads=1, budgets={})
    assert [row.method for row in result.rows][::3] == ["linear", "net"]
    assert result.images == 500
    assert all(row.interval[0] <= row.error <= row.interval[1] for row in result.rows)
    assert all(row.fit_seconds > 0 and row.predict_seconds > 0 for row in result.rows)
    assert result.rows[0].met
    assert not result.rows[3].met
    assert all(Path(file).is_file() for file in result.figures)
    page = (small / "README.md").read_text(encoding="utf-8")
    assert page == markdown(result)
    assert page.count("| net | 0.6 | ") == 1
    assert "(falls short)" in page
    written = json.loads((small / "results.json").read_text())
    assert [row["error"] for row in written["rows"]] == [row.error for row in result.rows]

    def refused(*_: object) -> None:
        raise AssertionError("a finished row was fitted again")

    monkeypatch.setattr(workflow, "fit_row", refused)
    again = mnist_table(small, device="cpu", threads=1, budgets={})
    assert [row.error for row in again.rows] == [row.error for row in result.rows]


def test_the_table_is_the_published_one() -> None:
    assert [row.error for row in TABLE] == [12.0, 7.7, 1.3, 1.5, 0.9, 5.0, 1.4, 1.6, 1.0, 0.6]
    assert all((row.baseline is None) != (row.recipe is None) for row in TABLE)
    assert set(BUDGETS) <= {row.baseline for row in TABLE}


@pytest.mark.parametrize(
    ("error", "expected"), [(0.0134, True), (0.01351, False), (0.013, True), (0.02, False)]
)
def test_an_error_is_met_as_it_is_rounded(error: float, expected: bool) -> None:
    assert met(error, Published("", 1.3)) is expected
