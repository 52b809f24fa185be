"""The images of the most frequent mistakes of a head."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from featlearn.evaluate.confused import Confused
from featlearn.visualize.grid import Row, cell, grid_figure
from featlearn.visualize.tiles import image_tiles
from featlearn.wording import percent, plural

_SHOWN = 10


def confused_figure(
    found: Sequence[Confused], images: Sequence[Tensor], classes: Sequence[str], *, name: str
) -> Figure:
    """Draw the images that were taken for another class, a row for each pair of classes.

    Args:
        found: The pairs (`featlearn.evaluate.confused.most_confused`).
        images: For each pair its images in order, `(n, maps, height, width)` in [0, 1]; the
            first ten are drawn.
        classes: Names of the classes.
        name: Name of the head.

    Raises:
        DataError: If nothing was confused.
    """
    rows = [
        Row(
            f"{cell(classes[pair.true])} → {cell(classes[pair.predicted])}\n"
            f"{plural(len(pair.places), 'image')}, {percent(pair.share, places=0)}",
            image_tiles(some[:_SHOWN].float().cpu().numpy()),
            [percent(float(sure), places=0) for sure in pair.confidence[:_SHOWN]],
        )
        for pair, some in zip(found, images, strict=True)
    ]
    note = (
        "True class → the class that was named; how many images, and which share of the true "
        "class they are. Under each image the probability that the head gave to the wrong class, "
        f"highest first; up to {_SHOWN} images a pair."
    )
    return grid_figure(rows, title=f"{name}: what is taken for what", note=note, least=_SHOWN)
