"""From features back to images, through the decoders."""

import torch
from torch import Tensor

from featlearn.errors import ShapeError
from featlearn.evaluate.projection import through_output
from featlearn.networks.stack import Stack


@torch.no_grad()
def decode(stack: Stack, features: Tensor, *, stage: str | None = None) -> Tensor:
    """Rebuild images from a stage's output.

    Every stage below is asked to rebuild its input from its code. Between a stage's output
    and its code, contrast normalisation is passed over, batch normalisation undone by its
    scale, and a pooled value is given to all of its window alike (as in `project_units`);
    where there is neither, the reconstruction is the auto-encoder's own. The mean and the
    deviation that per-image contrast took away are lost.

    Args:
        stack: The network.
        features: Output of the stage, `(batch, features)`, as `Stack.encode` gives it.
        stage: Name of the stage; the last one if absent.

    Returns:
        `(batch, maps, height, width)`, in the unit of the images.

    Raises:
        UsageError: If there is no such stage.
        ShapeError: If there are more or fewer features than the stage gives.
    """
    index = len(stack) - 1 if stage is None else stack.index(stage)
    shape = stack.stage(index).output_shape
    if features.ndim != 2 or features.shape[1] != shape.units:
        raise ShapeError(
            f"stage {stack.names[index]!r} gives (batch, {shape.units}) features; "
            f"got {tuple(features.shape)}"
        )
    maps = features.unflatten(1, tuple(shape))
    for place in reversed(range(index + 1)):
        part = stack.stage(place)
        maps = part.rebuild_from(through_output(part, maps))
    for step in reversed(stack.preparation):
        maps = step.invert(maps)
    return maps
