"""Maps, neighbours, mistakes, saliency and examples as figures."""

import numpy as np
import pytest
import torch
from matplotlib.text import Text
from torch import Tensor

from featlearn.config.autoencoding import PlainSpec
from featlearn.config.banks import ConvSpec, DenseSpec
from featlearn.config.clusters import KMeansSpec
from featlearn.config.data import DataSpec
from featlearn.config.objectives import ObjectiveSpec
from featlearn.config.pieces import L2PoolSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import StageSpec
from featlearn.errors import DataError
from featlearn.evaluate.confused import Confused
from featlearn.evaluate.data_map import PcaMap, pca_map
from featlearn.evaluate.saliency import Occlusion
from featlearn.evaluate.top_images import excited, top_images
from featlearn.evaluate.units import unit_at
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.visualize.confused import confused_figure
from featlearn.visualize.data_map import apart, colour_of, map_figure
from featlearn.visualize.examples import codes_figure, unit_examples_figure
from featlearn.visualize.neighbours import neighbours_figure
from featlearn.visualize.reconstructions import reconstructions_figure, without_reconstructions
from featlearn.visualize.saliency import Asked, saliency_figure, signed_colours
from featlearn.visualize.style import PAPER, SERIES, Figure, png_bytes

IMAGE = MapShape(1, 10, 10)


def images(count: int = 6) -> Tensor:
    return torch.rand(count, *IMAGE, generator=torch.Generator().manual_seed(0))


