"""Runs of every format version so far: loaded to the same bytes, for ever.

`scripts/golden_run.py` made each when its version was new; none is made again.
"""

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import featlearn
from featlearn.config.load import load_recipe
from featlearn.errors import CheckpointError
from featlearn.heads.store import load_classifier
from featlearn.networks.formats import FORMAT
from featlearn.networks.store import load_tensors, save_tensors
from featlearn.workflows.encode import encode
from featlearn.workflows.evaluate import evaluate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.label_sweep import sweep_labels
from featlearn.workflows.predict import predict
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.probe import probe
from featlearn.workflows.report import report
from featlearn.workflows.visualize import visualize

pytestmark = pytest.mark.usefixtures("few_units")

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
VERSIONS = sorted(int(path.name.removeprefix("format-")) for path in GOLDEN.glob("format-*"))
RUNS = ("components", "local", "shared")
HEADS = ("local/heads/default", "shared/heads/frozen")
HERE: dict[str, Any] = {"device": "cpu", "threads": 1}


@pytest.fixture(params=VERSIONS)
def golden(request: pytest.FixtureRequest, empty_folder: Path) -> Path:
    """Copy the runs of a version to where one stands; give the originals."""
    original = GOLDEN / f"format-{request.param}"
    shutil.copytree(original, empty_folder, dirs_exist_ok=True)
    shutil.rmtree("expected")
    return original


def digest(value: Tensor) -> str:
    array = value.numpy()
    head = f"{array.dtype.name} {array.shape} ".encode()
    return hashlib.sha256(head + array.tobytes()).hexdigest()


def digests(module: torch.nn.Module) -> dict[str, str]:
    return {name: digest(value) for name, value in module.state_dict().items()}


def close_to(path: Path, *, within: float) -> Any:
    """Give what the machine that made the run computed, up to rounding."""
    return pytest.approx(np.load(path), rel=within, abs=within)


def features(run: str, name: str) -> Any:
    stage, what, _ = name.split(".")
    out = Path(f"features-{run}-{name}")
    encode(run, "images.npz", out=out, stage=stage, what=what, **HERE)  # pyright: ignore[reportArgumentType]
    return np.load(out)


def test_the_present_version_has_its_runs() -> None:
    assert FORMAT in VERSIONS, "run scripts/golden_run.py and commit what it makes"


def test_they_are_of_the_version_that_their_folder_says(golden: Path) -> None:
    version = int(golden.name.removeprefix("format-"))
    figures = list(golden.rglob("results.json"))
    assert len(figures) == len(RUNS) + len(HEADS) + 1  # and a sweep
    for path in [*figures, *golden.rglob("identity.json"), *golden.rglob("labels.json")]:
        assert json.loads(path.read_bytes())["format"] == version, path
    for path in golden.rglob("*.safetensors"):  # read by hand: a length, then a header of JSON
        data = path.read_bytes()
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        assert json.loads(header["__metadata__"]["featlearn"])["format"] == version, path


def test_weights_and_buffers_are_bit_equal(golden: Path) -> None:
    for run in RUNS:
        expected = json.loads((golden / "expected" / run / "tensors.json").read_bytes())
        assert digests(featlearn.load_model(run).stack) == expected
    for head in HEADS:
        expected = json.loads((golden / "expected" / head / "tensors.json").read_bytes())
        assert digests(load_classifier(Path(head)).classifier) == expected


def test_they_encode_as_they_did(golden: Path) -> None:
    arrays = [path for run in RUNS for path in (golden / "expected" / run).glob("*.npy")]
    assert len(arrays) == 15
    for path in arrays:
        assert features(path.parent.name, path.name) == close_to(path, within=1e-4)


def test_their_heads_predict_as_they_did(golden: Path) -> None:
    for head in HEADS:
        table = predict(head.split("/")[0], "images.npz", **HERE).csv
        rows = list(csv.reader(io.StringIO(table)))[1:]
        shares = np.array([[float(cell) for cell in row[2:]] for row in rows])
        then = golden / "expected" / head / "probabilities.npy"
        assert shares == close_to(then, within=1e-4)


