"""The study of harder digits: its parts by other ways, and all of it on few digits."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from featlearn.config.autoencoding import DenoisingSpec, PlainSpec
from featlearn.config.boltzmann import RbmSpec
from featlearn.datasets.known_digits import VARIANTS
from featlearn.errors import CheckpointError, DataError, Interrupted, UsageError
from featlearn.studies.digit_variants import study
from featlearn.studies.digit_variants.material import sizes_of
from featlearn.studies.digit_variants.plan import (
    METHODS,
    PUBLISHED,
    STAGES,
    TRIALS,
    Method,
    recipe_of,
)
from featlearn.studies.digit_variants.results import (
    DigitVariantsResult,
    Lead,
    MethodFigures,
    markdown,
    variant_figures,
    verdict,
)
from featlearn.studies.digit_variants.study import digit_variants
from featlearn.training.progress import Silent, StepReport
from featlearn_cli.commands.study import VARIANTS as OFFERED
from tests.datasets.harder import write_root

BRIEF = [
    *(f"stages.{stage}.filter.maps=20" for stage in STAGES),
    "pretrain.epochs=1",
    "finetune.epochs=3",
    "finetune.batch=20",
]
RUNS = ("sdae-0.25", "sdae-0.4", "sae-30", "sae-10", "dbn-0.05", "dbn-0.1")


def test_every_network_has_the_same_size_and_as_much_to_choose_from() -> None:
    kinds = {"sdae": DenoisingSpec, "scratch": DenoisingSpec, "sae": PlainSpec, "dbn": RbmSpec}
    assert [*TRIALS] == [name for name in METHODS if name != "svm"]
    for method, trials in TRIALS.items():
        assert len({(trial.name, trial.head) for trial in trials}) == len(trials) == 2
        for trial in trials:
            recipe = recipe_of(method, trial, source="mnist", seed=5)
            sizes = [getattr(stage.filter, "maps", None) for stage in recipe.stages]
            assert sizes == [1000] * 3
            assert {type(stage.objective) for stage in recipe.stages} == {kinds[method]}
            assert (recipe.seed, recipe.data.hold_out) == (5, 0)
            tuned = recipe.finetune
            assert (tuned.epochs, tuned.batch, tuned.optimizer.lr) == (80, 100, 1e-3)
    assert {variant for variant, _ in PUBLISHED} == {*VARIANTS} == {*OFFERED}
    assert sizes_of(None) == (10_000, 2_000, 50_000)
    assert sizes_of(100) == (100, 20, 500)


def figures(method: Method, error: float) -> MethodFigures:
    return MethodFigures(
        variant="image-background",
        method=method,
        error=error,
        interval=(error - 0.01, error + 0.01),
        settings="noise 0.25 (of 2)",
        tried={"noise 0.25": error},
        fit_seconds=90.0,
        judge_seconds=1.0,
    )


@pytest.mark.parametrize(
    ("low", "met", "said"),
    [(0.001, True, "is ahead"), (0.0, False, "is not"), (-1.0, False, "not")],
)
def test_ahead_is_with_all_of_the_interval(low: float, met: bool, said: str) -> None:
    rows = [figures("svm", 0.2), figures("sdae", 0.15), figures("scratch", 0.17)]
    lead = Lead(method="sdae", mean=0.05, interval=(low, 0.1), only_machine=60, only_network=10)
    found = variant_figures("image-background", (10, 2, 100), 0.9, rows, [lead])
    assert found.met is met
    assert found.order == ["sdae", "scratch", "svm"]
    assert found.published == ["sdae", "svm"]
    assert said in verdict(found)
    assert "here SDAE < SVM; published SDAE < SVM" in verdict(found)
    alone = variant_figures("image-background", (10, 2, 100), 0.9, rows[1:], [])
    assert (alone.met, verdict(alone)) == (None, "here SDAE; published SDAE")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    write_root(folder)
    return folder


def run(out: Path, root: Path, **more: Any) -> DigitVariantsResult:
    given: dict[str, Any] = {
        "variants": ("image-background",),
        "images": 100,
        "overrides": BRIEF,
        "device": "cpu",
        "threads": 1,
    }
    return digit_variants(out, root=root, **given | more)


@pytest.fixture(scope="module")
def studied(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("studied") / "out"
    run(out, root)
    return out


def test_figures_are_those_of_the_kept_answers(studied: Path, root: Path) -> None:
    (found,) = json.loads((studied / "results.json").read_text())["sets"]
    assert [row["method"] for row in found["rows"]] == [*METHODS]
    assert (found["learned"], found["validated"], found["judged"]) == (100, 20, 500)
    named = {
        method: np.load(studied / "cells" / f"image-background-{method}.npy") for method in METHODS
    }
    sizes = sizes_of(100)
    material = study.make_material("image-background", studied / "sets", sizes, root=root)
    truth = material.judged.labels
    for row in found["rows"]:
        assert row["error"] == pytest.approx((named[row["method"]] != truth).mean())
        assert row["interval"][0] < row["error"] < row["interval"][1]
        if row["method"] != "svm":
            assert len(row["tried"]) == 2
            assert min(row["tried"], key=row["tried"].get) in row["settings"]
    errors = {row["method"]: row["error"] for row in found["rows"]}
    assert found["order"] == sorted(errors, key=lambda method: errors[method])
    for lead in found["leads"]:
        machine, network = (named[name] != truth for name in ("svm", lead["method"]))
        assert lead["mean"] == pytest.approx(errors["svm"] - errors[lead["method"]])
        assert lead["only_machine"] == (machine & ~network).sum()
        assert lead["only_network"] == (network & ~machine).sum()
        assert lead["interval"][0] <= lead["mean"] <= lead["interval"][1]
    assert errors["svm"] < found["guess"]


def test_no_training_can_see_the_test_images(studied: Path) -> None:
    for name in RUNS:
        recipe = (studied / "runs" / "image-background" / name / "recipe.toml").read_text()
        assert str(studied / "sets" / "image-background.npz") in recipe
    with np.load(studied / "sets" / "image-background.npz") as kept:
        assert (len(kept["images"]), len(kept["test_images"])) == (100, 20)


def test_what_is_there_is_kept(studied: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (studied / "results.json").read_bytes()
    monkeypatch.setattr(study, "train_networks", None)
    monkeypatch.setattr(study, "choose_machine", None)
    result = run(studied, root)
    assert (studied / "results.json").read_bytes() == before
    assert (studied / "README.md").read_text(encoding="utf-8") == markdown(result)
    assert "pretrain.epochs=1" in markdown(result)
    assert [Path(file).suffix for file in result.figures] == [".png", ".svg"]
    for more, said in (
        ({"seed": 1}, "holds figures of seed 0 and 100 images, changed by .*ask for the same"),
        ({"images": 50}, "ask for the same"),
        ({"overrides": []}, "ask for the same"),
    ):
        with pytest.raises(CheckpointError, match=said):
            run(studied, root, **more)


class Cut(Silent):
    """Asks for a stop in the second epoch of something, by its phase."""

    def __init__(self, phase: str) -> None:
        self.phase = phase

    def step(self, report: StepReport) -> None:
        if report.phase == self.phase and report.epoch == 1 - (self.phase in STAGES):
            signal.raise_signal(signal.SIGTERM)

    def count(self, name: str, *, done: int, of: int, words: str = "") -> None:
        if name == self.phase and done == 3:
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("phase", ["machines", "second", "finetune"])
def test_a_stopped_one_goes_on_with_the_same_call(
    studied: Path, root: Path, tmp_path: Path, phase: str
) -> None:
    methods = ("svm", "sdae")
    with pytest.raises(Interrupted, match="the same command goes on from there"):
        run(tmp_path / "out", root, methods=methods, progress=Cut(phase))
    (found,) = run(tmp_path / "out", root, methods=methods).sets
    (whole,) = json.loads((studied / "results.json").read_text())["sets"]
    assert [row.error for row in found.rows] == [row["error"] for row in whole["rows"][:2]]
    model = "runs/image-background/sdae-0.4/heads/default/model.safetensors"
    # The files differ in the path of what was learned from, which they name.
    weights, others = (load_file(out / model) for out in (tmp_path / "out", studied))
    assert weights.keys() == others.keys()
    assert all(np.array_equal(weights[name], others[name]) for name in weights)


def test_damaged_answers_are_named(studied: Path, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(studied, out)
    answers = out / "cells" / "image-background-sae.npy"
    for content in (b"", b"\x93NUMPY", np.zeros(3, np.uint8).tobytes()):
        answers.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"sae\.npy is damaged or missing; remove .*json"):
            run(out, root)
    answers.unlink()
    with pytest.raises(CheckpointError, match="damaged or missing"):
        run(out, root)


def test_what_cannot_be_studied_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="holds other files"):
        run(tmp_path / "full", root)
    with pytest.raises(CheckpointError, match="is a file"):
        run(tmp_path / "full" / "mine.txt", root)
    refused: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"overrides": ["pretrain.epoch=1"]}, UsageError, "pretrain.epoch=1"),
        ({"overrides": ["data.source=mnist"]}, UsageError, "data.source=mnist: .*its own digits"),
        ({"methods": ()}, UsageError, "a set or more, and a method or more"),
        ({"images": 300}, DataError, "1860 digits were asked for"),
        ({"root": tmp_path}, DataError, "mnist is not under the data root"),
    ]
    for more, error, said in refused:
        with pytest.raises(error, match=said):
            run(tmp_path / "new", **{"root": root, **more})
        assert not (tmp_path / "new").exists()
