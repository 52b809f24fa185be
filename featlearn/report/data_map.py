"""The map of the data: where the images of a sample lie in the features of each stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from featlearn.evaluate.data_map import pca_map, tsne_map
from featlearn.evaluate.units import responses
from featlearn.networks.stack import Stack
from featlearn.report.embed import EmbeddedImage, embed_png
from featlearn.report.samples import BATCH, Sample
from featlearn.report.tables import Table
from featlearn.visualize.data_map import map_figure
from featlearn.visualize.style import png_bytes
from featlearn.visualize.tiles import spread
from featlearn.wording import count, percent

_MOST = 6 * BATCH
"""Images on a map, at most."""

_FEWEST = 8
_FEATURES = 20_000
"""Features of a stage that are looked at, at most, evenly from all over."""

_DOTS = 110
"""Dots per inch of the still picture."""


@dataclass(frozen=True)
class MapView:
    """The map of the data.

    Attributes:
        still: Of the last stage, for paper and for those without a script.
        table: Where the images lie there.
        maps: A map for each stage, for the script; see `data_map`.
        words: How it came about.
    """

    still: EmbeddedImage
    table: Table
    maps: dict[str, Any]
    words: str


def data_map(stack: Stack, sample: Sample, *, seed: int) -> MapView | None:
    """Lay the images of a sample out by the features of each stage.

    Args:
        stack: The network.
        sample: The images.
        seed: Of t-SNE.

    Returns:
        `None` for too few images.
    """
    if len(sample.images) < _FEWEST:
        return None
    places = spread(len(sample.images), _MOST)
    images = sample.images[torch.from_numpy(places).to(sample.images.device)]
    labels = None if sample.labels is None else sample.labels[places].numpy()
    stages: list[dict[str, Any]] = []
    drawn: tuple[Any, NDArray[np.float64]] | None = None
    for name, features in zip(stack.names, _features(stack, images), strict=True):
        pca, tsne = pca_map(features), tsne_map(features, seed=seed)
        drawn = pca, tsne
        stages.append(
            {
                "name": name,
                "pca": _scaled(pca.points),
                "tsne": _scaled(tsne),
                "explained": [round(float(share), 4) for share in pca.explained],
            }
        )
    assert drawn is not None
    figure = map_figure(
        *drawn,
        images.float().cpu().numpy(),
        labels=labels,
        classes=sample.classes,
        title=f"{stack.names[-1]}: {count(len(places))} images by its features",
    )
    width = round(100 * float(figure.get_size_inches()[0]))
    alt = f"Map of {len(places)} images by the features of {stack.names[-1]}"
    still = embed_png(png_bytes(figure, dpi=_DOTS), alt=alt, most=width)
    table = _table(stages[-1], places, labels, sample.classes)
    words = (
        f"{count(len(places))} images of the sample by what stages answer to them. Principal "
        "components keep distances, as far as two of them can; t-SNE (perplexity 30, seed "
        f"{seed}) keeps only who is near whom. No label was used to lay them out."
    )
    return MapView(still, table, {"images": places.tolist(), "stages": stages}, words)


def _features(stack: Stack, images: torch.Tensor) -> list[torch.Tensor]:
    """Give the features of every stage, `(n, features)`; what is no number counts as zero."""
    kept: list[list[torch.Tensor]] = [[] for _ in range(len(stack))]
    for found in responses(stack, torch.split(images, BATCH)):
        for parts, values in zip(kept, found, strict=True):
            few = torch.from_numpy(spread(values.shape[1], _FEATURES)).to(values.device)
            parts.append(values[:, few].nan_to_num(nan=0.0, posinf=0.0, neginf=0.0))
    return [torch.cat(parts) for parts in kept]


def _scaled(points: NDArray[np.float64]) -> list[list[float]]:
    """Write points between 0 and 1, on one scale for both axes, upwards as on paper."""
    low, high = points.min(axis=0), points.max(axis=0)
    span = max(float((high - low).max()), 1e-12)
    middle = (low + high) / 2
    unit = (points - middle) / span + 0.5
    return np.stack([unit[:, 0], 1 - unit[:, 1]], axis=1).round(4).tolist()


def _table(
    stage: dict[str, Any],
    places: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    classes: Sequence[str],
) -> Table:
    """Write where images lie in the map of a stage."""
    shares = " and ".join(percent(share, places=1) for share in stage["explained"])
    heads = ["Image", *(["Class"] if labels is not None else []),
             "First component", "Second", "t-SNE across", "t-SNE down"]  # fmt: skip
    rows: list[list[str]] = []
    for row, image in enumerate(places):
        own = [] if labels is None else [str(classes[int(labels[row])])]
        at = [f"{value:.3f}" for value in (*stage["pca"][row], *stage["tsne"][row])]
        rows.append([str(image), *own, *at])
    caption = f"Map by {stage['name']}, 0 to 1; the components hold {shares} of the variance"
    return Table(caption, heads, rows)
