"""The pages in docs/: what they print, what they link to, and what they say of own stages."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.load import load_recipe
from featlearn.errors import UsageError
from featlearn.evaluate.health import stack_health
from featlearn.evaluate.projection import central_units, project_units
from featlearn.geometry import MapShape
from featlearn.heads.classifier import Classifier
from featlearn.heads.store import save_classifier
from featlearn.networks.stack import Stack
from featlearn.networks.store import save_stack
from featlearn.stages.stage import Stage
from featlearn.training.progress import Silent, StepReport
from featlearn.visualize.filters import filter_pictures
from featlearn.workflows.pretrain import pretrain

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
LINKS = [
    (page, target)
    for page in PAGES
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8"))
]
RunPage = Callable[..., list[Any]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tutorial", "own-objectives", "locally-connected"])
def test_a_page_runs_and_prints_what_it_quotes(run_page: RunPage, name: str) -> None:
    blocks = run_page(DOCS / f"{name}.md")
    assert len(blocks) > 4
    for block in blocks:
        block.check()


def anchors(page: Path) -> set[str]:
    """List the anchors that a code host makes of headings."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    kept = ("".join(c for c in text.lower() if c.isalnum() or c in " -_") for text in headings)
    return {text.replace(" ", "-") for text in kept}


@pytest.mark.parametrize(("page", "target"), LINKS, ids=lambda value: getattr(value, "name", value))
def test_what_a_page_links_to_exists(page: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    assert file.exists()
    assert not anchor or anchor in anchors(file)


def test_pictures_are_few_small_and_shown() -> None:
    pictures = sorted((DOCS / "pictures").iterdir())
    assert sum(picture.stat().st_size for picture in pictures) < 500_000
    shown = {target for _, target in LINKS}
    assert {f"pictures/{picture.name}" for picture in pictures} <= shown


class Halved(Stage):
    """A stage of one's own: half of what an ordinary one gives."""

    def code(self, x: Tensor) -> Tensor:
        return super().code(x) / 2


def own_stack() -> tuple[Stack, Any]:
    recipe = load_recipe("dense", overrides=["stages.features.filter.maps=9"])
    draw = torch.Generator().manual_seed(0)
    stage = Halved(recipe.stages[0], MapShape(1, 8, 8), generator=draw)
    return Stack(MapShape(1, 8, 8), [], [stage]).eval(), recipe


def test_what_is_said_to_take_an_own_stage_takes_it() -> None:
    stack, _ = own_stack()
    stage, images = stack.stage(0), torch.rand(20, 1, 8, 8)
    (health,) = stack_health(stack, [images])
    assert health.explained_variance is not None
    assert project_units(stack, 0, central_units(stage)).shape == (9, 1, 8, 8)
    assert len(filter_pictures(stage)) == 1
    assert stack.encode(images).max() <= 0.5


def test_an_own_stage_is_not_written_as_an_ordinary_one(tmp_path: Path) -> None:
    stack, recipe = own_stack()
    with pytest.raises(UsageError, match=r"stage 'features' is a Halved.*build your classes again"):
        save_stack(tmp_path / "own.safetensors", stack, recipe)
    head = Classifier(stack, recipe.finetune.head, classes=2, freeze=0, seed=0)
    with pytest.raises(UsageError, match=r"stage 'features' is a Halved"):
        save_classifier(tmp_path / "own.safetensors", head, recipe, ("one", "two"))
    assert not list(tmp_path.iterdir())


class Slope:
    """An objective that differentiates, held-out images too."""

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            (slope,) = torch.autograd.grad(stage.code(x).sum(), x, create_graph=True)
        return {"slope": slope.square().sum() / len(x)}

    def after_step(self, stage: Stage) -> None: ...


class Heard(Silent):
    def __init__(self) -> None:
        self.names: set[str] = set()

    def step(self, report: StepReport) -> None:
        self.names |= report.terms.keys()


def test_an_objective_may_differentiate_and_be_one_of_joint_ones(
    tmp_path: Path, tiny: Callable[..., Any]
) -> None:
    heard = Heard()
    recipe = tiny(pretrain={"schedule": "joint"})
    own = {"parts": Slope()}
    result = pretrain(recipe, out=tmp_path / "run", root=tmp_path, objectives=own, progress=heard)
    assert heard.names == {"edges.reconstruction", "parts.slope"}
    assert "parts.slope" in (result.phases[0].held_out or {})
