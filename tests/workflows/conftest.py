"""Progress that stops a training where a test wants it to, and a run to work with."""

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.evaluate.ascent import Search
from featlearn.report import evidence
from featlearn.training.progress import Progress, Silent, StepReport


class Crash(BaseException):
    """What no code catches, as no code catches SIGKILL."""


class Stopper(Silent):
    """Ends a training at its n-th step: by a crash, or by the signal that asks politely."""

    def __init__(self, at: int, *, politely: bool = False) -> None:
        self.left = at
        self.politely = politely
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def step(self, report: StepReport) -> None:
        self.left -= 1
        if self.left == 0 and self.politely:
            signal.raise_signal(signal.SIGTERM)
        elif self.left == 0:
            raise Crash


@pytest.fixture
def stopper() -> Callable[..., Progress]:
    """Make a progress that crashes at step `at`, or asks for a stop there."""
    return Stopper


@pytest.fixture
def crash() -> type[BaseException]:
    """Give what a crash raises."""
    return Crash


@pytest.fixture(scope="module")
def few_units() -> Iterator[None]:
    """Let pages show what takes long for one unit of a stage; what is shown is the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "_LEAST", 1)
        patch.setattr(evidence, "_MOST", 1)
        patch.setattr(evidence, "_SEARCH", Search(steps=5, starts=1))
        yield


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Callable[..., Recipe]) -> Path:
    """Train a tiny run once, with a head on 200 labels; nothing may write into it."""
    from featlearn.workflows.finetune import finetune
    from featlearn.workflows.pretrain import pretrain

    path = tmp_path_factory.mktemp("trained") / "run"
    finetuning = {"epochs": 20, "batch": 50}
    recipe = tiny(data={"limit": 400}, preprocess=[{"kind": "contrast"}], finetune=finetuning)
    pretrain(recipe, out=path, root=path)
    finetune(path, root=path, labels=200)
    return path


@pytest.fixture(scope="session")
def dense_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train one small dense stage once; nothing may write into the run."""
    from featlearn.workflows.pretrain import pretrain

    folder = tmp_path_factory.mktemp("dense")
    small = ("pretrain.epochs=1", "stages.features.filter.maps=8", "data.limit=100")
    pretrain(load_recipe("dense", overrides=small), out=folder / "run", root=folder, device="cpu")
    return folder / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """Give a copy of the trained run to a test of its own."""
    path = tmp_path / "run"
    shutil.copytree(trained, path)
    return path
