"""The study of detection helped by identification: pairs, intervals, and going on."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from featlearn.datasets.known import open_known
from featlearn.errors import CheckpointError
from featlearn.evaluate.paired import paired_interval
from featlearn.studies.faces import helped
from featlearn.studies.faces.help_results import (
    HelpTrial,
    detection_errors,
    identification_errors,
    markdown,
    sum_up,
)
from featlearn.studies.faces.helped import faces_multitask

SMALL = (
    "data.limit=300",
    "pretrain.epochs=1",
    "finetune.steps=3",
    "tasks.1.labels=40",
    "stages.wholes.filter.maps=8",
)


@pytest.mark.data("faces-olivetti", "natural-bsds500")
def test_named_people_are_those_that_detection_may_learn_from() -> None:
    root = Path(os.environ["FEATLEARN_DATA"])
    found = open_known("faces-named", root=root)
    assert found.test is not None
    assert found.train.labels is not None
    assert (found.train.count, found.test.count) == (3200, 160)
    assert np.bincount(found.train.labels).tolist() == [160] * 20
    assert found.train.ids is not None
    assert found.test.ids is not None
    assert {name.split("/")[0] for name in found.train.ids} == {
        f"person-{number}" for number in range(1, 21)
    }
    pictures = [
        {name.split("/")[1].split("-")[0] for name in ids}
        for ids in (found.train.ids, found.test.ids)
    ]
    assert not pictures[0] & pictures[1]


def test_each_task_is_compared_with_its_own_net_alone() -> None:
    pairs = [
        (
            HelpTrial(labels=10, draw=draw, together=False, error=0.5 + 0.1 * draw),
            HelpTrial(labels=10, draw=draw, together=True, error=0.4, identification=0.3),
        )
        for draw in (0, 1)
    ]
    named = [
        HelpTrial(labels=None, draw=draw, together=False, identification=0.2 + 0.2 * draw)
        for draw in (0, 1)
    ]
    point = sum_up(10, pairs, named)
    assert point.gain == paired_interval([0.5, 0.6], [0.4, 0.4])
    assert point.identification_gain == paired_interval([0.2, 0.4], [0.3, 0.3])


def test_a_line_of_a_study_of_detection_only_is_read() -> None:
    line = {"draw": 0, "error": 0.25, "identification": None, "labels": 10, "together": False}
    assert msgspec.convert(line, HelpTrial).error == 0.25


@pytest.mark.slow
@pytest.mark.data("faces-olivetti", "faces-cbcl", "natural-bsds500")
def test_pairs_share_their_draw_and_a_stopped_study_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helped, "COUNTS", (10, 20))
    monkeypatch.setattr(helped, "DRAWS", 2)
    root = Path(os.environ["FEATLEARN_DATA"])
    how: dict[str, Any] = {"root": root, "overrides": SMALL, "device": "cpu"}
    found = faces_multitask(tmp_path, **how)
    file = tmp_path / "trials.jsonl"
    lines = file.read_text().splitlines()
    trials = [HelpTrial(**json.loads(line)["trial"]) for line in lines]
    assert [(t.labels, t.draw, t.together) for t in trials[:2]] == [
        (None, 0, False),
        (None, 1, False),
    ]
    named, trials = trials[:2], trials[2:]
    assert all(trial.error is None for trial in named)
    assert [(t.labels, t.draw, t.together) for t in trials] == [
        (labels, draw, both) for labels in (10, 20) for draw in (0, 1) for both in (False, True)
    ]
    alone, together = detection_errors(trials[:4:2]), detection_errors(trials[1:4:2])
    assert found.table[0].gain == paired_interval(alone, together)
    alone, together = identification_errors(named), identification_errors(trials[1:4:2])
    assert len(alone) == 2
    assert found.table[0].identification_gain == paired_interval(alone, together)
    assert found.identification_majority == 0.95
    assert markdown(found).count("| 20 |") == 2
    file.write_text("\n".join(lines[:5]) + "\n{half a li")
    again = faces_multitask(tmp_path, **how)
    assert again.table == found.table
    assert (tmp_path / "figures/help.png").is_file()
    file.write_text(file.read_text().replace('"setting":"', '"setting":"0'))
    with pytest.raises(CheckpointError, match="is of another recipe or run"):
        faces_multitask(tmp_path, **how)
