"""The pieces of the study that need no data, and what it tells."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from torch import nn

from featlearn.config.load import load_any_recipe
from featlearn.config.modalities import LateFusionSpec, MultimodalRecipe
from featlearn.datasets.imageset import ImageSet
from featlearn.errors import CheckpointError
from featlearn.studies.digits_av.cells import Cells
from featlearn.studies.digits_av.hearing import SHARED, Draw, Wrong
from featlearn.studies.digits_av.material import Material
from featlearn.studies.digits_av.noise import Levels, NoisyNet
from featlearn.studies.digits_av.results import (
    DigitsAVResult,
    fused_of,
    markdown,
    missing_costs,
    point_of,
)
from featlearn.studies.digits_av.study import settings_of


def recipe(*sets: str) -> MultimodalRecipe:
    found = load_any_recipe("digits-av", overrides=sets)
    assert isinstance(found, MultimodalRecipe)
    return found


def draws() -> list[Draw]:
    first = {SHARED: Wrong([0], [1]), "CCA, inputs": Wrong([0, 1, 2], [1, 2])}
    second = {SHARED: Wrong([0, 1], []), "CCA, inputs": Wrong([3, 4], [0])}
    return [Draw(100, 2.0, first), Draw(100, 4.0, second)]


def settings(
    folder: Path, *sets: str, model: bytes = b"weights", judged: int = 0
) -> dict[str, object]:
    """Say what decides figures: a recipe, the bytes of a model, and blank samples."""
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(model)
    net: Any = nn.Linear(1, 1)  # whatever has a device
    parts = [
        [ImageSet(np.full((2, 1, 4, 4), value, np.uint8), None, (), None, "blank")] * 2
        for value in (0, 0, judged)
    ]
    learned, kept, test = parts
    chosen = recipe(*sets)
    material = Material(net, chosen, learned=learned, kept=kept, judged=test, trained=True)
    return settings_of(chosen, material, folder)


def test_what_is_there_is_not_computed_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    cells = Cells(tmp_path, settings(run))
    assert cells.get("a", Draw, lambda: draws()[0]) == draws()[0]
    again = Cells(tmp_path, settings(run, "title=another"))
    assert again.get("a", Draw, lambda: pytest.fail("computed again")) == draws()[0]
    with pytest.raises(CheckpointError, match="holds figures of another recipe"):
        Cells(tmp_path, settings(run, "shared.code=8"))
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"a\.json is damaged .*; remove it"):
        cells.get("a", Draw, lambda: draws()[0])


def test_figures_of_another_model_other_data_or_another_study_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    Cells(tmp_path, settings(run))
    with pytest.raises(CheckpointError, match=r"of another recipe, model, .* \(model was"):
        Cells(tmp_path, settings(run, model=b"others"))
    with pytest.raises(CheckpointError, match=r"\(data\.judged\.0 was"):
        Cells(tmp_path, settings(run, judged=1))
    for module, name, value in (
        ("noise", "IMAGE_LEVELS", (0.1, 0.2, 0.3, 0.4, 0.5)),
        ("noise", "HEADS", {"late": LateFusionSpec()}),
        ("hearing", "_LEARNED_FROM", 10),
        ("material", "COMPONENTS", 10),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(f"featlearn.studies.digits_av.{module}.{name}", value)
            with pytest.raises(CheckpointError, match=r"\(study\."):
                Cells(tmp_path, settings(run))
    Cells(tmp_path, settings(run))


def test_a_point_is_the_mean_over_draws_with_differences_paired_by_sample() -> None:
    point = point_of(draws(), images=10, recordings=5)
    assert (point.pairs, point.draws, point.seconds) == (100, 2, 3.0)
    own, other = point.methods
    assert own.name == SHARED
    assert own.seen.mean == pytest.approx(0.85)
    assert own.heard.mean == pytest.approx(0.9)
    assert other.seen.mean == pytest.approx(0.75)
    assert point.ahead["CCA, inputs"].mean == pytest.approx(0.1)
    assert own.seen.low <= own.seen.mean <= own.seen.high
    assert own.draws == [(0.9, 0.8), (0.8, 1.0)]


def test_a_missing_modality_costs_what_the_errors_say() -> None:
    groups = [np.arange(10), np.array(list("aabbccddee"))]
    nets = {
        "late": NoisyNet(
            {"both": 0.1, "image": 0.2, "sound": 0.3},
            {"both": [0], "image": [0, 1], "sound": [0, 1, 2]},
        ),
        "image alone": NoisyNet({"image": 0.2}, {"image": [0, 1]}),
        "sound alone": NoisyNet({"sound": 0.2}, {"sound": [0, 5]}),
    }
    fused = {name: fused_of(name, net, groups, pairs=10) for name, net in nets.items()}
    assert fused["late"].error["both"].mean == pytest.approx(0.1)
    wide, narrow = fused["late"].by_recording["both"], fused["late"].error["both"]
    assert wide.mean == narrow.mean
    assert missing_costs(fused) == {"late": {"image": 0.0, "sound": 0.5}}
    right = fused_of("sound alone", NoisyNet({"sound": 0.0}, {"sound": []}), groups, pairs=10)
    without = missing_costs({**fused, "sound alone": right})
    assert without == {"late": {"image": 0.0, "sound": None}}
    result = DigitsAVResult(
        out="x",
        seconds=1.0,
        seed=0,
        run="r",
        curve=[point_of(draws(), images=10, recordings=5)],
        levels=Levels(0.6, 0.0, {"image 0.6": 0.19}),
        noisy=[*fused.values()],
        missing=missing_costs(fused),
        folds={"ann": {SHARED: (0.9, 0.8)}},
        figure="f",
    )
    told = markdown(result)
    assert "| 100 | 2 | shared code | 85.00 |" in told
    assert "- late, sound only: +50.0 %" in told
    bare = markdown(msgspec.structs.replace(result, missing=without))
    assert "- late, sound only: —" in bare
    assert "| ann | shared code | 90.00 | 80.00 |" in told
