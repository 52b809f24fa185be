"""The study of detection helped by identification: pairs, intervals, and going on."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featlearn.datasets.known import open_known
from featlearn.errors import CheckpointError
from featlearn.evaluate.paired import paired_interval
from featlearn.studies.faces import helped
from featlearn.studies.faces.help_results import HelpTrial, markdown
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
    assert [(t.labels, t.draw, t.together) for t in trials] == [
        (labels, draw, both) for labels in (10, 20) for draw in (0, 1) for both in (False, True)
    ]
    alone, together = [t.error for t in trials[:4:2]], [t.error for t in trials[1:4:2]]
    assert found.table[0].gain == paired_interval(alone, together)
    assert "| 20 |" in markdown(found)
    file.write_text("\n".join(lines[:5]) + "\n{half a li")
    again = faces_multitask(tmp_path, **how)
    assert again.table == found.table
    assert (tmp_path / "figures/help.png").is_file()
    file.write_text(file.read_text().replace('"setting":"', '"setting":"0'))
    with pytest.raises(CheckpointError, match="is of another recipe or run"):
        faces_multitask(tmp_path, **how)