def words(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def note_of(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())


def network(*, above: ObjectiveSpec | None = None) -> Stack:
    low = StageSpec(
        name="low",
        filter=ConvSpec(size=3, maps=4),
        pool=L2PoolSpec(size=2, stride=2),
        objective=PlainSpec(),
    )
    dense = DenseSpec(maps=5, bias=above is None)
    high = StageSpec(name="high", filter=dense, objective=above or PlainSpec())
    recipe = Recipe(title="t", data=DataSpec(source="digits"), stages=(low, high))
    return build_stack(recipe, IMAGE, seed=0).eval()


def test_no_two_thumbnails_hide_each_other() -> None:
    points = np.random.default_rng(0).normal(size=(80, 2))
    chosen = apart(points, least=0.3)
    gaps = np.abs(points[chosen][:, None] - points[chosen][None]).max(axis=2)
    np.fill_diagonal(gaps, np.inf)
    assert gaps.min() >= 0.3
    for left in set(range(80)) - set(chosen):  # none was left out without need
        before = [place for place in chosen if place < left]
        assert np.abs(points[before] - points[left]).max(axis=1).min() < 0.3


@pytest.mark.parametrize("classes", [2, 12])
def test_a_map_names_classes_where_their_images_lie(classes: int) -> None:
    labels = np.arange(24) % classes
    points = np.stack([labels, labels * 2 + 1], axis=1).astype(np.float64)
    pca = PcaMap(points, np.array([0.75, 0.125]))
    names = [f"class {k}" for k in range(classes)]
    pictures = images(24).numpy()
    figure = map_figure(pca, points, pictures, labels=labels, classes=names, title="t")
    assert len(figure.axes) == 2
    for axes in figure.axes:
        named = {text.get_text(): text.get_position() for text in axes.texts}
        assert named == {name: (k, 2 * k + 1) for k, name in enumerate(names)}
        assert len(axes.images) == classes
    assert "75 %" in figure.axes[0].get_xlabel()
    assert "12 %" in figure.axes[0].get_ylabel()
    assert colour_of(1, 2) == SERIES[1]
    assert png_bytes(figure, dpi=40)


def test_a_map_without_labels_or_extent() -> None:
    pca = pca_map(torch.ones(3, 4))
    figure = map_figure(pca, None, images(3).numpy(), labels=None, classes=(), title="t")
    (axes,) = figure.axes
    assert len(axes.images) == 1
    assert not axes.texts
    assert png_bytes(figure, dpi=40)


def test_neighbours_of_another_class_stand_out() -> None:
    near = {"pixels": torch.tensor([[1, 2]]), "low": torch.tensor([[3, 1]])}
    labels = np.array([0, 0, 1, 1])
    figure = neighbours_figure(
        images(4).numpy(),
        [0],
        near,
        labels=labels,
        classes=["a", "b"],
        agreement={"pixels": 0.5, "low": 0.25},
        how="cosine",
    )
    (axes,) = figure.axes
    captions = [text for text in axes.texts if text.get_text() in {"a", "b"}]
    assert [text.get_text() for text in captions] == ["a", "a", "b", "b", "a"]
    orange = [text.get_color() == SERIES[1] for text in captions]
    assert orange == [False, False, True, True, False]
    assert {"image", "pixels: 50 %", "low: 25 %"} <= set(words(figure))


def test_mistakes_have_a_row_for_each_pair() -> None:
    found = [Confused(1, 0, torch.tensor([4, 2]), torch.tensor([0.9, 0.6]), 0.25)]
    figure = confused_figure(found, [images(2)], ["x", "y"], name="judged")
    assert words(figure) == ["y → x\n2 images, 25 %", "90 %", "60 %"]
    with pytest.raises(DataError, match="no picture"):
        confused_figure([], [], ["x", "y"], name="judged")


def test_saliency_is_blue_for_the_class_and_orange_against_it() -> None:
    maps = np.array([[[2.0, 0.0, -2.0]], [[0.0, 0.0, 0.0]]])
    colours = ["#" + "".join(f"{c:02x}" for c in pixel[:3]) for pixel in signed_colours(maps)[0, 0]]
    assert colours == [SERIES[0], PAPER, SERIES[1]]
    assert (signed_colours(maps)[1] == 255).all()
    x, places = images(2), torch.tensor([0])
    covered = Occlusion(x[:, 0, :1, :1], places, places, 3, x[:, 0] - 0.5)
    asked = Asked(x, ["zero", "a very long name"], [0.5, 1.0], [True, False])
    figure = saliency_figure(asked, gradient=x - 0.5, shares=x - 0.5, occluded=covered, name="h")
    assert len(figure.axes) == 4
    assert {"zero\n50 %", "a very lo…\n100 %", "covering\n3×3"} <= set(words(figure))


def test_examples_show_each_unit_and_what_it_answers_to() -> None:
    stack, x = network(), images(9)
    (top,) = top_images(stack, [x], stages=[0], count=3, over_maps=True)
    shown = []
    for row in range(2):
        one = excited(stack, 0, top, row, x[top.places[row]], name=f"low {row}")
        units = [unit_at(stack.stage(0).output_shape, place) for place in top.units[row].tolist()]
        shown.append((one, units))
    figure = unit_examples_figure(stack, 0, shown)
    assert len(figure.axes) == 4
    assert [text for text in words(figure) if "\n" in text] == ["low 0\nimage", "low 1\nimage"]
    assert png_bytes(figure, dpi=40)


def test_codes_are_shown_with_their_errors() -> None:
    figure = codes_figure(network(), torch.cat([images(2), torch.full((1, *IMAGE), 0.5)]))
    labels = [axes.texts[0].get_text() for axes in figure.axes]
    assert labels == [
        "image",
        "as prepared",
        "low\nwith weights",
        "low\noutput alone",
        "high\nwith weights",
        "high\noutput alone",
    ]
    assert "No decoder" not in note_of(figure)
    assert [text.get_text() for text in figure.axes[2].texts][-1] == "– (–)"


def test_stages_without_a_reconstruction_are_named() -> None:
    assert without_reconstructions(network()) is None
    clusters = network(above=KMeansSpec())
    words = "Nothing is shown of high, which has no decoder."
    assert without_reconstructions(clusters) == words
    assert words in note_of(reconstructions_figure(clusters, images(3)))


def test_codes_of_clusters_are_left_out() -> None:
    figure = codes_figure(network(above=KMeansSpec()), images(2))
    assert [axes.texts[0].get_text() for axes in figure.axes][2:] == [
        "low\nwith weights",
        "low\noutput alone",
    ]
    assert "No decoder leads down from high." in note_of(figure)
