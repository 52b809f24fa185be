"""Pictures of projections and reconstructions."""

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from featlearn.config.autoencoding import PlainSpec
from featlearn.config.banks import ConvSpec, DenseSpec, LocalSpec
from featlearn.config.data import ContrastSpec, DataSpec, PCASpec, PreprocessSpec, ZCASpec
from featlearn.config.pieces import AvgPoolSpec
from featlearn.config.recipe import Recipe
from featlearn.config.stages import PatchSpec, StageSpec
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.visualize.projections import (
    cropped,
    first_filters,
    projection_picture,
    projection_tells_more,
    projections_figure,
    response_picture,
)
from featlearn.visualize.reconstructions import reconstruction_pictures, reconstructions_figure
from featlearn.visualize.style import png_bytes
from featlearn.visualize.tiles import image_tiles, signed_tiles

LOCAL = StageSpec(
    name="low",
    filter=LocalSpec(size=3, maps=4),
    pool=AvgPoolSpec(size=2, stride=2),
    objective=PlainSpec(),
)
DENSE = StageSpec(name="high", filter=DenseSpec(maps=6), objective=PlainSpec())
PATCHES = StageSpec(
    name="low",
    filter=DenseSpec(maps=4, size=4),
    patches=PatchSpec(size=4),
    objective=PlainSpec(),
)


def images(count: int = 60, *, maps: int = 1) -> Tensor:
    return torch.rand(count, maps, 10, 10, generator=torch.Generator().manual_seed(0))


def build(*stages: StageSpec, preprocess: tuple[PreprocessSpec, ...] = (), maps: int = 1) -> Stack:
    recipe = Recipe(title="t", data=DataSpec(source="digits"), stages=stages, preprocess=preprocess)
    sample = images(200, maps=maps)
    return build_stack(recipe, MapShape(maps, 10, 10), seed=0, images=sample).eval()


def test_a_first_tied_stage_projects_to_its_own_filters() -> None:
    stack = build(LOCAL)
    picture = projection_picture(stack, 0)
    tiles = signed_tiles(stack.stage(0).filter.weight[4, 4].detach().numpy())
    np.testing.assert_array_equal(picture.pixels[:3, :3], tiles[0])
    assert "4 maps adds to the image, 3×3" in picture.title
    assert not projection_tells_more(stack, 0, ())


def test_projections_of_dense_units_are_whole_images() -> None:
    picture = projection_picture(build(LOCAL, DENSE), 1)
    assert picture.title == "high: what each of 6 units adds to the image, 10×10"


def test_projections_tell_more_above_untied_or_whitened() -> None:
    untied = msgspec.structs.replace(LOCAL, objective=PlainSpec(decoder="untied"))
    assert projection_tells_more(build(LOCAL, DENSE), 1, ())
    assert projection_tells_more(build(untied), 0, ())
    assert projection_tells_more(build(LOCAL), 0, (ZCASpec(),))
    assert not projection_tells_more(build(LOCAL), 0, (ContrastSpec(),))


def test_the_crop_is_the_smallest_square_inside() -> None:
    patterns = np.zeros((2, 1, 6, 8))
    patterns[0, 0, 1, 2] = patterns[1, 0, 2, 6] = 1.0
    assert cropped(patterns).shape == (2, 1, 5, 5)
    assert cropped(patterns).sum() == 2.0
    assert cropped(np.zeros((1, 1, 4, 4))).shape == (1, 1, 4, 4)


def test_first_filters_stand_in_a_row() -> None:
    assert first_filters(build(LOCAL), count=3).pixels.shape == (3, 11, 4)
    whitened = build(DENSE, preprocess=(PCASpec(keep=5),))
    assert first_filters(whitened).pixels.shape[0] == 10


def test_what_whitened_units_respond_to_has_a_plane() -> None:
    picture = response_picture(build(DENSE, preprocess=(PCASpec(keep=5),)))
    assert picture.title == "high: what each of 6 units responds to in the image, 10×10"
    assert "through whitening" in picture.note


def test_colour_reaches_projections() -> None:
    pixels = projection_picture(build(DENSE, maps=3), 0).pixels
    assert (pixels[..., 0] != pixels[..., 1]).any()


def test_images_stand_above_their_reconstructions() -> None:
    stack, x = build(LOCAL, DENSE), images()
    first, second = reconstruction_pictures(stack, x)
    np.testing.assert_array_equal(first.pixels[:10, :10], image_tiles(x[:1].numpy())[0])
    np.testing.assert_array_equal(first.pixels[:10, -10:], image_tiles(x[-1:].numpy())[0])
    assert first.pixels.shape == (21, 12 * 11 - 1, 4)
    assert "as given, rebuilt" in first.note
    assert second.pixels.shape[0] == 4 * 5 - 1
    assert "4 maps below the stage, for 2 of the images" in second.note


def test_a_perfect_reconstruction_looks_like_what_was_given() -> None:
    identity = StageSpec(
        name="low",
        filter=ConvSpec(size=1, maps=1),
        activation="identity",
        input="none",
        objective=PlainSpec(),
    )
    stack, x = build(identity), images()
    with torch.no_grad():
        stack.stage(0).filter.weight.fill_(1.0)
    (picture,) = reconstruction_pictures(stack, x, preprocess=(ZCASpec(),))
    _, prepared, rebuilt = (picture.pixels[11 * row : 11 * row + 10] for row in range(3))
    np.testing.assert_array_equal(prepared, rebuilt)


@pytest.mark.parametrize(
    ("stage", "preprocess", "words"),
    [
        (DENSE, (ZCASpec(),), "as given, as prepared, rebuilt"),
        (DENSE, (PCASpec(keep=7),), "as given, as prepared, rebuilt"),
        (PATCHES, (), "as given, rebuilt from the code. The stage learned from patches of"),
    ],
)
def test_every_kind_of_input_is_rebuilt(
    stage: StageSpec, preprocess: tuple[PreprocessSpec, ...], words: str
) -> None:
    stack = build(stage, preprocess=preprocess)
    (picture,) = reconstruction_pictures(stack, images(), preprocess=preprocess)
    assert words in picture.note
    assert png_bytes(reconstructions_figure(stack, images(), preprocess=preprocess), dpi=50)


def test_a_stage_that_cannot_rebuild_has_no_picture() -> None:
    bare = msgspec.structs.replace(LOCAL, objective=None)
    (picture,) = reconstruction_pictures(build(bare, DENSE), images(1))
    assert picture.name == "high-reconstructions"


def test_figures_are_drawn() -> None:
    assert png_bytes(projections_figure(build(LOCAL, DENSE), 1), dpi=50)
