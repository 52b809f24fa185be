"""The face study from end to end, on faces of four pixels and networks that train in a second."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from featlearn.config.autoencoding import L1Spec, SparseSpec
from featlearn.config.banks import ConvSpec, DenseSpec
from featlearn.config.data import DataSpec
from featlearn.config.load import load_recipe
from featlearn.config.pieces import L2PoolSpec, LCNSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.config.training import PretrainSpec
from featlearn.datasets.scenes import Scenes
from featlearn.errors import CheckpointError
from featlearn.studies.faces import study, table
from featlearn.studies.faces.results import FaceUnitResult, markdown
from featlearn.studies.faces.study import face_unit
from featlearn.studies.faces.table import BEST, PUBLISHED
from featlearn.studies.faces.variants import Variant, variants, without_norm, without_pooling

SIDE = 12


def scenes(count: int, share: float, seed: int) -> Scenes:
    """Make noise, with a bright cross of fixed place in some."""
    rng = np.random.default_rng(seed)
    images = rng.integers(60, 140, (count, 1, SIDE, SIDE), np.uint8)
    faces = np.arange(count) < share * count
    for slices in ((slice(5, 7), slice(2, 10)), (slice(2, 10), slice(5, 7))):
        images[(faces, 0, *slices)] += np.uint8(80)
    names = [f"person-{n % 8}/{n}" if face else f"{n % 9}/{n}" for n, face in enumerate(faces)]
    return Scenes(images, faces, tuple(names))


def recipe(source: Path) -> Recipe:
    np.save(source, scenes(300, 0.2, seed=1).images)
    objective = SparseSpec(penalty=L1Spec(weight=0.1))
    first = StageSpec(
        name="first",
        filter=ConvSpec(size=3, maps=4),
        activation="relu",
        pool=L2PoolSpec(size=2, stride=2),
        norm=LCNSpec(size=3, padding="same"),
        objective=objective,
    )
    second = StageSpec(
        name="second", filter=DenseSpec(maps=8), activation="relu", objective=objective
    )
    return Recipe(
        title="t",
        data=DataSpec(source=str(source), test=0.0),
        stages=(first, second),
        pretrain=PretrainSpec(epochs=2, batch=50),
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Put small networks and scenes in the place of those of the study."""
    folder = tmp_path_factory.mktemp("faces")
    whole = recipe(folder / "scenes.npy")
    networks = [
        Variant(name, name, whole)
        for name in ("faces", "without-lcn", "without-pooling", "without-faces")
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "variants", lambda *_, **__: networks)
        patch.setattr(study, "judged_scenes", lambda *_: scenes(160, 0.35, seed=2))
        patch.setattr(table, "FILTERS", 40)
        patch.setattr(table, "MEANS", 8)
        yield folder / "out"


@pytest.fixture(scope="module")
def result(small: Path) -> FaceUnitResult:
    """Make the study once, in the folder `small`."""
    return face_unit(small, root=small, device="cpu")


@pytest.mark.slow
def test_everything_is_measured_told_and_drawn(small: Path, result: FaceUnitResult) -> None:
    assert [regime.name for regime in result.regimes] == ["none", "third", "full"]
    regime = result.regimes[1]
    assert (regime.scenes, regime.faces, regime.groups) == (160, 56, 17)
    rows = {row.method: row for row in regime.rows}
    assert set(PUBLISHED) <= set(rows)
    assert rows["majority guess"].accuracy == pytest.approx(104 / 160)
    assert rows["best unit of the first stage"].accuracy > 0.9
    assert rows[BEST].accuracy > 0.75
    assert all(name.startswith("second ") for name in rows[BEST].chosen)
    assert rows[BEST].behind == rows[BEST].behind_low == rows[BEST].behind_high == 0
    assert len(rows[BEST].chosen) == 2
    for row in regime.rows:
        assert row.low <= row.accuracy <= row.high
        assert row.behind == pytest.approx(rows[BEST].accuracy - row.accuracy, abs=1e-5)
    assert rows["logistic regression on pixels"].ceiling
    assert result.evidence.stimulus.scenes == 300
    assert [kept.kind for kept in result.evidence.invariance][-1] == "scale"
    for file in (*result.figures, small / "README.md"):
        assert Path(file).stat().st_size > 500
    told = json.loads((small / "results.json").read_text())
    assert told["regimes"][1]["rows"][0]["method"] == "majority guess"
    card = (small / "README.md").read_text()
    assert "| best unit of the last stage |" in card == markdown(result)


def test_what_is_trained_is_kept(small: Path, result: FaceUnitResult) -> None:
    model = Path(result.runs["faces"]) / "model.safetensors"
    before = model.stat().st_mtime_ns
    again = face_unit(small, root=small, device="cpu")
    assert model.stat().st_mtime_ns == before
    assert again.regimes == result.regimes
    assert again.evidence == result.evidence


@pytest.mark.usefixtures("result")
def test_a_folder_of_other_runs_is_left_alone(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = recipe(small.parent / "scenes.npy")
    changed = Variant("faces", "faces", Recipe(title="t", data=other.data, stages=other.stages[:1]))
    monkeypatch.setattr(study, "variants", lambda *_, **__: [changed])
    with pytest.raises(CheckpointError, match="begun with"):
        face_unit(small, root=small, device="cpu")


def test_ablations_leave_out_one_part_each(tmp_path: Path) -> None:
    stage = recipe(tmp_path / "scenes.npy").stages[0]
    assert without_norm(stage).norm is None
    assert without_norm(stage).pool == stage.pool
    assert without_pooling(stage).pool == L2PoolSpec(size=1, stride=2)
    assert without_pooling(stage).norm == stage.norm


@pytest.mark.data("faces-olivetti", "faces-cbcl", "natural-bsds500")
def test_the_networks_differ_in_what_their_names_say(tmp_path: Path, data_root: Path) -> None:
    found = {
        one.name: one.recipe for one in variants(tmp_path, root=data_root, seed=3, overrides=())
    }
    whole = load_recipe("faces", overrides=["seed=3"])
    assert found["faces"] == whole
    assert found["without-faces"].stages == whole.stages
    assert found["without-lcn"].data == whole.data
    images = np.load(found["without-faces"].data.source)
    assert images.shape == (40_000, 1, 32, 32)
