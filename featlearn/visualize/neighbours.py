"""The nearest neighbours of images, in pixels and in each stage, as a picture."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from featlearn.visualize.grid import Heading, Row, blank, cell, grid_figure
from featlearn.visualize.tiles import Floats, image_tiles
from featlearn.wording import count, percent


def neighbours_figure(
    images: Floats,
    queries: Sequence[int],
    found: Mapping[str, Tensor],
    *,
    labels: NDArray[np.int64] | None,
    classes: Sequence[str],
    agreement: Mapping[str, float],
    how: str,
) -> Figure:
    """Draw images beside those that are nearest to them, a block of columns for each space.

    Args:
        images: `(n, maps, height, width)` in [0, 1].
        queries: Which of them stand at the left.
        found: For `pixels` and each stage the neighbours, `(queries, count)`, the nearest
            first.
        labels: Classes of the images, or `None`; neighbours of another class stand out.
        classes: Names of the classes.
        agreement: For each space the share of neighbours, of all images, that are of the
            image's own class; empty without labels.
        how: How nearness was measured, for the note.
    """
    tiles = image_tiles(images)
    gap = blank(tiles)
    rows: list[Row] = []
    for place, query in enumerate(queries):
        shown = [query, *(int(i) for near in found.values() for i in (-1, *near[place].tolist()))]
        parts = [gap if i < 0 else tiles[i : i + 1] for i in shown]
        words: list[str] = []
        marked: list[bool] = []
        if labels is not None:
            words = ["" if i < 0 else cell(classes[int(labels[i])], most=9) for i in shown]
            marked = [i >= 0 and bool(labels[i] != labels[query]) for i in shown]
        rows.append(Row("", np.concatenate(parts), words, marked))
    headings, first = [Heading("image", 0, 1)], 2
    for space, near in found.items():
        share = f": {percent(agreement[space], places=0)}" if space in agreement else ""
        headings.append(Heading(f"{cell(space)}{share}", first, first + near.shape[1]))
        first += near.shape[1] + 1
    note = f"The nearest of {count(len(images) - 1)} other images, the nearest first, by {how}."
    if labels is not None:
        note += (
            " In orange what is of another class. The share above is of such neighbours of all "
            "the images: how many are of the image's own class."
        )
    title = "Nearest neighbours in pixels and in the features of each stage"
    return grid_figure(rows, title=title, note=note, headings=headings)
