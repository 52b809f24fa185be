"""`evaluate --probe`: what frozen features are worth to a linear classifier."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from featlearn.config.recipe import Recipe
from featlearn.errors import DataError
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.probe import probe


def test_pixels_and_every_stage_are_probed(trained: Path) -> None:
    result = probe(trained, root=trained, labels=100)
    assert [(row.stage, row.features) for row in result.probes] == [
        ("pixels", 64),
        ("edges", 36),
        ("parts", 6),
    ]
    assert (result.labelled, result.images, result.source) == (100, 500, "digits")
    assert all(row.error == pytest.approx(1 - row.accuracy) for row in result.probes)
    assert result.probes[0].accuracy > 0.7
    assert probe(trained, root=trained, labels=100) == result
    assert probe(trained, root=trained, labels=100, label_seed=1) != result


def test_very_many_labels_are_not_all_used(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("featlearn.workflows.probe.MOST_LABELS", 60)
    lines: list[str] = []
    result = probe(trained, root=trained, told=lines.append)
    assert (result.labelled, result.available) == (60, 400)
    assert [line.partition(":")[0] for line in lines] == ["pixels", "edges", "parts"]
    assert probe(trained, root=trained, labels=80).labelled == 80


def test_a_source_without_labels_is_refused(tmp_path: Path, tiny: Callable[..., Recipe]) -> None:
    np.save(tmp_path / "bare.npy", np.random.default_rng(0).random((30, 8, 8), np.float32))
    recipe = tiny(data={"source": str(tmp_path / "bare.npy"), "limit": None})
    pretrain(recipe, out=tmp_path / "run", root=tmp_path)
    with pytest.raises(DataError, match="has no labels, and a probe needs them"):
        probe(tmp_path / "run", root=tmp_path)


def test_more_labels_than_there_are_are_refused(trained: Path) -> None:
    with pytest.raises(DataError, match="401 labels were asked for"):
        probe(trained, root=trained, labels=401)
