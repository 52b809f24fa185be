"""What a stage is fair to be asked to rebuild."""

from torch import Tensor

from featlearn.networks.stack import Stack
from featlearn.ops.planes import middle
from featlearn.stages.stage import Stage


def rebuilding(stack: Stack) -> int:
    """Count the stages, from the bottom, whose codes can be taken down to the image.

    Each of them learned to rebuild its input; above one that did not, as k-means does not,
    decoders end in maps that nothing takes further down.
    """
    with_decoder = [stack.stage(place).decoder is not None for place in range(len(stack))]
    return (*with_decoder, False).index(False)


def rebuildable(stage: Stage, maps: Tensor) -> Tensor:
    """Give inputs of the kind that a stage learned to rebuild.

    A stage that learned from patches rebuilds patches. Moved over larger maps, more of its
    reconstructions overlap in most places than did while it learned, and add up to more
    than what was given. It is asked for patches side by side, from the middle of the maps.
    Every other stage takes the maps whole.

    Args:
        stage: The stage.
        maps: Its input, `(batch, maps, height, width)`, unscaled.

    Returns:
        `maps`, or patches `(batch · rows · columns, maps, size, size)`, those of an
        image together, row after row.
    """
    grid = _grid(stage, maps)
    if grid is None:
        return maps
    rows, columns, size = grid
    patches = middle(maps, rows * size, columns * size)
    patches = patches.unflatten(2, (rows, size)).unflatten(4, (columns, size))
    return patches.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)


def joined(stage: Stage, patches: Tensor, maps: Tensor) -> Tensor:
    """Put what `rebuildable` made of maps, or what came of it, side by side again.

    Args:
        stage: The stage.
        patches: As many and as large as `rebuildable` gives.
        maps: The maps that they were taken from.

    Returns:
        `(batch, maps, height, width)`: the middle of the maps, as far as whole patches reach.
    """
    grid = _grid(stage, maps)
    if grid is None:
        return patches
    rows, columns, _ = grid
    apart = patches.unflatten(0, (len(maps), rows, columns))
    return apart.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


def _grid(stage: Stage, maps: Tensor) -> tuple[int, int, int] | None:
    """Count the rows and columns of patches in maps, with their side, if it learned from such."""
    learned_from = stage.spec.patches
    if learned_from is None or tuple(maps.shape[-2:]) == (learned_from.size, learned_from.size):
        return None
    size = learned_from.size
    return maps.shape[-2] // size, maps.shape[-1] // size, size
