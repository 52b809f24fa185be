import tracemalloc
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import pytest
from safetensors import safe_open

from featlearn.config.banks import DenseSpec
from featlearn.config.heads import RegressionSpec
from featlearn.config.load import load_recipe
from featlearn.config.plan import plan
from featlearn.errors import CheckpointError, FeatlearnError, RecipeError, UsageError
from featlearn.geometry import MapShape
from featlearn.workflows.describe import describe, describe_source
from featlearn.workflows.pretrain import pretrain

STAGE = '[[stages]]\nname = "s"\nfilter = { kind = "dense", maps = 3 }\n'


def write(folder: Path, data: str, *, preprocess: str = "") -> Path:
    path = folder / "r.toml"
    text = f'title = "T"\npreprocess = [{preprocess}]\n[data]\n{data}\n{STAGE}'
    path.write_text(text, encoding="utf-8")
    return path


def test_counts_what_the_plan_counts() -> None:
    recipe = load_recipe("lenet5")
    found = describe(recipe, MapShape(1, 32, 32), 10)
    counted = plan(recipe, MapShape(1, 32, 32), 10)
    assert (found.layers, found.totals, found.title) == (
        counted.layers,
        counted.totals,
        recipe.title,
    )


def test_a_known_set_need_not_be_there(tmp_path: Path) -> None:
    found = describe_source("lenet5", root=tmp_path / "nowhere")
    assert found.input == (1, 32, 32)
    assert found.layers[-1].units == 10


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        ('source = "photographs"\ncolour = "grey"\nsize = [9, 7]\nfit = "crop"', (1, 9, 7)),
        ('source = "photographs"\nsize = [9, 7]\nfit = "crop"', (3, 9, 7)),
        ('source = "digits"\ncolour = "rgb"', (3, 8, 8)),
        ('source = "mnist:test"', (1, 28, 28)),
        ('source = "elsewhere"\ncolour = "rgb"\nsize = [5, 5]\nfit = "pad"', (3, 5, 5)),
    ],
)
def test_the_recipe_and_the_catalogue_tell_the_shape(
    tmp_path: Path, data: str, shape: tuple[int, int, int]
) -> None:
    assert describe_source(write(tmp_path, data), root=tmp_path).input == shape


def test_other_data_are_read_for_it(tmp_path: Path) -> None:
    images = np.zeros((30, 2, 6, 5), np.float32)
    np.savez(tmp_path / "x.npz", x=images, y=np.arange(30) % 3)
    path = write(tmp_path, 'source = "x.npz"')
    found = describe_source(path, root=tmp_path)
    assert found.input == (2, 6, 5)
    assert found.layers[-1].units == 3


def test_another_shape_may_be_given(tmp_path: Path) -> None:
    path = write(tmp_path, 'source = "nowhere"')
    found = describe_source(path, root=tmp_path, input_shape=MapShape(2, 3, 3))
    assert found.layers[0].weights == 3 * 18
    with pytest.raises(FeatlearnError, match="nowhere"):
        describe_source(path, root=tmp_path)


def test_a_run_knows_how_many_components_were_kept(tmp_path: Path) -> None:
    path = write(
        tmp_path, 'source = "digits"\nlimit = 60', preprocess='{ kind = "pca", keep = 0.8 }'
    )
    with pytest.raises(RecipeError, match="share of variance"):
        describe_source(path, root=tmp_path)
    run = tmp_path / "run"
    recipe = load_recipe(path, overrides=["pretrain.epochs=1"])
    pretrain(recipe, out=run, root=tmp_path, device="cpu")
    (row, head) = describe_source(run, root=tmp_path).layers
    assert 1 < row.weights // 3 < 64
    assert head.units == 10


class Opened:
    """An open safetensors file that lets no tensor out."""

    def __init__(self, path: Path, framework: str) -> None:
        self.file = safe_open(path, framework=framework)

    def __enter__(self) -> Self:
        self.file.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self.file.__exit__(*raised)

    def metadata(self) -> dict[str, str]:
        return self.file.metadata()

    def keys(self) -> list[str]:
        return self.file.keys()

    def get_tensor(self, name: str) -> None:
        raise AssertionError(f"{name} was read")


def test_no_tensor_of_a_run_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, 'source = "digits"\nlimit = 60')
    recipe = load_recipe(path, overrides=["pretrain.epochs=1"])
    pretrain(recipe, out=tmp_path / "run", root=tmp_path, device="cpu")
    monkeypatch.setattr("featlearn.networks.store.safe_open", Opened)
    assert describe_source(tmp_path / "run", root=tmp_path).layers[0].weights == 3 * 64


