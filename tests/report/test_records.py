"""What the page reads is what the commands write, field by field."""

from typing import Any

import msgspec
import pytest

from featlearn.evaluate.metrics import ClassScore
from featlearn.geometry import MapShape
from featlearn.report.evaluations import EvaluationRecord
from featlearn.report.records import (
    HeadRecord,
    RunRecord,
    SweepRecord,
    read_comparison,
)
from featlearn.training.driver import PhaseResult
from featlearn.training.identity import Environment
from featlearn.workflows.few_labels import Point
from featlearn.workflows.head_results import FinetuneResult
from featlearn.workflows.judging import EvaluateResult
from featlearn.workflows.pretrain import PretrainResult, TrainedOn
from featlearn.workflows.quickstart import QuickstartResult, TuningProtocol
from featlearn.workflows.sweep_results import Draw, Gain, SweepPoint, SweepResult, SweepTuning
from featlearn.workflows.trial import Setting

HERE = Environment(
    featlearn="1.2", torch="2.11", numpy="2.1", python="3.11", threads=2, device="cpu"
)
PRETRAINED = PretrainResult(
    run="run",
    title="Strokes",
    seconds=75.0,
    parameters=12345,
    phases=[PhaseResult(name="low", epochs=3, steps=40, seconds=3.5, loss=0.25, held_out=None)],
    input_shape=MapShape(1, 8, 9),
    data=TrainedOn(source="digits", train=96, held_out=24, fingerprints={"train": "00"}),
    environment=HERE,
    files={"model.safetensors": "ab"},
)
FINETUNED = FinetuneResult(
    run="run",
    head="own",
    labels=100,
    label_seed=7,
    labelled=90,
    validation=10,
    freeze=1,
    from_scratch=True,
    seed=3,
    epochs=4,
    seconds=2.5,
    train_error=0.125,
    classes=["a", "b"],
    environment=HERE,
    files={"labels.json": "cd"},
)
EVALUATED = EvaluateResult(
    run="run",
    head="own",
    source="digits",
    split="test",
    images=8,
    accuracy=0.75,
    error=0.25,
    majority=0.5,
    classes=("a", "b", "c"),
    per_class=(
        ClassScore(name="a", images=8, accuracy=0.75),
        ClassScore(name="b", images=0, accuracy=None),
        ClassScore(name="c", images=0, accuracy=None),
    ),
    confusion=((6, 2, 0), (0, 0, 0), (0, 0, 0)),
)
COMPARED = QuickstartResult(
    report="report/index.html",
    seconds=61.0,
    labels=100,
    draws=2,
    accuracy={"pretrained": 0.945, "scratch": 0.92, "pixels": 0.9},
    difference_interval=(0.01, 0.04),
    test_images=500,
    curve=[
        Point(
            labels=100,
            pretrained=[0.94, 0.95],
            scratch=[0.92, 0.92],
            pixels=[0.89, 0.91],
            difference_interval=(0.01, 0.04),
        )
    ],
    protocol=TuningProtocol(
        settings={"pretrained": Setting(0.002, 0.1), "scratch": Setting(0.02, 1.0)},
        tried=[Setting(0.002, 0.1), Setting(0.02, 1.0)],
        tuning_labels=50,
        tuning_draws=3,
        validation=900,
        steps=300,
    ),
    runs={"digits": "digits"},
)
SWEPT = SweepResult(
    run="run",
    sweep="labels",
    table=[
        SweepPoint(
            labels="all",
            labelled=100,
            validation=10,
            draws=[
                Draw(label_seed=k, seed=k, error={"pretrained": 0.1, "scratch": 0.2})
                for k in (0, 1)
            ],
            mean={"pretrained": 0.1, "scratch": 0.2},
            interval={"pretrained": (0.05, 0.15), "scratch": (0.1, 0.3)},
            gain={"scratch": Gain(mean=0.1, interval=(0.0, 0.2))},
        )
    ],
    settings={"pretrained": Setting(0.002, 0.1), "scratch": Setting(0.02, 1.0)},
    tuning=SweepTuning(tried=[Setting(0.002, 0.1)], labels=50, draws=2, images=900),
    freeze=1,
    seed=0,
    test=500,
    majority=0.125,
    classes=["a", "b"],
    fingerprints={"train": "00", "test": "01"},
    environment=HERE,
    files={"trials.jsonl": "ef"},
)


def assert_within(part: Any, whole: Any) -> None:
    """Check that all that was read was written; a default would stand for what was not."""
    if isinstance(part, dict):
        assert part.keys() <= whole.keys()
        for key, value in part.items():
            assert_within(value, whole[key])
    elif isinstance(part, list):
        assert len(part) == len(whole)
        for one, other in zip(part, whole, strict=True):
            assert_within(one, other)
    else:
        assert part == whole


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        (RunRecord, PRETRAINED),
        (HeadRecord, FINETUNED),
        (HeadRecord, msgspec.structs.replace(FINETUNED, labels="all")),
        (EvaluationRecord, EVALUATED),
        (SweepRecord, SWEPT),
        (SweepRecord, msgspec.structs.replace(SWEPT, tuning=None)),
    ],
)
def test_a_record_is_part_of_what_is_written(kind: Any, result: msgspec.Struct) -> None:
    written = msgspec.json.encode(result)
    record = msgspec.json.decode(written, type=kind)
    assert_within(msgspec.json.decode(msgspec.json.encode(record)), msgspec.json.decode(written))


def test_a_comparison_is_part_of_what_is_written() -> None:
    written = msgspec.json.decode(msgspec.json.encode(COMPARED))
    read = read_comparison(written)
    assert_within(msgspec.json.decode(msgspec.json.encode(read)), written)
