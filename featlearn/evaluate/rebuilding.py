"""What a stage is fair to be asked to rebuild."""

from torch import Tensor

from featlearn.config.parts import CompositeSpec
from featlearn.networks.stack import Stack
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

    A filter that learned from patches of its own size rebuilds one at a time; moved over
    an image, its reconstructions overlap and add up to another picture. It is asked for
    patches side by side, from the middle of the maps. Every other stage takes the maps
    whole.

    Args:
        stage: The stage.
        maps: Its input, `(batch, maps, height, width)`, unscaled.

    Returns:
        `maps`, or patches `(batch · rows · columns, maps, size, size)`, those of an
        image together, row after row.
    """
    learned_from, spec = stage.spec.patches, stage.spec.filter
    if learned_from is None or isinstance(spec, CompositeSpec) or learned_from.size != spec.size:
        return maps
    size = learned_from.size
    if tuple(maps.shape[-2:]) == (size, size):
        return maps
    rows, columns = maps.shape[-2] // size, maps.shape[-1] // size
    top, left = (maps.shape[-2] - rows * size) // 2, (maps.shape[-1] - columns * size) // 2
    inside = maps[..., top : top + rows * size, left : left + columns * size]
    patches = inside.unflatten(2, (rows, size)).unflatten(4, (columns, size))
    return patches.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)
