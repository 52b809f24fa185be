"""The files of a run, cut off or changed at any byte: refused by name, or as they were."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from featlearn.config.load import load_recipe
from featlearn.errors import CheckpointError
from featlearn.heads.store import load_classifier
from featlearn.networks.formats import FORMAT, read_figures
from featlearn.networks.store import check_recorded, load_stack
from featlearn.report.evaluations import EvaluationRecord
from featlearn.report.records import HeadRecord, RunRecord, SweepRecord
from featlearn.training.checkpoints import CheckpointStore
from featlearn.training.identity import Identity
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.curves import phases_of, read_metrics
from featlearn.workflows.head_results import FinetuneResult
from featlearn.workflows.pretrain import PretrainResult
from featlearn.workflows.report import report
from featlearn.workflows.sweep_results import SweepResult

Attempt = Callable[..., Any]
Damage = Callable[[bytes], Iterator[bytes]]
Put = Callable[[Path, bytes], None]

RUNS = Path(__file__).resolve().parents[1] / "golden" / f"format-{FORMAT}"
CHECKPOINT = "unfinished/checkpoints/checkpoint-00000001"
SWEEP = "components/sweeps/labels"
HEAD = "shared/heads/frozen"


def bits(module: torch.nn.Module) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in module.state_dict().items()}


def figures(*kinds: type) -> Callable[[Path], object]:
    return lambda path: [read_figures(path, kind) for kind in kinds]


def newest(path: Path) -> object:
    """Read the one checkpoint; it is skipped with a sentence where it is broken."""
    told: list[str] = []
    found = CheckpointStore(path.parent.parent).newest(told.append)
    if found is None:
        raise CheckpointError(*told)
    tensors = {**found.model, **{f"training.{name}": v for name, v in found.training.items()}}
    return {name: value.numpy().tobytes() for name, value in tensors.items()}, found.state


class Reading(NamedTuple):
    """How a file is read, and what is known of it when it is damaged.

    Attributes:
        read: Gives its content.
        checked: Whether any change is found, by a checksum.
        prefix: Whether the first part of it is a whole file of its kind, too.
        named: Whether the sentence names it, and not another file of the same checkpoint.
    """

    read: Callable[[Path], object]
    checked: bool = False
    prefix: bool = False
    named: bool = True


READINGS: dict[str, Reading] = {
    "components/model.safetensors": Reading(
        lambda path: bits(load_stack(path.parent).stack), checked=True
    ),
    "shared/model.safetensors": Reading(lambda path: bits(load_stack(path).stack)),
    f"{HEAD}/model.safetensors": Reading(
        lambda path: bits(load_classifier(path.parent).classifier), checked=True
    ),
    f"{HEAD}/labels.json": Reading(lambda path: check_recorded(path.parent), checked=True),
    "components/results.json": Reading(figures(PretrainResult, RunRecord)),
    f"{HEAD}/results.json": Reading(figures(FinetuneResult, HeadRecord)),
    f"{HEAD}/evaluation.json": Reading(figures(EvaluationRecord)),
    f"{SWEEP}/results.json": Reading(figures(SweepResult, SweepRecord)),
    "components/identity.json": Reading(Identity.load),
    "components/recipe.toml": Reading(load_recipe, prefix=True),
    "shared/metrics.jsonl": Reading(lambda path: phases_of(read_metrics(path)), prefix=True),
    f"{CHECKPOINT}/model.safetensors": Reading(newest, checked=True),
    f"{CHECKPOINT}/training.safetensors": Reading(newest, checked=True),
    f"{CHECKPOINT}/state.json": Reading(newest, checked=True),
    f"{CHECKPOINT}/checksums.json": Reading(newest, checked=True, named=False),
}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RUNS, tmp_path / "runs"))


@pytest.mark.parametrize("name", READINGS)
def test_a_file_that_is_cut_off(
    runs: Path, name: str, cuts: Damage, attempt: Attempt, put: Put
) -> None:
    path, reading = runs / name, READINGS[name]
    data, whole = path.read_bytes(), reading.read(path)
    for damaged in cuts(data):
        put(path, damaged)
        outcome = attempt(lambda: reading.read(path), str(path))
        assert outcome.refusal or reading.prefix or outcome.content == whole, len(damaged)


@pytest.mark.parametrize("name", READINGS)
def test_a_file_in_which_a_byte_is_another(
    runs: Path, name: str, flips: Damage, attempt: Attempt, put: Put
) -> None:
    path, reading = runs / name, READINGS[name]
    data, whole = path.read_bytes(), reading.read(path)
    said = path if reading.named else path.parent
    for damaged in flips(data):
        put(path, damaged)
        outcome = attempt(lambda: reading.read(path), str(said))
        assert outcome.refusal or not reading.checked or outcome.content == whole


def test_every_file_of_a_run_is_damaged_here() -> None:
    files = [path for path in RUNS.rglob("*") if path.is_file() and "expected" not in path.parts]
    read, ours = {Path(name).name for name in READINGS}, {path.name for path in files}
    # The card and the picture are for people; a log of trials has a test of its own.
    assert ours - read == {"README.md", "few-labels.png", "images.npz", "trials.jsonl"}


def test_a_comparison_of_runs(runs: Path, cuts: Damage, attempt: Attempt, put: Put) -> None:
    path = runs / "quickstart.json"
    for damaged in cuts(b'{"runs": {"digits": "components"}, "labels": 1}\n'[:-1]):
        put(path, damaged)
        assert attempt(lambda: report([runs]), str(path)).refusal
    path.write_bytes(b'{"runs": {"digits": "components"}}')
    assert "the comparison for the report" in attempt(lambda: report([runs]), "report").refusal


def test_an_identity_that_is_damaged_leaves_the_command_that_resumes(
    runs: Path, cuts: Damage, put: Put
) -> None:
    run = RunDirectory(runs / "unfinished")
    for damaged in cuts(run.identity_file.read_bytes()):
        put(run.identity_file, damaged)
        with pytest.raises(CheckpointError, match=r"is not finished; go on with `featlearn pret"):
            RunDirectory.open(run.path)
