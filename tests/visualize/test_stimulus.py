"""Figures of optimal stimuli show the patterns, and say how good they are."""

import numpy as np
import pytest
import torch

from featlearn.errors import ShapeError
from featlearn.evaluate.stimulus import Stimuli
from featlearn.visualize.stimulus import stimulus_figure
from featlearn.visualize.style import png_bytes
from featlearn.visualize.tiles import signed_tiles
from featlearn.wording import count


def stimuli(units: int, *, maps: int = 1) -> Stimuli:
    patterns = torch.zeros(units, maps, 9, 9)
    patterns[:, :, 2:6, 3:7] = torch.randn(
        units, maps, 4, 4, generator=torch.Generator().manual_seed(0)
    )
    raised = torch.arange(units) != 1
    return Stimuli(
        images=patterns + 0.5,
        patterns=patterns,
        values=torch.full((units,), -1.25),
        blank=torch.full((units,), -2.0),
        percentiles=torch.linspace(99.99, 100, units),
        agreeing=torch.full((units,), 3),
        starts=5,
        raised=raised,
        norms=torch.full((units,), 7.0),
    )


@pytest.mark.parametrize("maps", [1, 3])
def test_one_stimulus_is_large_beside_real_responses(maps: int) -> None:
    found = stimuli(1, maps=maps)
    real = torch.tensor([[-2.0], [-1.5], [float("nan")]])
    figure = stimulus_figure(found, ["third 0,1,1"], real=real)
    picture, histogram = figure.axes
    pixels = np.asarray(picture.images[0].get_array())
    np.testing.assert_array_equal(
        pixels[::100, ::100], signed_tiles(found.patterns[:, :, 2:6, 3:7].numpy())[0]
    )
    assert picture.get_xlabel() == (
        "Response −1.25, above 99.9 % of 2 real images.\n"
        "3 of 5 starts agree; distance from the plain input 7."
    )
    assert histogram.get_title("left") == "Responses to 2 images"
    assert png_bytes(figure, dpi=50)


def test_the_axis_of_images_writes_numbers_as_titles_do() -> None:
    figure = stimulus_figure(stimuli(1), ["a"], real=torch.zeros(40_000, 1))
    png_bytes(figure, dpi=50)
    axes = figure.axes[1]
    assert axes.get_title("left") == "Responses to 40\u202f000 images"
    ticks = [label.get_text() for label in axes.get_yticklabels()]
    assert "10\u202f000" in ticks
    assert ticks == [count(int(text.replace("\u202f", ""))) for text in ticks]


def test_without_real_responses_there_is_no_histogram() -> None:
    (axes,) = stimulus_figure(stimuli(1), ["a$b"]).axes
    assert axes.get_title("left") == r"a\$b: optimal stimulus"
    empty = stimulus_figure(stimuli(1), ["a"], real=torch.zeros(0, 1))
    assert png_bytes(empty, dpi=50)


def test_several_stimuli_have_a_tile_each() -> None:
    figure = stimulus_figure(stimuli(8, maps=2), [f"u{place}" for place in range(8)])
    assert [axes.get_title("left") for axes in figure.axes] == [f"u{place}" for place in range(8)]
    words = [axes.get_xlabel() for axes in figure.axes]
    assert (words[0], words[1], words[7]) == ("above 99.9 %", "not raised", "above all")
    assert "above that of the real images" in figure.get_supxlabel()
    assert "Mid-grey is zero, each on its own scale." in figure.get_supxlabel()
    counted = stimulus_figure(stimuli(2), ["a", "b"], real=torch.ones(40, 2))
    assert "above that of 40 real images" in counted.get_supxlabel()
    assert png_bytes(figure, dpi=50)


def test_more_than_fit_are_counted() -> None:
    figure = stimulus_figure(stimuli(50), [str(place) for place in range(50)])
    assert len(figure.axes) == 48
    assert figure.get_supxlabel().startswith("The first 48 of 50 units.")


def test_a_unit_that_is_not_raised_says_so() -> None:
    dead = stimuli(1)._replace(raised=torch.tensor([False]), values=torch.tensor([float("nan")]))
    figure = stimulus_figure(dead, ["a"], real=torch.ones(4, 1))
    assert figure.axes[0].get_xlabel() == "Nothing better than the plain input was found."
    assert png_bytes(figure, dpi=50)


def test_stimuli_and_names_belong_together() -> None:
    with pytest.raises(ShapeError, match=r"2 stimuli for 1 names$"):
        stimulus_figure(stimuli(2), ["a"])
    with pytest.raises(ShapeError, match="responses of 3 units"):
        stimulus_figure(stimuli(1), ["a"], real=torch.zeros(2, 3))
