"""Numbers and specs in words."""

from pathlib import Path

import pytest

from featlearn.config.autoencoding import L1Spec, PlainSpec, SparseSpec
from featlearn.config.banks import ConvSpec, DenseSpec, LocalSpec
from featlearn.config.boltzmann import RbmSpec
from featlearn.config.components import RicaSpec
from featlearn.config.load import load_recipe, stack_recipe_names
from featlearn.config.stages import FilterSpec, PatchSpec, StageSpec
from featlearn.report import words
from featlearn.report.objective_words import dead_words


@pytest.mark.parametrize(
    ("share", "of", "text"),
    [(0.0235, 10_000, "2.35"), (0.0235, 500, "2.4"), (1.0, None, "100.0"), (0.0, 9, "0.0")],
)
def test_percentages_have_the_digits_that_the_count_can_bear(
    share: float, of: int | None, text: str
) -> None:
    assert words.percent(share, of=of) == f"{text}\u00a0%"


@pytest.mark.parametrize(
    ("difference", "text"), [(0.0214, "+2.1"), (-0.0214, "−2.1"), (0.0, "0.0"), (-0.0001, "0.0")]
)
def test_points_have_a_sign_unless_they_are_none(difference: float, text: str) -> None:
    assert words.points(difference) == text


def test_shapes() -> None:
    assert words.shape(500, 1, 1) == "500"
    assert words.shape(16, 11, 9).split("\u00a0×\u00a0") == ["16", "11", "9"]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/a/x", "/a/y"], ["x", "y"]),
        (["/a/x", "/b/x", "/b/y"], ["a/x", "b/x", "b/y"]),
        (["/a/x", "/a/x"], ["x", "x"]),
        (["/x", "/a/x"], ["//x", "a/x"]),
    ],
)
def test_folders_are_called_by_what_tells_them_apart(paths: list[str], names: list[str]) -> None:
    assert words.distinct_names([Path(path) for path in paths]) == names


@pytest.mark.parametrize(
    ("spec", "tries", "spares"),
    [
        (StageSpec(name="a", filter=DenseSpec(maps=9)), "leaky-relu", "learning rate"),
        (
            StageSpec(name="a", filter=DenseSpec(maps=9), activation="sigmoid"),
            "pretrain.optimizer.lr",
            "leaky-relu",
        ),
        (
            StageSpec(
                name="a",
                filter=DenseSpec(maps=9),
                activation="tanh",
                objective=SparseSpec(penalty=L1Spec(weight=1.0)),
            ),
            "objective.penalty.weight",
            "leaky-relu",
        ),
        (StageSpec(name="a", filter=LocalSpec(maps=9, size=3)), "margin", "penalty"),
        (
            StageSpec(
                name="a",
                filter=DenseSpec(maps=9),
                activation="identity",
                objective=RicaSpec(rows="free", weighs="reconstruction"),
            ),
            "a larger objective.weight",
            "smaller",
        ),
        (
            StageSpec(
                name="a",
                filter=DenseSpec(maps=9),
                activation="sigmoid",
                input="unit",
                objective=RbmSpec(),
            ),
            "objective.sparsity",
            "optimizer",
        ),
    ],
)
def test_dead_units_are_explained(spec: StageSpec, tries: str, spares: str) -> None:
    said = dead_words(spec, share=0.16, images=65)
    assert "16.0\u00a0% of the units are dead" in said
    assert "each of 65 images" in said
    assert tries in said
    assert spares not in said


@pytest.mark.parametrize("name", stack_recipe_names())
def test_every_shipped_recipe_has_words(name: str) -> None:
    recipe = load_recipe(name)
    said = [part for stage in recipe.stages for part in words.stage_words(stage)]
    said += [words.preprocess_words(spec) for spec in recipe.preprocess]
    assert all(said)
    assert not any("Spec(" in part for part in said)


@pytest.mark.parametrize(
    ("bank", "patches", "said"),
    [
        (DenseSpec(maps=9), None, ("9 dense units", "")),
        (DenseSpec(maps=9, size=4), None, ("9 dense filters moved over the maps, 4 × 4", "")),
        (
            DenseSpec(maps=9, size=4, stride=2),
            PatchSpec(size=4),
            ("9 dense filters moved over the maps, 4 × 4, stride 2", ", on 4 × 4 patches"),
        ),
        (
            ConvSpec(maps=9, size=4, padding="same"),
            PatchSpec(size=6),
            ("9 shared filters, 4 × 4, same size", ", on 6 × 6 patches"),
        ),
    ],
)
def test_a_filter_is_said_to_learn_from_patches_where_it_does(
    bank: FilterSpec, patches: PatchSpec | None, said: tuple[str, str]
) -> None:
    spec = StageSpec(name="s", filter=bank, patches=patches, objective=PlainSpec())
    first, *_, last = (part.replace("\u00a0", " ") for part in words.stage_words(spec))
    assert first == said[0]
    assert last == f"plain auto-encoder, tied decoder{said[1]}"


def test_folders_are_left_out_of_absolute_paths() -> None:
    said = words.names_only(
        "/home/anna b/photos.zip: 'x' is not under /srv/data/mnist/train.gz; see https://a.b/c/d, "
        "mine/own.toml or ~/other/file.npy, 3/4 of train/test",
        "/home/anna b/photos.zip",
    )
    assert said == (
        "photos.zip: 'x' is not under train.gz; see https://a.b/c/d, "
        "mine/own.toml or file.npy, 3/4 of train/test"
    )
