"""`evaluate --gabor`: fits to a run's filters, kept in it, drawn, and shown in its report."""

import json
from pathlib import Path

import msgspec
import pytest

from featlearn.config.components import RicaSpec
from featlearn.errors import CheckpointError, ShapeError
from featlearn.networks.store import load_stack
from featlearn.report.gabor import GaborRecord, gabor_views
from featlearn.report.run import run_view
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.gabor import GaborResult, _untrained, gabor, keep_gabor
from featlearn.workflows.visualize import visualize


def test_filters_that_are_large_enough_are_fitted(trained: Path) -> None:
    result = gabor(trained)
    (stage,) = result.stages
    assert (stage.stage, stage.height, stage.width) == ("parts", 8, 8)
    assert stage.filters == stage.among == 6
    assert [control.filters for control in stage.controls] == [6, 6]
    assert list(result.left_out) == ["edges"]
    assert "see 3x3 pixels" in result.left_out["edges"]
    assert gabor(trained) == result


def test_the_control_differs_in_its_filters_alone(trained: Path) -> None:
    stack, recipe, _ = load_stack(trained)
    fresh = _untrained(recipe, stack, seed=3)
    for index in range(len(stack)):
        scaler, other = stack.stage(index).scaler, fresh.stage(index).scaler
        for name, numbers in scaler.state_dict().items():
            assert numbers.equal(other.state_dict()[name])
        assert not stack.stage(index).filter.weight.equal(fresh.stage(index).filter.weight)


def test_the_control_is_under_the_same_constraints(trained: Path) -> None:
    stack, recipe, _ = load_stack(trained)
    changed = recipe.stages[1], {"activation": "identity", "objective": RicaSpec(), "pool": None}
    stage = msgspec.structs.replace(changed[0], **changed[1])
    recipe = msgspec.structs.replace(recipe, stages=(recipe.stages[0], stage))
    rows = _untrained(recipe, stack, seed=3).stage(1).filter.weight.flatten(1).norm(dim=1)
    assert rows.allclose(rows[:1].expand(len(rows)))


def test_figures_are_kept_and_shown(run: Path) -> None:
    def view() -> list[str]:
        folder = RunDirectory(run)
        shown = run_view("k", folder, name="run", root=run, device="cpu", most=10)
        return [found.stage for found in shown.gabors]

    assert view() == []
    result = gabor(run)
    keep_gabor(result)
    kept = json.loads(RunDirectory(run).gabor_file.read_bytes())
    assert msgspec.convert(kept, GaborResult) == result
    assert view() == ["parts"]
    (found,) = gabor_views("k", msgspec.convert(kept, GaborRecord))
    assert found.facts[0].value.endswith("\u00a0%")
    assert found.chart.table is not None
    assert len(found.chart.table.rows) == 6
    kept["stages"][0]["fits"].pop()
    RunDirectory(run).gabor_file.write_text(json.dumps(kept))
    with pytest.raises(CheckpointError, match=r"gabor\.json is damaged"):
        view()


def test_fits_are_drawn(trained: Path, tmp_path: Path) -> None:
    drawn = visualize(trained, out=tmp_path, root=trained, what=["gabor"]).files
    names = [Path(file).name for file in drawn]
    assert names == ["parts-gabor.png", "parts-gabor-plots.png"]
    with pytest.raises(ShapeError, match="filters of stage 'edges' see 3x3"):
        visualize(trained, out=tmp_path, root=trained, what=["gabor"], stage="edges")
