"""The pieces of the study that need no data, and what it tells."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats
from torch import nn

from featlearn.config.load import load_any_recipe
from featlearn.config.modalities import LateFusionSpec, MultimodalRecipe
from featlearn.datasets.imageset import ImageSet
from featlearn.errors import CheckpointError
from featlearn.studies.digits_av.cells import Cells
from featlearn.studies.digits_av.hearing import SHARED, Draw, Wrong, draw_pairs, seed_of
from featlearn.studies.digits_av.material import Material
from featlearn.studies.digits_av.noise import Levels
from featlearn.studies.digits_av.noisy_nets import NoisyNet
from featlearn.studies.digits_av.results import DigitsAVResult, Repeated
from featlearn.studies.digits_av.study import settings_of
from featlearn.studies.digits_av.summary import (
    Groups,
    compared,
    fused_of,
    methods_of,
    over_speakers,
    point_of,
)
from featlearn.studies.digits_av.telling import markdown


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
    whole = Material(net, chosen, learned=learned, kept=kept, judged=test, trained=True)
    return settings_of(chosen, whole, folder)


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
        ("noisy_nets", "HEADS", {"late": LateFusionSpec()}),
        ("hearing", "_LEARNED_FROM", 10),
        ("material", "COMPONENTS", 10),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(f"featlearn.studies.digits_av.{module}.{name}", value)
            with pytest.raises(CheckpointError, match=r"\(study\."):
                Cells(tmp_path, settings(run))
    Cells(tmp_path, settings(run))


def material(seed: int) -> Material:
    """Give 40 blank samples of two classes in each modality."""
    net: Any = nn.Linear(1, 1)
    sides = [
        ImageSet(np.zeros((40, 1, 4, 4), np.uint8), np.arange(40) % 2, ("0", "1"), None, name)
        for name in ("images", "sounds")
    ]
    return Material(net, recipe(f"seed={seed}"), learned=sides, kept=[], judged=sides, trained=True)


def test_draws_of_neighbouring_seeds_have_no_pairs_in_common() -> None:
    seeds = [seed_of(material(seed), draw) for seed in range(4) for draw in range(8)]
    assert len({*seeds}) == len(seeds)
    assert [seed_of(material(seed), 0) for seed in range(4)] == [0, 1, 2, 3]
    drawn = {
        tuple(draw_pairs(material(seed), count=10, draw=draw).ravel().tolist())
        for seed in range(4)
        for draw in range(4)
    }
    assert len(drawn) == 16


def test_a_point_is_the_mean_over_draws_with_differences_draw_by_draw() -> None:
    point = point_of(draws(), images=10, recordings=5)
    assert (point.pairs, point.draws, point.seconds) == (100, 2, 3.0)
    own, other = point.methods
    assert own.name == SHARED
    assert own.seen.mean == pytest.approx(0.85)
    assert own.heard.mean == pytest.approx(0.9)
    assert other.seen.mean == pytest.approx(0.75)
    assert own.seen.each == [0.9, 0.8]
    assert own.heard.each == [0.8, 1.0]
    # The CCA names 2 and 1 of 10 images more wrong than the shared code.
    ahead = point.ahead["CCA, inputs"]
    assert ahead.each == pytest.approx([0.2, 0.0])
    reach = stats.sem([0.2, 0.0]) * stats.t.ppf(0.975, 1)
    assert ahead.by_training == pytest.approx((0.1 - reach, 0.1 + reach), abs=1e-6)
    assert ahead.by_image is not None
    assert ahead.by_image[0] <= 0.1 <= ahead.by_image[1]
    assert ahead.by_recording is None
    assert ahead.widest == ahead.by_training


def test_one_draw_has_no_interval_over_draws() -> None:
    point = point_of(draws()[:1], images=10, recordings=5)
    assert point.methods[0].seen.by_training is None
    assert point.methods[0].seen.widest == point.methods[0].seen.by_image
    assert Repeated(mean=0.5, each=[0.5]).widest == (0.5, 0.5)


def test_the_mean_over_speakers_has_the_interval_of_speakers() -> None:
    folds = {
        "ann": methods_of(draws(), images=10, recordings=5),
        "bob": methods_of(draws()[:1], images=10, recordings=5),
    }
    own = over_speakers(folds)[0]
    assert own.name == SHARED
    assert own.heard.each == pytest.approx([0.9, 0.8])
    assert own.heard.mean == pytest.approx(0.85)
    reach = stats.sem([0.9, 0.8]) * stats.t.ppf(0.975, 1)
    assert own.heard.by_training == pytest.approx((0.85 - reach, 0.85 + reach), abs=1e-6)


GROUPS: Groups = {"image": np.arange(10), "recording": np.array(list("aabbccddee"))}


def nets(*, sound_alone: list[int]) -> dict[str, list[NoisyNet]]:
    """Give two seeds of a head and of each modality alone, judged on ten pairs."""
    both = {"both": [0], "image": [0, 1], "sound": [0, 1, 2]}
    again = {"both": [], "image": [0, 1], "sound": [0, 1, 2]}
    errors = {"both": 0.1, "image": 0.2, "sound": 0.3}
    return {
        "late": [NoisyNet(errors, both), NoisyNet({**errors, "both": 0.2}, again)],
        "image alone": [NoisyNet({"image": 0.2}, {"image": [0, 1, 7]})] * 2,
        "sound alone": [NoisyNet({"sound": 0.2}, {"sound": sound_alone})] * 2,
    }


def test_noisy_nets_are_compared_with_those_of_one_modality_seed_by_seed() -> None:
    given = nets(sound_alone=[0, 5])
    late = fused_of(given, GROUPS)[0]
    assert late.validation["both"] == pytest.approx(0.15)
    assert late.error["both"].mean == pytest.approx(0.05)
    assert late.error["both"].each == [0.1, 0.0]
    assert late.error["sound"].by_recording is not None
    assert late.error["sound"].by_image is not None
    fused, missing = compared(given, GROUPS)
    assert fused["late"].against == "sound alone"
    assert fused["late"].more == pytest.approx(0.05 / 0.2 - 1)
    assert fused["late"].difference.each == pytest.approx([-0.1, -0.2])
    assert missing["late"]["image"].more == pytest.approx(0.2 / 0.3 - 1, abs=1e-4)
    assert missing["late"]["sound"].more == pytest.approx(0.5)
    assert missing["late"]["sound"].difference.mean == pytest.approx(0.1)
    assert [*missing] == ["late"]


def test_what_is_missing_costs_no_share_of_a_net_that_errs_nowhere() -> None:
    fused, missing = compared(nets(sound_alone=[]), GROUPS)
    assert fused["late"].more is None
    assert missing["late"]["sound"].more is None
    assert missing["late"]["sound"].difference.mean == pytest.approx(0.3)


def test_the_study_is_told_in_tables() -> None:
    given = nets(sound_alone=[0, 5])
    fused, missing = compared(given, GROUPS)
    folds = {"ann": methods_of(draws(), images=10, recordings=5)}
    result = DigitsAVResult(
        out="x",
        seconds=1.0,
        seed=0,
        run="r",
        curve=[point_of(draws(), images=10, recordings=5)],
        levels=Levels(0.6, 0.0, {"image 0.6": 0.19}),
        noisy=fused_of(given, GROUPS),
        fused=fused,
        missing=missing,
        folds=folds,
        unheard=over_speakers(folds),
        figure="f",
    )
    told = markdown(result)
    assert "| 100 | 2 | shared code | 85.00 |" in told
    assert "| 100 | CCA, inputs | +10.00 |" in told
    assert "| late | both | sound alone | -75.0 % | -15.00 |" in told
    assert "| late | sound | sound alone | +50.0 % | +10.00 |" in told
    assert "| ann | shared code | 85.00 | 90.00 |" in told
    assert "| mean of all | shared code | 85.00 | 90.00 |" in told
    without = compared(nets(sound_alone=[]), GROUPS)[1]
    bare = markdown(msgspec.structs.replace(result, missing=without, folds={}))
    assert "| late | sound | sound alone | — | +30.00 |" in bare
    assert "never heard" not in bare