def test_a_run_with_a_damaged_model(tmp_path: Path) -> None:
    path = write(tmp_path, 'source = "digits"')
    path.rename(tmp_path / "recipe.toml")
    (tmp_path / "model.safetensors").write_bytes(b"not a model")
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        describe_source(tmp_path, root=tmp_path)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean lenet5"):
        describe_source("lenet", root=tmp_path)
    with pytest.raises(UsageError, match=r"^stages\.C3.*=99: stage 'C3': filter\.size 99"):
        describe_source("lenet5", root=tmp_path, overrides=["stages.C3.filter.size=99"])


def test_a_shipped_name_wins_over_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe("digits", overrides=["pretrain.epochs=1", "stages.strokes.filter.maps=3"])
    pretrain(recipe, out="digits", root=tmp_path, device="cpu")
    shipped = describe_source("digits", root=tmp_path)
    assert shipped.layers[0].output[0] != 3
    assert describe_source("./digits", root=tmp_path).layers[0].output[0] == 3
    assert describe_source(Path("digits"), root=tmp_path).layers[0].output[0] == 3


def test_each_task_has_a_head() -> None:
    """Of as many answers as are known without its data."""
    recipe = load_recipe("faces-multitask")
    task = recipe.tasks[1]
    ages = msgspec.structs.replace(
        task, name="ages", head=RegressionSpec(), targets=("age", "height")
    )
    unknown = msgspec.structs.replace(ages, name="sizes", targets=())
    several = msgspec.structs.replace(recipe, tasks=(*recipe.tasks, ages, unknown))
    found = describe(several, MapShape(1, 32, 32), 2)
    below = recipe.stages[-1]
    assert isinstance(below.filter, DenseSpec)
    heads = {row.name: row.weights for row in found.layers if row.stage is None}
    assert heads == {
        "detection.out": 2 * below.filter.maps,
        "identification.out": 20 * below.filter.maps,
        "ages.out": 2 * below.filter.maps,
    }


def test_a_batch_may_be_given_and_changes_activations_alone(tmp_path: Path) -> None:
    own = describe_source("lenet5", root=tmp_path)
    found = describe_source("lenet5", root=tmp_path, batch=256)
    assert (own.batch, found.batch) == (load_recipe("lenet5").pretrain.batch, 256)
    assert found.training.activations == 2 * own.training.activations
    assert found.training.weights == own.training.weights
    assert found.totals == own.totals


class TestFigure:
    @pytest.mark.parametrize("name", ["n.svg", "folder/n.PNG", "n.pdf"])
    def test_is_written_and_named(self, tmp_path: Path, name: str) -> None:
        found = describe_source("lenet5", root=tmp_path, figure=tmp_path / name)
        assert found.figure == str(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000

    def test_is_replaced_only_if_that_is_wanted(self, tmp_path: Path) -> None:
        file = tmp_path / "n.svg"
        file.write_text("mine")
        with pytest.raises(UsageError, match=r"n\.svg exists already"):
            describe_source("lenet5", root=tmp_path, figure=file)
        assert file.read_text() == "mine"
        describe_source("lenet5", root=tmp_path, figure=file, overwrite=True)
        assert "C1" in file.read_text()

    def test_another_format_is_refused_before_anything_is_read(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"n\.jpg should end in \.svg, \.png, \.pdf"):
            describe_source("nowhere", root=tmp_path, figure=tmp_path / "n.jpg")
        assert not list(tmp_path.iterdir())


def test_the_network_of_2012_has_the_weights_of_its_paper_s_sizes(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        found = describe_source("catnet-2012", root=tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    filters = [row for row in found.layers if row.kind == "local filter"]
    assert [row.weights for row in filters] == [260_410_464, 517_653_504, 366_799_104]
    assert found.totals.weights == 1_144_863_072
    sides = [row.output[1] for row in found.layers]
    assert sides == [183, 179, 175, 158, 154, 150, 133, 129, 125]
    assert all(row.output[0] == 8 for row in found.layers)
    assert peak < 2**26  # counted, and never built


def test_the_size_of_2013_has_as_many_weights_as_its_recipe_says(tmp_path: Path) -> None:
    recipe = load_recipe("catnet-2013")
    found = describe_source("catnet-2013", root=tmp_path)
    assert found.totals.weights == sum(
        positions**2 * maps * 18**2 * below
        for positions, maps, below in ((183, 32, 3), (158, 24, 32), (133, 29, 24))
    )
    assert recipe.expect.startswith(f"{found.totals.weights:,} encoder weights")
    assert 11.2 <= found.totals.weights / 1e9 < 11.3  # those of the paper
