"""What a stage did to its code, undone: normalisation and pooling.

Each is undone as it stood for the images: by their own divisors, switches and weights, which
get no gradient. What is undone does.
"""

from typing import assert_never

import torch
import torch.nn.functional as F
from torch import Tensor

from featlearn.config.pieces import LCNSpec, RootPoolSpec
from featlearn.ops.adjoint import adjoint_at
from featlearn.ops.planes import borders
from featlearn.stages.norm import BatchNorm, LCN2d, LRN2d
from featlearn.stages.pool import Pool
from featlearn.stages.stage import Stage, StageOutput


def uncropped(stage: Stage, maps: Tensor) -> Tensor:
    """Put zeros where contrast normalisation cut off the border of a stage's maps."""
    spec = stage.spec.norm
    if not isinstance(spec, LCNSpec) or spec.padding == "same":
        return maps
    before, window = stage.pooled_shape or stage.code_shape, (spec.size, spec.size)
    return F.pad(maps, borders(before[1:], window=window, stride=1, padding="same"))


def undo_scale(stage: Stage, maps: Tensor) -> Tensor:
    """Multiply by what the stage's frozen batch normalisation divides by."""
    norm = stage.norm
    assert isinstance(norm, torch.nn.BatchNorm2d)
    assert norm.running_var is not None
    weight = norm.weight.detach()
    scale = (norm.running_var + norm.eps).sqrt() / weight
    return maps * torch.where(weight == 0, 0.0, scale).view(-1, 1, 1)


def undo_divisor(stage: Stage, output: StageOutput, maps: Tensor) -> Tensor:
    """Multiply by what normalisation divided the images' maps by.

    Args:
        stage: The stage.
        output: What it made of the images.
        maps: Of the shape of its normalised maps.
    """
    before = (output.code if output.pooled is None else output.pooled).detach()
    match stage.norm:
        case None:
            return maps
        case LCN2d() as norm:
            return uncropped(stage, maps * norm.divisor(before))
        case LRN2d() as norm:
            normalised = norm(before)
            return maps * torch.where(normalised == 0, 1.0, before / normalised)
        case BatchNorm():
            return undo_scale(stage, maps)
        case _:
            assert_never(stage.norm)


def undo_norm(stage: Stage, output: StageOutput, maps: Tensor) -> Tensor:
    """Turn normalised maps into those before, but for a local mean; see `undo_divisor`."""
    norm = stage.norm
    if not isinstance(norm, BatchNorm):
        return undo_divisor(stage, output, maps)
    assert norm.running_mean is not None
    centred = maps - norm.bias.detach().view(-1, 1, 1)
    return undo_divisor(stage, output, centred) + norm.running_mean.view(-1, 1, 1)


def unpool(stage: Stage, pool: Pool, code: Tensor, maps: Tensor) -> Tensor:
    """Turn pooled maps into a code, by the weights that the images' own code had.

    Max pooling passes a value to the place that it came from (its switch), pooling by roots of
    squares gives each place h / pooled of it, average pooling gives all of the window alike;
    where windows overlap the mean is taken.

    Args:
        stage: The stage.
        pool: Its pooling.
        code: The images' codes, `(batch, maps, height, width)`.
        maps: Pooled maps to take down, of the shape of the pooled codes.
    """
    down = adjoint_at(pool, code, maps)
    if isinstance(stage.spec.pool, RootPoolSpec):  # its weights times what is pooled is the code
        ones = torch.ones_like(code[:1])
        shares = adjoint_at(pool, ones, pool(ones))
    else:
        shares = adjoint_at(pool, code, torch.ones_like(maps))
    return torch.where(shares > 0, down / shares, 0.0)
