"""The page of objectives: every kind has its row, measured by formulas that can be checked."""

import runpy
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image

from featlearn.config.objectives import ObjectiveSpec
from featlearn.datasets.imageset import ImageSet
from featlearn.training.pictures import Pictures

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
PAGE = SCRIPTS.parent / "docs" / "objectives.md"


@pytest.fixture(scope="module")
def parts() -> dict[str, dict[str, Any]]:
    """Give the names of the scripts, as they are imported by one another."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(SCRIPTS))
        names = ("methods", "measure", "draw", "page")
        return {name: runpy.run_path(str(SCRIPTS / f"objectives_{name}.py")) for name in names}


@pytest.mark.parametrize("topic", ["edges", "strokes"])
def test_every_kind_of_objective_learns_as_many_units(
    parts: dict[str, dict[str, Any]], topic: str
) -> None:
    methods = parts["methods"]
    recipes = [methods["recipe_of"](name, topic) for name in methods["METHODS"]]
    kinds = {type(recipe.stages[0].objective) for recipe in recipes}
    assert kinds == set(get_args(ObjectiveSpec))
    assert {recipe.stages[0].filter.maps for recipe in recipes} == {methods["UNITS"][topic]}
    assert len({(recipe.data, recipe.seed) for recipe in recipes}) == 1


def images_of(rows: np.ndarray) -> Pictures:
    """Take rows of nine numbers as images."""
    return Pictures(
        ImageSet(rows.reshape(-1, 1, 3, 3), None, (), None, "rows"), torch.device("cpu")
    )


def test_of_principal_components_the_largest_are_what_is_explained(
    parts: dict[str, dict[str, Any]],
) -> None:
    """Codes of orthonormal directions rebuild what they hold, whatever their scale and offset."""
    measure, draw = parts["measure"], np.random.default_rng(0)
    turn = np.linalg.qr(draw.normal(size=(9, 9)))[0]
    sources = draw.laplace(size=(4000, 9))
    rows = (sources @ turn.T).astype(np.float32)
    images = measure["Images"](images_of(rows[:3000]), images_of(rows[3000:]), None, None)
    scale = np.linspace(0.1, 5, 9)
    axes = torch.from_numpy((turn * scale).astype(np.float32))
    found = measure["explained_variance"](
        lambda some: some.flatten(1) @ axes + 3.0, measure["pixels"], images, 1 / scale
    )
    judged = sources[3000:]
    largest = np.sort(np.abs(judged), axis=1)[:, ::-1]
    assert found[5] == pytest.approx(
        np.square(largest[:, :5]).sum() / np.square(judged).sum(), abs=0.01
    )
    assert found[10] == pytest.approx(1, abs=1e-4)  # there are nine


def test_codes_count_by_what_they_add(parts: dict[str, dict[str, Any]]) -> None:
    kept = parts["measure"]["kept"]
    codes = np.array([[1.0, -2.0, 0.5], [0.0, 0.1, -3.0]])
    np.testing.assert_equal(kept(codes, np.array([3.0, 1.0, 1.0]), 1), [[1, 0, 0], [0, 0, -3]])
    np.testing.assert_equal(kept(codes, np.ones(3), 7), codes)


def test_parts_are_written_between_their_markers(parts: dict[str, dict[str, Any]]) -> None:
    written = parts["page"]["written"]
    page = "a\n<!-- x: written by scripts/objectives_page.py -->\nold\n<!-- end of x -->\nb\n"
    once = written(page, {"x": "new"})
    assert "old" not in once
    assert once.startswith("a\n<!-- x:")
    assert once.endswith("-->\n\nnew\n\n<!-- end of x -->\nb\n")
    assert written(once, {"x": "new"}) == once
    with pytest.raises(ValueError, match="no part 'y'"):
        written(page, {"y": "new"})


def test_a_picture_has_a_panel_for_each_network(parts: dict[str, dict[str, Any]]) -> None:
    patterns = {name: np.random.default_rng(0).normal(size=(140, 16, 16)) for name in "abc"}
    with Image.open(BytesIO(parts["draw"]["sheet"](patterns, "edges"))) as picture:
        assert picture.size == (2 * (14 * 17 - 1) * 2 + 36, 2 * ((4 * 17 - 1) * 2 + 31))


def test_the_page_has_the_settings_that_the_script_has(parts: dict[str, dict[str, Any]]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert parts["draw"]["settings_table"]() in text
    tables = text.split("<!-- edges:")[1], text.split("<!-- strokes:")[1]
    for method in parts["methods"]["METHODS"].values():
        for table in tables:
            assert f"| {method.label} |" in table
    pictures = list(PAGE.parent.glob("objectives-*.png"))
    assert sum(picture.stat().st_size for picture in pictures) < 400_000


@pytest.mark.slow
@pytest.mark.data("natural-olshausen-field")
@pytest.mark.data("mnist")
def test_a_short_trial_writes_a_page_and_goes_on(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    words = ["--out", str(tmp_path / "runs"), "--page", str(page), "--only", "isa"]
    words += ["--epochs", "1", "--images", "400", "--draws", "2", "--labels", "20"]
    command = [sys.executable, str(SCRIPTS / "objectives_page.py"), *words]
    first = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-1] == str(page)
    text = page.read_text(encoding="utf-8")
    assert text.count("| ISA |") == 3
    assert text.count("| top-k |") == 1  # its settings
    assert {file.name for file in tmp_path.iterdir()} == {
        "runs",
        "page.md",
        "page-edges.png",
        "page-strokes.png",
    }
    again = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert again.stdout.splitlines() == [str(page)]  # nothing is trained or measured anew
    assert page.read_text(encoding="utf-8") == text
    wrong = subprocess.run(
        [*command, "--draws", "1"], check=False, capture_output=True, text=True, timeout=300
    )
    assert wrong.returncode == 2
    assert "--draws must be at least 2, for an interval; got 1" in wrong.stderr
