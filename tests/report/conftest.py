"""Small finished runs, written without training."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import pytest

from featlearn.config.autoencoding import PlainSpec
from featlearn.config.banks import DenseSpec, LocalSpec
from featlearn.config.data import DataSpec, PreprocessSpec
from featlearn.config.load import dump_recipe
from featlearn.config.pieces import AvgPoolSpec, LCNSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.datasets.source import open_splits
from featlearn.datasets.tensors import as_images
from featlearn.evaluate.ascent import Search
from featlearn.files import sha256, write_json
from featlearn.networks.stack import build_stack
from featlearn.networks.store import save_stack
from featlearn.report import evidence
from featlearn.report.page import build_report
from featlearn.training.rundir import RunDirectory

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CLASSES = ["zero", "one", "<script>alert(1)</script>"]

RECIPE = Recipe(
    title="Strokes <b>of</b> digits",
    shows="What & how it learned",
    data=DataSpec(source="digits", limit=120, hold_out=0.2),
    stages=(
        StageSpec(
            name="strokes",
            filter=LocalSpec(size=3, maps=4),
            pool=AvgPoolSpec(size=2, stride=2),
            norm=LCNSpec(size=3, padding="same"),
            objective=PlainSpec(),
        ),
        StageSpec(name="parts", filter=DenseSpec(maps=7), objective=PlainSpec()),
    ),
)


class MakeRun(Protocol):
    """Writes a run."""

    def __call__(
        self,
        name: str = "run",
        *,
        classes: list[str] | None = None,
        preprocess: tuple[PreprocessSpec, ...] = (),
        title: str | None = None,
    ) -> Path:
        """Write a run, with a head if there are classes."""
        ...


@pytest.fixture(autouse=True)
def few_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages show what takes long for two units of a stage; what is shown is the same."""
    monkeypatch.setattr(evidence, "_LEAST", 2)
    monkeypatch.setattr(evidence, "_MOST", 2)
    monkeypatch.setattr(
        evidence, "_SEARCH", Search(steps=5, starts=1, smoothing=1.2, total_variation=0.4, jitter=2)
    )


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Give a function that writes finished runs into the test's folder."""
    return run_maker(tmp_path)


@pytest.fixture
def add_head() -> Callable[[Path, str], None]:
    """Give a function that writes one more head of two classes into a run."""
    return lambda path, name: write_head(RunDirectory(path), name, ["a", "b"])


@pytest.fixture(scope="session")
def full_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build one page that has everything: two runs, a head, a comparison."""
    folder = tmp_path_factory.mktemp("full")
    make = run_maker(folder)
    runs = [make("plain", title="First of two"), make("labelled", classes=CLASSES)]
    return build_report(runs, folder / "out", comparison=COMPARISON, root=folder)


def run_maker(folder: Path) -> MakeRun:
    """Give a function that writes finished runs into a folder."""

    def make(
        name: str = "run",
        *,
        classes: list[str] | None = None,
        preprocess: tuple[PreprocessSpec, ...] = (),
        title: str | None = None,
    ) -> Path:
        recipe = msgspec.structs.replace(RECIPE, preprocess=preprocess, title=title or RECIPE.title)
        run = RunDirectory(folder / name)
        train = open_splits(recipe.data, root=folder, seed=0).train
        stack = build_stack(recipe, train.shape, seed=0, images=as_images(train.images))
        run.path.mkdir()
        run.recipe_file.write_text(dump_recipe(recipe))
        save_stack(run.model_file, stack, recipe)
        run.metrics_file.write_text(metrics("strokes") + metrics("parts"))
        if classes is not None:
            write_head(run, "default", classes)
        write_json(run.results_file, results(run, recipe.title))
        return run.path

    return make


def metrics(phase: str) -> str:
    """Log three steps and an epoch's end."""
    lines: list[dict[str, Any]] = [
        {"phase": phase, "epoch": 0, "step": step, "lr": 0.1, "loss": 9.0 / step,
         "terms": {"reconstruction": 9.0 / step}}
        for step in (1, 20, 40)
    ]  # fmt: skip
    lines.append({"phase": phase, "epoch": 0, "step": 40, "held_out": {"loss": 0.3}})
    return "".join(json.dumps(line) + "\n" for line in lines)


