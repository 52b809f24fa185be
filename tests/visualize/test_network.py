"""The drawing of a network shows every layer, in order, with its sizes."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle
from matplotlib.transforms import Bbox

from featlearn.config.load import load_recipe, parse_recipe, stack_recipe_names
from featlearn.config.plan import plan
from featlearn.config.recipe import Recipe
from featlearn.datasets.entries import told_shape
from featlearn.geometry import MapShape
from featlearn.visualize.columns import columns_of, count_words, in_rows
from featlearn.visualize.network import network_figure
from featlearn.visualize.style import figure_pixels, save_figure

LENET = plan(load_recipe("lenet5"), MapShape(1, 32, 32), 10)
STAGE = """
[[stages]]
name = "{name}"
filter = {{ kind = "{kind}", size = 3, maps = 4, padding = "same"{more} }}
pool = {{ kind = "l2", size = 2 }}
norm = {{ kind = "lcn", size = 3, padding = "same" }}
"""


def recipe_of(count: int, kind: str = "local", more: str = "") -> Recipe:
    stages = (STAGE.format(name=f"s{n}", kind=kind, more=more) for n in range(count))
    return parse_recipe(f'title = "t"\n[data]\nsource = "x"\n{"".join(stages)}')


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def test_every_layer_of_lenet_5_is_there_with_its_sizes() -> None:
    said = words(network_figure(LENET, title="LeNet-5"))
    names = ["image", "C1", "S2", "C3", "S4", "F5", "F6", "out"]
    places = [said.index(name) for name in names]
    assert places == sorted(places)
    assert said[0] == "LeNet-5"
    for text in ("6 × 28 × 28", "16 × 5 × 5", "120", "sees 14 × 14", "2\u202f400 weights"):
        assert text in said


def test_no_words_overlap_or_leave_the_page() -> None:
    for name in stack_recipe_names():
        recipe = load_recipe(name)
        image = told_shape(recipe.data) or MapShape(1, 8, 8)
        figure = network_figure(plan(recipe, image, 10), title=recipe.title)
        figure_pixels(figure)
        texts = [text for text in figure.axes[0].texts if text.get_text()]
        boxes = [text.get_window_extent() for text in texts]
        page = figure.bbox
        for index, box in enumerate(boxes):
            assert page.x0 <= box.x0 <= box.x1 <= page.x1, texts[index]
            assert page.y0 <= box.y0 <= box.y1 <= page.y1, texts[index]
            for other in range(index):
                assert not _overlap(box, boxes[other]), (name, texts[index], texts[other])


def _overlap(a: Bbox, b: Bbox) -> bool:
    return min(a.x1, b.x1) > max(a.x0, b.x0) and min(a.y1, b.y1) > max(a.y0, b.y0) + 1


def test_planes_keep_the_order_of_their_sizes_and_the_shape_of_the_image() -> None:
    fronts = [
        patch
        for patch in network_figure(plan(recipe_of(1), MapShape(1, 20, 10))).axes[0].patches
        if isinstance(patch, Rectangle) and patch.get_zorder() == 1
    ]
    sides = {(round(patch.get_width(), 6), round(patch.get_height(), 6)) for patch in fronts}
    assert all(width < height for width, height in sides)
    assert len(sides) == 2  # of the image and the filter, and one less after pooling


def test_units_are_as_many_circles_as_there_are_up_to_nine() -> None:
    def circles(maps: int) -> int:
        text = f'[[stages]]\nname = "s"\nfilter = {{ kind = "dense", maps = {maps} }}'
        recipe = parse_recipe(f'title = "t"\n[data]\nsource = "x"\n{text}')
        patches = network_figure(plan(recipe, MapShape(1, 4, 4))).axes[0].patches
        return sum(isinstance(patch, Circle) for patch in patches)

    assert [circles(count) for count in (1, 2, 9, 10, 800)] == [1, 2, 9, 9, 9]


def test_a_grid_marks_weights_that_are_not_shared() -> None:
    def lines(kind: str, more: str = "") -> int:
        figure = network_figure(plan(recipe_of(1, kind, more), MapShape(1, 8, 8)))
        return len(figure.axes[0].lines)

    assert lines("conv") < lines("local") == lines("tiled", ", tile = 2")


def test_whitening_that_changes_the_shape_stands_between() -> None:
    counted = plan(load_recipe("photographs"), MapShape(1, 12, 12))
    image, prepared, edges = columns_of(counted)
    assert (image.shape, prepared.shape, edges.shape) == ((1, 12, 12), (60, 1, 1), (100, 1, 1))
    assert prepared.kind == "contrast, PCA"
    contrast = columns_of(plan(load_recipe("mnist-local"), MapShape(1, 28, 28)))
    assert contrast[0].facts == ("contrast",)
    assert contrast[1].name == "strokes"


def test_a_long_network_is_broken_between_stages() -> None:
    columns = columns_of(plan(recipe_of(8), MapShape(1, 60, 60)))
    rows = in_rows(columns)
    assert [column for row in rows for column in row] == columns
    assert [len(row) for row in rows] == [10, 9, 6]
    assert [row[0].name for row in rows] == ["image", "s3", "s6"]
    figure = network_figure(plan(recipe_of(8), MapShape(1, 60, 60)))
    bands = [p for p in figure.axes[0].patches if isinstance(p, FancyBboxPatch)]
    assert len(bands) == 8


@pytest.mark.parametrize("shape", [MapShape(1, 1, 1), MapShape(3, 1, 40), MapShape(200, 300, 5)])
def test_odd_shapes_are_drawn(shape: MapShape) -> None:
    text = '[[stages]]\nname = "s"\nfilter = { kind = "dense", maps = 1 }'
    recipe = parse_recipe(f'title = "t"\n[data]\nsource = "x"\n{text}')
    assert figure_pixels(network_figure(plan(recipe, shape), title="$x^2 <b>" * 40)).std() > 0


def test_files_of_every_format_repeat_to_the_byte(tmp_path: Path) -> None:
    heads = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF", ".PDF": b"%PDF"}
    for suffix, head in heads.items():
        written: list[bytes] = []
        for number in range(2):
            path = tmp_path / f"{number}{suffix}"
            save_figure(network_figure(LENET, title="LeNet-5"), path)
            written.append(path.read_bytes())
        assert written[0].startswith(head)
        assert written[0] == written[1]
    assert b">C1</text>" in (tmp_path / "0.svg").read_bytes()


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (7, "7"),
        (1234, "1\u202f234"),
        (999_999_999, "999\u202f999\u202f999"),
        (1_144_863_072, "1.14 billion"),
        (10**12, "1 trillion"),
    ],
)
def test_counts_in_words(number: int, said: str) -> None:
    assert count_words(number) == said


def test_average_pooling_has_its_name_in_recipes() -> None:
    recipe = load_recipe("lenet5", overrides=['stages.C1.pool={ kind = "avg", size = 2 }'])
    said = words(network_figure(plan(recipe, MapShape(1, 32, 32), 10)))
    assert "avg pooling" in said
    assert not any("mean" in word for word in said)
