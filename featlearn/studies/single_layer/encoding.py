"""Features of whole images: a layer that learned from patches, moved over them and pooled."""

from collections.abc import Callable

import torch
from torch import Tensor

from featlearn.config.pieces import ClusterCode
from featlearn.networks.stack import Stack
from featlearn.stages.clusters import cluster_code
from featlearn.studies.single_layer.plan import Method
from featlearn.training.pictures import Pictures

_NUMBERS = 1 << 20  # of codes that are held at once

Told = Callable[[int], None]


@torch.no_grad()
def pooled_codes(stack: Stack, images: Tensor, *, method: Method, stride: int) -> Tensor:
    """Code every patch of images, and sum the codes over each quadrant.

    Args:
        stack: One stage that takes patches, and how these are prepared.
        images: `(batch, maps, height, width)` in [0, 1].
        method: Which says how patches are coded.
        stride: Step between patches.

    Returns:
        `(batch, 4 * features)`: upper left, upper right, lower left, lower right; where rows or
        columns are odd in number, the middle one is of the upper or left half.

    Source:
        Coates, Lee & Ng, AISTATS 2011, section 3.2.
    """
    maps, height, width = stack.input_shape
    windows = images.unfold(2, height, stride).unfold(3, width, stride)
    batch, _, rows, columns = windows.shape[:4]
    patches = windows.permute(0, 2, 3, 1, 4, 5).reshape(-1, maps, height, width)
    stage = stack.stage(0)
    x = stage.scaler(stack.prepare(patches))
    code = stage.code(x) if method == "sparse" else cluster_code(stage.filter, x, _kind(method))
    planes = code.view(batch, rows, columns, -1)
    top, left = (rows + 1) // 2, (columns + 1) // 2
    quadrants = [
        planes[:, some, others].sum((1, 2))
        for some in (slice(top), slice(top, None))
        for others in (slice(left), slice(left, None))
    ]
    return torch.cat(quadrants, 1)


def encode(
    stack: Stack, pictures: Pictures, *, method: Method, stride: int, told: Told | None = None
) -> Tensor:
    """Code images a few at a time, so that no more than their pooled codes is kept.

    Args:
        stack: As `pooled_codes` takes it.
        pictures: The images.
        method: As there.
        stride: As there.
        told: Called with how many more images are coded.

    Returns:
        `(images, 4 * features)` on the CPU.
    """
    maps = stack.stage(0).code_shape.maps
    rows = (pictures.shape.height - stack.input_shape.height) // stride + 1
    columns = (pictures.shape.width - stack.input_shape.width) // stride + 1
    size = max(1, _NUMBERS // (maps * rows * columns))
    found = torch.empty(len(pictures), 4 * maps)
    done = 0
    for images in pictures.batches(size):
        part = pooled_codes(stack, images, method=method, stride=stride)
        found[done : done + len(part)] = part.cpu()
        done += len(part)
        if told is not None:
            told(len(part))
    return found


def standardised(train: Tensor, test: Tensor) -> None:
    """Take off the training features' means and divide by their deviations, in place.

    0.01 is added to the variances, as Coates, Lee & Ng do.
    """
    mean = train.mean(0)
    deviation = (train.var(0) + 0.01).sqrt()
    for features in (train, test):
        features.sub_(mean).div_(deviation)


def _kind(method: Method) -> ClusterCode:
    return "hard" if method == "hard" else "triangle"
