"""A head's answers to test images: which are wrong, and what they depend on."""

import msgspec
import pytest
import torch

from featlearn.config.load import load_recipe
from featlearn.report.evaluations import EvaluationRecord, read_evaluation
from featlearn.report.mistakes import Looking, Mistakes, mistakes_of
from featlearn.training.rundir import HeadFolder, RunDirectory
from featlearn.workflows.evaluate import evaluate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.pretrain import pretrain
from tests.report.conftest import MakeRun

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> HeadFolder:
    """Train a head badly."""
    folder = tmp_path_factory.mktemp("mistakes")
    few = ["data.limit=100", "pretrain.epochs=1", "finetune.epochs=2"]
    pretrain(load_recipe("digits", overrides=few), out=folder / "run", root=folder, device="cpu")
    run = RunDirectory.open(folder / "run")
    finetune(run.path, labels=20, root=folder, device="cpu")
    evaluate(run.path, root=folder, device="cpu")
    return run.head("default")


def record_of(head: HeadFolder) -> EvaluationRecord:
    record = read_evaluation(head)
    assert isinstance(record, EvaluationRecord)
    return record


def look(head: HeadFolder, *, flops: int = 1000) -> Mistakes:
    found = mistakes_of(head, record_of(head), Looking(flops, head.path, CPU))
    assert found is not None
    return found


def test_mistakes_are_those_of_the_figures(head: HeadFolder) -> None:
    found, record = look(head), record_of(head)
    assert found.words == f"Looked at are all {record.images} test images."
    confused, answers = found.pictures
    pairs = sorted(
        ((row[k], t, k) for t, row in enumerate(record.confusion) for k in range(10) if k != t),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    named = ", ".join(f"{true} for {taken}" for _, true, taken in pairs[:5])
    assert confused.alt == f"Images that are taken for another class: {named}."
    assert answers.alt == "Which pixels the answers to 8 images depend on."
    assert look(head) == found


def test_there_is_time_for_few_images_of_a_large_network(head: HeadFolder) -> None:
    some = look(head, flops=int(2e9))
    assert "Looked at are 20 of the" in some.words
    assert "Which pixels count is not drawn here" in some.words
    assert len(some.pictures) == 1
    none = look(head, flops=int(1e12))
    assert none.pictures == []
    assert "--what confused,saliency --head default" in none.words


def test_images_that_are_gone_are_missed_in_a_sentence(head: HeadFolder, make_run: MakeRun) -> None:
    record = record_of(head)
    fewer = msgspec.structs.replace(record, images=7)
    found = mistakes_of(head, fewer, Looking(1000, head.path, CPU))
    assert found == Mistakes([], "Its answers are not drawn: the test split of digits is not that "
                                 "of its figures.")  # fmt: skip
    other = RunDirectory(make_run(classes=["0", "1"])).head("default")
    assert look(other).words.startswith("Its answers are not drawn: ")


def test_a_head_without_mistakes_has_none(
    head: HeadFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("featlearn.report.mistakes.most_confused", lambda *_, **__: [])
    found = look(head)
    assert found.words.endswith("None of them is taken for another class.")
    assert [picture.alt for picture in found.pictures] == [
        "Which pixels the answers to 8 images depend on."
    ]


def test_other_images_are_left_alone(head: HeadFolder) -> None:
    record = msgspec.structs.replace(record_of(head), split="")
    assert mistakes_of(head, record, Looking(1000, head.path, CPU)) is None
