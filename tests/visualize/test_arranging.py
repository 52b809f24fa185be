"""Tiles lie as the sheet, or the groups, that their maps are pooled by."""

import numpy as np
import pytest
import torch

from featlearn.config.banks import ConvSpec
from featlearn.config.pieces import AnyPoolSpec, GroupPoolSpec, L2PoolSpec, SheetPoolSpec
from featlearn.config.stages import StageSpec
from featlearn.geometry import MapShape
from featlearn.stages.stage import build_stage
from featlearn.visualize.arranging import lay_maps, shown_maps
from featlearn.visualize.filters import filter_pictures

SHEET = SheetPoolSpec(rows=3, columns=8, size=3)
GROUPS = GroupPoolSpec(size=3)


def tiles(count: int) -> np.ndarray:
    """Tiles of 2 x 2 pixels, each of a value of its own; gaps between them are 0."""
    values = np.arange(1, count + 1, dtype=np.uint8).reshape(-1, 1, 1, 1)
    return np.broadcast_to(values, (count, 2, 2, 4))


def test_a_sheet_lies_in_its_rows_and_columns() -> None:
    laid = lay_maps(tiles(24), SHEET)
    assert laid.shape == (3 * 3 - 1, 8 * 3 - 1, 4)
    assert (laid[::3, ::3, 0] == np.arange(1, 25).reshape(3, 8)).all()


def test_groups_lie_side_by_side_and_apart() -> None:
    laid = lay_maps(tiles(24), GROUPS)[..., 0]
    for group in range(8):
        rows, columns = np.nonzero((laid > 3 * group) & (laid <= 3 * group + 3))
        assert np.ptp(rows) == 1
        assert np.ptp(columns) == 3 * 3 - 2
    assert (laid[0, :8] == [1, 1, 0, 2, 2, 0, 3, 3]).all()
    assert not laid[0, 8:12].any()
    assert laid[0, 12] == 4


@pytest.mark.parametrize(
    ("pool", "most", "shown"),
    [(None, 20, 20), (L2PoolSpec(size=2), 20, 20), (SHEET, 20, 16), (GROUPS, 20, 18)],
)
def test_whole_rows_and_groups_are_shown(pool: AnyPoolSpec | None, most: int, shown: int) -> None:
    assert shown_maps(pool, maps=24, most=24) == 24
    assert shown_maps(pool, maps=24, most=most) == shown
    assert shown_maps(pool, maps=24, most=2) == 2


@pytest.mark.parametrize(("pool", "said"), [(SHEET, "on the sheet"), (GROUPS, "each group")])
@pytest.mark.parametrize("maps", [1, 2, 20])
def test_pictures_of_filters_say_how_they_lie(pool: AnyPoolSpec, said: str, maps: int) -> None:
    spec = StageSpec(name="it", filter=ConvSpec(size=3, maps=24), pool=pool)
    stage = build_stage(spec, MapShape(maps, 8, 8), generator=torch.Generator().manual_seed(0))
    (picture,) = filter_pictures(stage)
    assert said in picture.note
