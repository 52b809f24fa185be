"""Figures of top images hold the images, and outline what the unit sees."""

import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle

from featlearn.errors import DataError
from featlearn.evaluate.top_images import Excited
from featlearn.evaluate.units import Window
from featlearn.visualize.style import png_bytes
from featlearn.visualize.tiles import image_tiles
from featlearn.visualize.top_images import top_images_figure


def shown(name: str, *, count: int = 10, window: Window = Window(2, 3, 4, 4)) -> Excited:  # noqa: B008
    images = torch.rand(count, 1, 8, 10, generator=torch.Generator().manual_seed(0))
    return Excited(name, images, [window] * count, torch.linspace(3, -1, count))


def test_one_unit_has_whole_images_outlined_and_what_it_sees() -> None:
    one = shown("third 0,1,1")
    figure = top_images_figure([one])
    whole, parts = figure.axes
    assert whole.get_title("left") == "third 0,1,1: the 10 images that excite it most"
    assert "from 3 to −1" in whole.get_xlabel()
    assert parts.get_title("left") == "What it sees of them, 4×4"
    pixels = np.asarray(whole.images[0].get_array())
    factor = pixels.shape[1] // (8 * 11 - 1)
    np.testing.assert_array_equal(
        pixels[: 8 * factor : factor, : 10 * factor : factor],
        image_tiles(one.images[:1].numpy())[0],
    )
    frames = [patch for patch in whole.patches if isinstance(patch, Rectangle)]
    assert len(frames) == 10
    ninth = frames[8]  # first of the second row
    assert ninth.get_xy() == (3 * factor - 0.5, (9 + 2) * factor - 0.5)
    assert (ninth.get_width(), ninth.get_height()) == (4 * factor, 4 * factor)
    assert png_bytes(figure, dpi=50)


def test_a_unit_that_sees_everything_needs_no_outline() -> None:
    (axes,) = top_images_figure(
        [shown("high 3", count=1, window=Window(-1, 0, 12, 10))], least=True
    ).axes
    assert axes.get_title("left") == "high 3: the image that excites it least"
    assert axes.get_xlabel() == "Response 3."
    assert not axes.patches


def test_padding_is_said_to_be_grey() -> None:
    _, parts = top_images_figure([shown("low 0,0,0", window=Window(-1, -1, 3, 3))]).axes
    assert "Grey at an edge is outside" in parts.get_xlabel()


def test_several_units_have_a_row_each() -> None:
    figure = top_images_figure([shown("a"), shown("b", count=0), shown("c", count=20)])
    assert [axes.get_title("left") for axes in figure.axes] == [
        "a: what excites it most",
        "c: what excites it most",
    ]
    # A gap of one pixel between tiles of 4.
    assert figure.axes[1].images[0].get_size()[1] % (16 * 5 - 1) == 0
    assert png_bytes(figure, dpi=50)


def test_no_image_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="no image to show"):
        top_images_figure([shown("a", count=0)])
