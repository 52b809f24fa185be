"""Confusion and few-label figures hold the numbers they are given; every figure is quiet."""

import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from featlearn.errors import DataError
from featlearn.evaluate.paired import paired_interval
from featlearn.visualize.confusion import confusion_figure
from featlearn.visualize.few_labels import few_labels_figure
from featlearn.visualize.style import figure_pixels, png_bytes, save_figure, svg_text

COUNTS = [50, 200]
PRETRAINED = [[0.90, 0.92, 0.91], [0.95, 0.97, 0.96]]
SCRATCH = [[0.86, 0.90, 0.88], [0.95, 0.95, 0.96]]


def test_confusion_is_shaded_by_the_share_of_the_row() -> None:
    figure = confusion_figure([[8, 2], [0, 1]], ["rare", "common"])
    (image,) = figure.axes[0].images
    np.testing.assert_allclose(np.asarray(image.get_array()), [[0.8, 0.2], [0.0, 1.0]])
    assert [text.get_text() for text in figure.axes[0].texts] == ["8", "2", "", "1"]
    assert figure.axes[0].get_title("left") == ""


def test_confusion_of_a_head_says_whose_and_of_how_many_images() -> None:
    figure = confusion_figure([[8, 2], [0, 1]], ["rare", "common"], name="a$b")
    assert figure.axes[0].get_title("left") == r"a\$b: 11 images"
    assert png_bytes(figure, dpi=50)


def test_confusion_of_an_empty_class_and_of_odd_names() -> None:
    names = ["<script>alert(1)</script>", "$x^2", "a" * 40]
    figure = confusion_figure([[0, 0, 0], [1, 2, 3], [0, 0, 1]], names)
    assert png_bytes(figure, dpi=50)
    assert "&lt;script&gt;" in svg_text(figure)


def test_many_classes_have_no_numbers() -> None:
    figure = confusion_figure(np.eye(40, dtype=int).tolist(), [str(k) for k in range(40)])
    assert not figure.axes[0].texts


def test_few_labels_draws_means_draws_and_paired_intervals() -> None:
    above, below = few_labels_figure(COUNTS, PRETRAINED, SCRATCH).axes
    means = {line.get_label(): line.get_ydata() for line in above.lines}
    assert means["pre-trained"] == pytest.approx([91, 96])
    assert means["from scratch"] == pytest.approx([88, 100 * 2.86 / 3])
    dots = [line for line in above.lines if len(np.asarray(line.get_xdata())) == 3]
    assert len(dots) == 4
    segments = [line for line in below.lines if line.get_linewidth() == 2.0]
    for segment, a, b in zip(segments, PRETRAINED, SCRATCH, strict=True):
        interval = paired_interval(a, b)
        assert segment.get_ydata() == pytest.approx([100 * interval.low, 100 * interval.high])


@pytest.mark.parametrize(
    ("counts", "a", "b"),
    [([], [], []), ([50], PRETRAINED, SCRATCH), (COUNTS, PRETRAINED, SCRATCH[::-1][:1])],
)
def test_few_labels_of_unequal_parts(
    counts: list[int], a: list[list[float]], b: list[list[float]]
) -> None:
    with pytest.raises(DataError, match="same draws"):
        few_labels_figure(counts, a, b)


def test_bytes_do_not_change(tmp_path: Path) -> None:
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        save_figure(few_labels_figure(COUNTS, PRETRAINED, SCRATCH), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    svg = [svg_text(few_labels_figure(COUNTS, PRETRAINED, SCRATCH)) for _ in range(2)]
    assert svg[0] == svg[1]
    assert "date" not in svg[0].lower()


def test_matplotlib_is_left_as_it_was() -> None:
    before = dict(mpl.rcParams)
    png_bytes(confusion_figure([[1]], ["a"]), dpi=50)
    assert dict(mpl.rcParams) == before


def test_pixels_are_those_of_the_figure() -> None:
    pixels = figure_pixels(confusion_figure([[1]], ["a"]))
    assert pixels.shape == (260, 260, 3)
    assert pixels.min() < 100 < pixels.max()


def test_pyplot_is_never_loaded() -> None:
    modules = "filters projections reconstructions curves confusion few_labels"
    imports = "; ".join(f"import featlearn.visualize.{name}" for name in modules.split())
    code = f"import sys; {imports}; sys.exit('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=Path.cwd())
    assert done.returncode == 0
