"""A test split is only one while the data are those that training set it apart from."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError
from featlearn.workflows.evaluate import evaluate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.probe import probe

Tiny = Callable[..., Recipe]


def write(path: Path, count: int) -> Path:
    labels = np.arange(count) % 3
    rng = np.random.default_rng(0)
    images = rng.integers(0, 99, (count, 1, 8, 8), dtype=np.uint8)
    images[np.arange(count), 0, labels] += 120
    np.savez(path, images=images, labels=labels)
    return path


def test_a_source_that_grew_is_not_evaluated_on(tmp_path: Path, tiny: Tiny) -> None:
    source, run = write(tmp_path / "images.npz", 90), tmp_path / "run"
    pretrain(tiny(data={"source": str(source), "limit": None}), out=run, root=tmp_path)
    finetune(run, root=tmp_path)
    data = json.loads((run / "results.json").read_text())["data"]
    head = json.loads((run / "heads" / "default" / "results.json").read_text())
    assert {*data["fingerprints"]} == {"train", "test"}
    assert head["fingerprints"] == data["fingerprints"]
    assert evaluate(run, root=tmp_path).images == 18

    write(source, 120)  # another draw of the test split, with images that were learned from
    for use in (evaluate, probe):
        with pytest.raises(CheckpointError, match=r"test split of .*images.npz has other images"):
            use(run, root=tmp_path)
    # Nor does a head learn from the larger source.
    with pytest.raises(CheckpointError, match=r"images.npz has other train images than when"):
        finetune(run, root=tmp_path, name="later")
    write(source, 90)
    assert evaluate(run, root=tmp_path, head="default").images == 18
    assert evaluate(run, root=tmp_path, source=str(source)).split == "given"
