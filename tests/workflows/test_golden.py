"""Loss curves of small runs, step by step, as they were when they were last looked at.

A change of these figures is a change of what users get from the same recipe. If it is
meant, write them anew and say why: `python tests/workflows/test_golden.py`.
"""

import json
import tempfile
from pathlib import Path

import pytest

from featlearn.config.load import load_recipe
from featlearn.training.progress import Silent, StepReport
from featlearn.workflows.finetune import finetune
from featlearn.workflows.pretrain import pretrain

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SCHEDULES = ("greedy", "joint", "greedy-then-joint")
Curves = dict[str, list[float]]


class Curve(Silent):
    """Keeps the loss of every step, and every held-out loss."""

    def __init__(self) -> None:
        self.losses: Curves = {}

    def step(self, report: StepReport) -> None:
        self.losses.setdefault(report.phase, []).append(report.loss)
        if report.held_out is not None:
            self.losses.setdefault(f"{report.phase}, held out", []).append(report.held_out["loss"])


def curves(schedule: str, folder: Path) -> Curves:
    """Train with and then without labels, and give all losses by phase."""
    recipe = load_recipe(GOLDEN / "recipe.toml", overrides=[f'pretrain.schedule="{schedule}"'])
    told = Curve()
    pretrain(recipe, out=folder / "run", device="cpu", progress=told)
    finetune(folder / "run", labels=64, device="cpu", progress=told)
    return told.losses


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_losses_are_those_that_were_looked_at(schedule: str, tmp_path: Path) -> None:
    expected: Curves = json.loads((GOLDEN / f"{schedule}.json").read_text())
    found = curves(schedule, tmp_path)
    assert found.keys() == expected.keys()
    for phase, losses in expected.items():
        assert found[phase] == pytest.approx(losses, rel=1e-3), phase


def write() -> None:
    """Write all curves anew."""
    for schedule in SCHEDULES:
        with tempfile.TemporaryDirectory() as folder:
            found = curves(schedule, Path(folder))
        lines = [
            f'  "{phase}": {[float(f"{loss:.6g}") for loss in losses]}'
            for phase, losses in found.items()
        ]
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        (GOLDEN / f"{schedule}.json").write_text(text)


if __name__ == "__main__":
    write()
