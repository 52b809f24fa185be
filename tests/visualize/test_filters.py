"""Pictures of filters: every kind and number of them, and what their titles say."""

import numpy as np
import pytest
import torch

from featlearn.config.autoencoding import PlainSpec
from featlearn.config.banks import ConvSpec, DenseSpec, LocalSpec
from featlearn.config.coding import PsdSpec
from featlearn.config.objectives import ObjectiveSpec
from featlearn.config.stages import FilterSpec, StageSpec
from featlearn.geometry import MapShape
from featlearn.stages.stage import Stage, build_stage
from featlearn.visualize.filters import LIMIT, filter_pictures, filters_figure
from featlearn.visualize.style import png_bytes
from featlearn.visualize.tiles import signed_tiles


def stage(
    spec: FilterSpec, *, maps: int = 1, side: int = 8, objective: ObjectiveSpec | None = None
) -> Stage:
    whole = StageSpec(name="edges", filter=spec, objective=objective or PlainSpec())
    draw = torch.Generator().manual_seed(0)
    return build_stage(whole, MapShape(maps, side, side), generator=draw)


def seen(pixels: np.ndarray, tile: np.ndarray) -> bool:
    """Whether a tile occurs in a mosaic."""
    windows = np.lib.stride_tricks.sliding_window_view(pixels, tile.shape)
    return bool((windows == tile).all(axis=(-3, -2, -1)).any())


@pytest.mark.parametrize("maps", [1, 3, 7, 300])
@pytest.mark.parametrize("channels", [1, 2, 3, 20])
def test_any_number_of_maps_on_any_number_of_maps(maps: int, channels: int) -> None:
    (picture,) = filter_pictures(stage(ConvSpec(size=3, maps=maps), maps=channels))
    assert picture.title.startswith(f"edges: {maps} conv filters, 3×3")
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.shape[2] == 4
    assert picture.pixels.shape[1] <= 1500
    assert picture.note.startswith("The first") == (maps > LIMIT or maps * channels > 300)


def test_every_grey_filter_is_there() -> None:
    edges = stage(DenseSpec(maps=6))
    (picture,) = filter_pictures(edges)
    for tile in signed_tiles(edges.filter.weight.detach().numpy()):
        assert seen(picture.pixels, tile)


@pytest.mark.parametrize(
    ("spec", "titles"),
    [
        (DenseSpec(maps=6), ["6 dense atoms of the decoder, 8×8", "6 dense filters, 8×8"]),
        (
            LocalSpec(size=3, maps=5),
            [
                "5 local atoms of the decoder at the central position, 3×3",
                "the first 4 of 5 maps of the decoder, each at all 6×6 positions",
                "5 local filters at the central position, 3×3",
                "the first 4 of 5 maps, each at all 6×6 positions",
            ],
        ),
    ],
)
def test_atoms_of_a_decoder_come_before_the_filters(spec: FilterSpec, titles: list[str]) -> None:
    edges = stage(spec, objective=PsdSpec())
    assert edges.decoder is not None
    assert edges.decoder.weight is not None
    torch.nn.init.normal_(edges.decoder.weight, generator=torch.Generator().manual_seed(1))
    pictures = filter_pictures(edges)
    assert [picture.title for picture in pictures] == [f"edges: {title}" for title in titles]
    assert len({picture.name for picture in pictures}) == len(pictures)
    atoms = edges.decoder.weight.detach().numpy().reshape(-1, *edges.decoder.weight.shape[-3:])
    middle = len(atoms) // 2 if isinstance(spec, DenseSpec) else (3 * 6 + 3) * 5
    assert seen(pictures[0].pixels, signed_tiles(atoms)[middle])


def test_an_rgb_image_has_coloured_filters_and_three_maps_do_not() -> None:
    edges = stage(ConvSpec(size=3, maps=4), maps=3)
    (coloured,) = filter_pictures(edges)
    (strips,) = filter_pictures(edges, on_image=False)
    assert "in colour" in coloured.title
    assert seen(coloured.pixels, signed_tiles(edges.filter.weight.detach().numpy())[0])
    assert "on 3 maps" in strips.title
    assert (strips.pixels[..., 0] == strips.pixels[..., 1]).all()


def test_local_filters_lie_as_their_positions_do() -> None:
    edges = stage(LocalSpec(size=3, maps=5))
    weight = edges.filter.weight.detach().numpy()
    centre, positions = filter_pictures(edges)
    assert "central position" in centre.title
    assert seen(centre.pixels, signed_tiles(weight[3, 3])[4])
    assert "first 4 of 5 maps, each at all 6×6" in positions.title
    first = positions.pixels[: 6 * 4, : 6 * 4]
    np.testing.assert_array_equal(first[:3, :3], signed_tiles(weight[0, 0])[0])
    np.testing.assert_array_equal(first[4:7, 20:23], signed_tiles(weight[1, 5])[0])


def test_many_positions_are_sampled_with_their_ends() -> None:
    edges = stage(LocalSpec(size=3, maps=1), side=25)
    weight = edges.filter.weight.detach().numpy()
    _, positions = filter_pictures(edges)
    assert "8×8 of its 23×23" in positions.title
    assert seen(positions.pixels, signed_tiles(weight[22, 22])[0])
    assert seen(positions.pixels, signed_tiles(weight[0, 0])[0])


def test_a_local_stage_of_one_position_is_a_bank() -> None:
    (picture,) = filter_pictures(stage(LocalSpec(size=8, maps=3)))
    assert "position" not in picture.title


def test_filters_without_a_plane_are_a_matrix() -> None:
    (picture,) = filter_pictures(stage(DenseSpec(maps=5), maps=9, side=1))
    assert picture.title == "edges: weights of 5 units (rows) on 9 inputs (columns)"
    assert picture.name == "edges-matrix"
    assert picture.pixels.shape == (5, 9, 4)


def test_the_figure_is_the_same_every_time() -> None:
    edges = stage(LocalSpec(size=3, maps=2))
    first, second = (png_bytes(filters_figure(edges), dpi=60) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")