def test_their_heads_are_judged_as_they_were(golden: Path) -> None:
    for head in HEADS:
        then = json.loads((golden / head / "evaluation.json").read_bytes())
        now = evaluate(head.split("/")[0], **HERE)
        assert now.images == then["images"]
        assert now.error == pytest.approx(then["error"], abs=0.005)  # two or three ties of 500
    assert evaluate("local", source="images.npz", **HERE).images == 12


@pytest.mark.slow
def test_they_can_be_looked_at_and_built_upon(golden: Path) -> None:
    page = report([Path(run) for run in RUNS], out=Path("page"), **HERE)
    text = Path(page.report).read_text(encoding="utf-8")
    for said in ("components", "2 draws of each number of labels", "default", "frozen", "strokes"):
        assert said in text
    assert len(visualize(Path("local"), out=Path("pictures"), **HERE).files) >= 7
    assert len(probe("shared", labels=40, **HERE).probes) == 3
    few = {"labels": 10, "overrides": ["finetune.epochs=1"]}
    assert finetune("components", **few, **HERE).labelled == 10
    originals = {path: path.read_bytes() for path in golden.glob("*/model.safetensors")}
    for path, data in originals.items():
        assert (Path(path.parent.name) / path.name).read_bytes() == data


def test_an_unfinished_one_is_resumed_and_ends_where_it_would_have(golden: Path) -> None:
    recipe = load_recipe("unfinished")
    pretrain(recipe, out="unfinished", resume=True, **HERE)
    for path in (golden / "expected" / "components").glob("*.npy"):
        assert features("unfinished", path.name) == close_to(path, within=1e-3)


def raise_version(folder: Path) -> None:
    """Let every file say that the next version of featlearn wrote it."""
    for path in folder.rglob("*.json"):
        value = json.loads(path.read_bytes())
        if "format" in value:
            path.write_text(json.dumps({**value, "format": FORMAT + 1}))
    for path in folder.rglob("*.safetensors"):
        tensors, metadata = load_tensors(path)
        save_tensors(path, tensors, {**metadata, "format": FORMAT + 1})


REFUSING: dict[str, Callable[[], object]] = {
    "load": lambda: featlearn.load_model("local"),
    "load head": lambda: load_classifier(Path("local/heads/default")),
    "encode": lambda: encode("local", "images.npz", out="x.npy", **HERE),
    "predict": lambda: predict("local", "images.npz", **HERE),
    "evaluate": lambda: evaluate("local", **HERE),
    "probe": lambda: probe("local", **HERE),
    "finetune": lambda: finetune("local", name="x", **HERE),
    "finetune --resume": lambda: finetune("local", labels=20, resume=True, **HERE),
    "sweep": lambda: sweep_labels("local", labels=[10], **HERE),
    "report": lambda: report([Path("local")], **HERE),
    "visualize": lambda: visualize(Path("local"), out=Path("x"), **HERE),
    "pretrain --resume": lambda: pretrain(
        load_recipe("unfinished"), out="unfinished", resume=True, **HERE
    ),
}


@pytest.mark.parametrize("golden", [FORMAT], indirect=True)
def test_a_run_of_a_newer_version_is_refused_for_that(golden: Path) -> None:
    for run in (*RUNS, "unfinished"):
        raise_version(Path(run))
    said = (
        rf"has format version {FORMAT + 1}; this featlearn reads version {FORMAT}; a newer [^.]*$"
    )
    for name, command in REFUSING.items():
        with pytest.raises(CheckpointError, match=said):
            command()
        assert not Path("x").exists(), name


def test_their_sweeps_are_found_finished(golden: Path) -> None:
    swept = golden / "components/sweeps/labels"
    before = (swept / "results.json").read_bytes()
    told = json.loads(before)
    result = sweep_labels(
        golden / "components",
        root=golden,
        labels=tuple(row["labels"] for row in told["table"]),
        draws=len(told["table"][0]["draws"]),
        controls=("scratch",),
        seed=told["seed"],
        resume=True,
        device="cpu",
        threads=1,
    )
    assert [row.labels for row in result.table] == [row["labels"] for row in told["table"]]
    assert (swept / "results.json").read_bytes() == before
