"""Pictures of the data as the stages see them: maps and neighbours."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from featlearn.evaluate.data_map import neighbours, pca_map, tsne_map
from featlearn.evaluate.units import responses
from featlearn.seeds import derive
from featlearn.training.pictures import Pictures
from featlearn.visualize.data_map import map_figure
from featlearn.visualize.neighbours import neighbours_figure
from featlearn.visualize.style import Figure
from featlearn.visualize.tiles import spread
from featlearn.wording import plural
from featlearn.workflows.drawing.subject import Named, Subject

_MAPPED = 700
_COMPARED = 2000
_QUERIES = 6
_NEAREST = 4


def draw_map(subject: Subject) -> Named:
    """Draw a map of training images in the output of one stage."""
    pictures = subject.sample(_MAPPED)
    (features,) = _features(subject, pictures, [subject.last])
    name = subject.stack.names[subject.last]
    tsne = None
    if len(features) >= 5:
        tsne = tsne_map(features, seed=derive(subject.loaded.recipe.seed, "map"))
    note = "Images are drawn where they hide no other; the others are dots."
    if pictures.set.labels is not None:
        note += " Labels colour the map and had no part in it."
    figure = map_figure(
        pca_map(features),
        tsne,
        _floats(pictures),
        labels=pictures.set.labels,
        classes=pictures.set.classes,
        title=f"{plural(len(pictures), 'training image')} in the output of stage {name}",
        note=note,
    )
    yield f"{name}-map", figure


def draw_neighbours(subject: Subject) -> Named:
    """Draw the nearest neighbours of images, in pixels and in the stages."""
    yield "neighbours", _neighbours(subject)


def _neighbours(subject: Subject) -> Figure:
    """Compare every image with every other."""
    pictures = subject.sample(_COMPARED)
    names = [subject.stack.names[index] for index in subject.stages]
    found = _features(subject, pictures, subject.stages)
    pixels = torch.cat([batch.flatten(1) for batch in pictures.batches(256)])
    queries = spread(len(pictures), _QUERIES + 2)[1:-1]
    everyone = torch.arange(len(pictures))
    count = min(_NEAREST, len(pictures) - 1)
    nearest = {
        name: neighbours(features, everyone, count=count).places.cpu()
        for name, features in zip(["pixels", *names], [pixels, *found], strict=True)
    }
    agreement: dict[str, float] = {}
    if (labels := pictures.set.labels) is not None:
        own = torch.tensor(labels)
        agreement = {
            name: float((own[near] == own[:, None]).double().mean())
            for name, near in nearest.items()
        }
    return neighbours_figure(
        _floats(pictures),
        queries.tolist(),
        {name: near[queries] for name, near in nearest.items()},
        labels=labels,
        classes=pictures.set.classes,
        agreement=agreement,
        how="the cosine of standardised features",
    )


def _features(subject: Subject, pictures: Pictures, stages: Sequence[int]) -> list[Tensor]:
    """Compute the outputs of stages, `(n, features)` each."""
    batches = subject.counted(pictures, "images that stages look at")
    parts = list(responses(subject.stack, batches, stages=list(stages)))
    return [torch.cat(column) for column in zip(*parts, strict=True)]


def _floats(pictures: Pictures) -> NDArray[np.float32]:
    """Give images as arrays for drawing."""
    return pictures.at(range(len(pictures))).cpu().numpy()
