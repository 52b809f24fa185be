"""What images made of units, and what their codes still hold, as pictures."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from featlearn.evaluate.decoding import decode
from featlearn.evaluate.examples import answered_windows, project_examples, rebuild_examples
from featlearn.evaluate.projection import Unit
from featlearn.evaluate.rebuilding import rebuilding
from featlearn.evaluate.top_images import Excited, cut
from featlearn.networks.stack import Stack, What
from featlearn.visualize.filters import tiles_of
from featlearn.visualize.grid import Row, cell, grid_figure
from featlearn.visualize.tiles import Floats, Pixels, image_tiles
from featlearn.wording import percent


def unit_examples_figure(
    stack: Stack,
    index: int,
    shown: Sequence[tuple[Excited, Sequence[Unit]]],
    *,
    what: What = "output",
) -> Figure:
    """Draw images that excite units, and under each what in it made the unit answer.

    Args:
        stack: The network, in evaluation mode.
        index: Place of the stage.
        shown: For each unit or map its images, and which unit of it answered to each.
        what: The part of the stage that the units are of.
    """
    rows: list[Row] = []
    colour = stack.input_shape.maps == 3
    for one, units in shown:
        patterns = project_examples(stack, index, units, one.images, what=what)
        given, patterns = _cut(one, patterns)
        tiles, _ = tiles_of(_array(patterns), colour=colour)
        values = [f"{float(value):.2g}".replace("-", "−") for value in one.values]
        rows += [
            Row(f"{cell(one.name, most=24)}\nimage", image_tiles(_array(given))),
            Row("answers to", tiles, values),
        ]
    note = (
        "Of each unit the images that excite it most, cut where it answered (of a unit that takes "
        "the largest of many places, where that was), above what in them made it answer: its "
        "response taken down through the decoders, through pooling by the weights that it had for "
        "this image. Mid-grey is zero, each on a scale of its own. Under them the responses."
    )
    title = f"{stack.names[index]}: what in these images the units answer to"
    return grid_figure(rows, title=title, note=note, least=8)


def codes_figure(stack: Stack, images: Tensor) -> Figure:
    """Draw what the codes of stages still hold of images.

    Two rows for each stage whose code can be taken down (`rebuilding`): rebuilt with the help
    of the image's own switches and weights (`rebuild_examples`), and from the stage's output
    alone (`decode`).

    Args:
        stack: The network, in evaluation mode.
        images: `(n, maps, height, width)` in [0, 1].
    """
    rows = [Row("image", image_tiles(_array(images)))]
    for index, name in enumerate(stack.names[: rebuilding(stack)]):
        found = rebuild_examples(stack, index, images)
        if index == 0:
            rows.append(Row("as prepared", _stretched(found.given)))
        errors = [
            f"{_share(error)} ({_share(without)})"
            for error, without in zip(found.error.tolist(), found.without.tolist(), strict=True)
        ]
        rows.append(Row(f"{cell(name)}\nwith weights", _stretched(found.rebuilt), errors))
        with torch.no_grad():
            alone = decode(stack, stack.encode(images, stage=name), stage=name)
        rows.append(Row(f"{cell(name)}\noutput alone", _stretched(alone)))
    above = stack.names[rebuilding(stack) :]
    missing = f" No decoder leads down from {', '.join(above)}." if above else ""
    note = (
        "Images rebuilt from the code of each stage through the decoders below. With weights: "
        "through pooling and normalisation as they stood for this image; under each its squared "
        "error, as a share of the image's variance, and in brackets that of an empty code with "
        "the same weights, so that only the difference is due to the code. Output alone: from "
        "what the next stage is given, and nothing else. Each picture has its own scale."
        f"{missing}"
    )
    return grid_figure(rows, title="What the code of each stage still holds", note=note)


def _cut(one: Excited, patterns: Tensor) -> tuple[Tensor, Tensor]:
    """Cut each image and its pattern to where the unit answered."""
    windows = answered_windows(patterns)
    return cut(one.images, windows), cut(patterns, windows, fill=0.0)


def _share(error: float) -> str:
    """Write an error as a share of the variance."""
    return percent(error, places=0) if np.isfinite(error) else "–"


def _stretched(images: Tensor) -> Pixels:
    """Make tiles of images, each from its least to its greatest value."""
    pixels = _array(images)
    flat = pixels.reshape(len(pixels), -1)
    return image_tiles(pixels, low=flat.min(axis=1), high=flat.max(axis=1))


def _array(tensor: Tensor) -> Floats:
    """Give a tensor as an array for drawing."""
    return tensor.detach().float().cpu().numpy()