def results(run: RunDirectory, title: str) -> dict[str, Any]:
    """What `pretrain` writes, once the model is there."""
    phases = [
        {"name": name, "epochs": 1, "steps": 40, "seconds": 3.5, "loss": 0.2, "held_out": None}
        for name in ("strokes", "parts")
    ]
    return {
        "format": 1,
        "command": "pretrain",
        "run": "run",
        "title": title,
        "seconds": 75.0,
        "parameters": 12345,
        "phases": phases,
        "input_shape": [1, 8, 8],
        "data": {"source": "digits", "train": 96, "held_out": 24},
        "environment": {"featlearn": "1.2.3", "torch": "2.0", "threads": 2, "device": "cpu"},
        "files": {run.model_file.name: sha256(run.model_file)},
    }


def write_head(run: RunDirectory, name: str, classes: list[str]) -> None:
    """Write a head's figures: of each class, three images right and one taken for the next."""
    folder, count = run.head(name), len(classes)
    folder.path.mkdir(parents=True)
    confusion = [[0] * count for _ in classes]
    for place in range(count):
        confusion[place][place] = 3
        confusion[place][(place + 1) % count] += 1
    write_json(folder.labels_file, {"format": 1, "classes": classes})
    write_json(
        folder.results_file,
        {
            "format": 1, "command": "finetune", "run": "run", "head": name, "labels": 100,
            "label_seed": 0, "labelled": 90, "validation": 10, "freeze": 1, "from_scratch": False,
            "seed": 0, "epochs": 4, "seconds": 2.0, "train_error": 0.0, "classes": classes,
            "files": {folder.labels_file.name: sha256(folder.labels_file)},
        },
    )  # fmt: skip
    write_json(
        folder.evaluation_file,
        {
            "format": 1, "run": "run", "head": name, "source": "digits", "split": "test",
            "images": 4 * count, "accuracy": 0.75, "error": 0.25, "classes": classes,
            "per_class": [{"name": c, "images": 4, "accuracy": 0.75} for c in classes],
            "confusion": confusion,
        },
    )  # fmt: skip
    folder.metrics_file.write_text(metrics("finetune"))


@pytest.fixture
def comparison() -> dict[str, Any]:
    """Give what `quickstart` finds, to be changed at will."""
    return copy.deepcopy(COMPARISON)


COMPARISON: dict[str, Any] = {
    "labels": 100,
    "accuracy": {"pretrained": 0.945, "scratch": 0.92},
    "difference_interval": [0.01, 0.04],
    "seconds": 61.0,
    "curve": [
        {
            "labels": 50,
            "pretrained": [0.9, 0.92],
            "scratch": [0.85, 0.88],
            "difference_interval": [0.02, 0.07],
        },
        {
            "labels": 100,
            "pretrained": [0.94, 0.95],
            "scratch": [0.92, 0.92],
            "difference_interval": [0.01, 0.04],
        },
    ],
    "runs": {"digits": "digits"},
}


class Visit:
    """A page that is open in a browser: what it said and asked for, and what becomes of it."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.said: list[str] = []
        self.asked_for: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked_for.append(request.url))

    def ask(self, script: str) -> Any:
        """Give what a script says."""
        return self.page.evaluate(script)


class OpenPage(Protocol):
    """Opens a page in a browser, offline."""

    def __call__(
        self,
        path: Path,
        *,
        width: int = 1280,
        dark: bool = False,
        fragment: str = "",
        scripts: bool = True,
    ) -> Visit:
        """Open a page of the computer's own, as wide as said."""
        ...


@pytest.fixture(scope="session")
def browser(chromium: str) -> "Iterator[Browser]":
    """Start the Chromium that is installed."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra dev")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture
def open_page(browser: "Browser") -> Iterator[OpenPage]:
    """Open pages, each in a window of its own, and expect no word of an error from any."""
    visits: list[Visit] = []

    def visit(
        path: Path,
        *,
        width: int = 1280,
        dark: bool = False,
        fragment: str = "",
        scripts: bool = True,
    ) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            offline=True,
        )
        visits.append(Visit(context.new_page()))
        visits[-1].page.goto(path.as_uri() + fragment)
        if scripts:
            visits[-1].page.wait_for_selector("html[data-ready]", state="attached")
        return visits[-1]

    yield visit
    for made in visits:
        made.page.context.close()
