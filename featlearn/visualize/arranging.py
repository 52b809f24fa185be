"""How the tiles of a stage's maps lie: by the sheet or the groups that they are pooled by."""

import numpy as np

from featlearn.config.pieces import AnyPoolSpec, GroupPoolSpec, SheetPoolSpec
from featlearn.visualize.tiles import Pixels, best_columns, mosaic


def shown_maps(pool: AnyPoolSpec | None, *, maps: int, most: int) -> int:
    """Count the first maps that a picture shows: whole rows of a sheet, or whole groups, if it can.

    Args:
        pool: What the maps are pooled by.
        maps: How many there are.
        most: How many tiles there is room for.
    """
    if maps <= most:
        return maps
    unit = 1
    if isinstance(pool, GroupPoolSpec):
        unit = pool.size
    elif isinstance(pool, SheetPoolSpec):
        unit = pool.columns
    return max(most // unit * unit, min(unit, most))


def lay_maps(tiles: Pixels, pool: AnyPoolSpec | None, *, gap: int = 1) -> Pixels:
    """Lay tiles out as the maps that they show belong together.

    Args:
        tiles: Of the first maps, in order, `(n, height, width, 4)`.
        pool: What the maps are pooled by.
        gap: Pixels between tiles.

    Returns:
        A mosaic. Maps of a sheet lie in its rows and columns; maps of a group side by side, with
        a wider gap to the next.
    """
    count, height, width = tiles.shape[:3]
    if isinstance(pool, SheetPoolSpec) and count >= pool.columns:
        return mosaic(tiles, columns=pool.columns, gap=gap)
    if isinstance(pool, GroupPoolSpec) and count > pool.size > 1 and count % pool.size == 0:
        rows = [
            mosaic(some, columns=pool.size, gap=gap) for some in np.split(tiles, count // pool.size)
        ]
        strips = np.stack(rows)
        columns = best_columns(len(strips), height=strips.shape[1], width=strips.shape[2])
        return mosaic(strips, columns=columns, gap=3 * gap + 1)
    return mosaic(tiles, columns=best_columns(count, height=height, width=width), gap=gap)


def arrangement_words(pool: AnyPoolSpec | None) -> str:
    """Say how maps lie in a picture, where that means something; a blank at the end."""
    if isinstance(pool, GroupPoolSpec):
        return f"The {pool.size} maps of each group that is pooled lie side by side. "
    if isinstance(pool, SheetPoolSpec):
        return (
            "They lie as on the sheet whose windows are pooled, and opposite edges of that join. "
        )
    return ""
