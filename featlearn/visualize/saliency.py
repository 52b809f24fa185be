"""Which pixels a head's answers depend on, as a picture."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor

from featlearn.evaluate.saliency import (
    Occlusion,
    gradient_saliency,
    integrated_gradients,
    occlusion,
)
from featlearn.heads.classifier import Classifier
from featlearn.visualize.grid import Row, cell, grid_figure
from featlearn.visualize.style import PAPER, SERIES
from featlearn.visualize.tiles import Floats, Pixels, image_tiles
from featlearn.wording import percent


class Asked(NamedTuple):
    """Images, the classes that a head was asked about, and what it said.

    Attributes:
        images: `(n, maps, height, width)` in [0, 1].
        classes: The name of the class of each that is looked at.
        certain: Its probability, `(n,)` in [0, 1].
        wrong: Whether it is not the image's label; empty where there are no labels.
    """

    images: Tensor
    classes: Sequence[str]
    certain: Sequence[float]
    wrong: Sequence[bool]


def draw_answers(
    classifier: Classifier,
    images: Tensor,
    logits: Tensor,
    labels: Tensor,
    *,
    classes: Sequence[str],
    name: str,
) -> Figure:
    """Find and draw which pixels the answers to some images depend on.

    Patches of a fifth of the image's side are covered, and at least of three pixels.

    Args:
        classifier: Stages and head.
        images: `(n, maps, height, width)` in [0, 1], one at least.
        logits: What the classifier says of them, `(n, classes)`.
        labels: Their true classes, `(n,)` int64.
        classes: Names of the classes.
        name: Name of the head.
    """
    certain, named = logits.softmax(1).max(1)
    asked = Asked(
        images,
        [classes[int(place)] for place in named],
        certain.tolist(),
        (named != labels).tolist(),
    )
    return saliency_figure(
        asked,
        gradient=gradient_saliency(classifier, images, named),
        shares=integrated_gradients(classifier, images, named, baseline=0.5),
        occluded=occlusion(classifier, images, named, size=covered_side(images)),
        name=name,
    )


def covered_side(images: Tensor) -> int:
    """Give the side of the patches that are covered, in pixels."""
    side = min(images.shape[2:])
    return min(max(side // 5, 3), side)


def saliency_figure(
    asked: Asked, *, gradient: Tensor, shares: Tensor, occluded: Occlusion, name: str
) -> Figure:
    """Draw images above three answers to the question which pixels mattered.

    Args:
        asked: The images.
        gradient: `gradient_saliency` of them; its largest size over the maps is drawn.
        shares: `integrated_gradients` of them, added over the maps.
        occluded: `occlusion` of them.
        name: Name of the head.
    """
    words = [
        f"{cell(who, most=10)}\n{percent(sure, places=0)}"
        for who, sure in zip(asked.classes, asked.certain, strict=True)
    ]
    reach = gradient.abs().amax(1, keepdim=True)
    rows = [
        Row("image", image_tiles(_array(asked.images)), words, asked.wrong),
        Row("gradient", image_tiles(_array(reach), high=_array(reach.amax((1, 2, 3))))),
        Row("integrated\ngradients", signed_colours(_array(shares.sum(1)))),
        Row(f"covering\n{occluded.size}×{occluded.size}", signed_colours(_array(occluded.pixels))),
    ]
    note = (
        "Under each image the class that is asked about, and its probability (orange: not the "
        "image's label). Gradient: how much the class's score changes with a pixel, white most. "
        "Integrated gradients: what each pixel adds to the score, from mid-grey. Covering: what "
        "the class's log-probability loses when a patch is covered with the image's mean. In "
        "both, blue speaks for the class and orange against it; each picture has its own scale."
    )
    return grid_figure(rows, title=f"{name}: which pixels its answers depend on", note=note)


def signed_colours(maps: Floats) -> Pixels:
    """Turn maps into tiles in which zero is white, above it blue and under it orange.

    Args:
        maps: `(n, height, width)`, each on a scale of its own that is symmetric about zero.

    Returns:
        `(n, height, width, 4)`.
    """
    ramp = LinearSegmentedColormap.from_list("signed", [SERIES[1], PAPER, SERIES[0]], N=257)
    reach = np.abs(maps).max(axis=(1, 2), keepdims=True, initial=0.0)
    unit = 0.5 + 0.5 * maps / np.where(reach > 0, reach, 1.0)
    return np.rint(ramp(unit) * 255).astype(np.uint8)


def _array(tensor: Tensor) -> Floats:
    """Give a tensor as an array for drawing."""
    return tensor.detach().float().cpu().numpy()
