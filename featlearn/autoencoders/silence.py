"""Which filters have been in no code for long."""

from typing import cast

import torch
from torch import Tensor, nn

from featlearn.stages.filter import Filter
from featlearn.stages.filters import TiledFilter


class Silence(nn.Module):
    """For how many steps every filter has been in no code.

    A filter that several positions share is silent where it is so at all of them.

    Args:
        encoder: The filters.

    Attributes:
        steps: `(maps, rows, columns)`: of the grid of positions, of the tile, or 1 × 1.
    """

    steps: Tensor

    def __init__(self, encoder: Filter) -> None:
        """Begin at 0."""
        super().__init__()
        maps, height, width = encoder.output_shape
        if isinstance(encoder, TiledFilter):
            height, width = encoder.weight.shape[:2]
        elif encoder.shared:
            height = width = 1
        self.register_buffer("steps", torch.zeros(maps, height, width, dtype=torch.long))

    @torch.no_grad()
    def count(self, code: Tensor) -> None:
        """Take a step's codes in, `(batch, maps, height, width)`."""
        active = (code != 0).any(0)
        rows, columns = cast(tuple[int, int], self.steps.shape[1:])
        for axis, size in ((1, rows), (2, columns)):
            # Positions one tile apart share a filter.
            places = torch.arange(active.shape[axis], device=active.device) % size
            found = torch.zeros(
                *active.shape[:axis], size, *active.shape[axis + 1 :], device=active.device
            )
            active = found.index_add_(axis, places, active.float()) > 0
        self.steps.add_(1).masked_fill_(active, 0)

    def at_least(self, steps: int, *, like: Tensor) -> Tensor:
        """Say which units of a code, `(maps, height, width)`, were silent for so many steps."""
        rows, columns = cast(tuple[int, int], self.steps.shape[1:])
        height = torch.arange(like.shape[2], device=like.device) % rows
        width = torch.arange(like.shape[3], device=like.device) % columns
        return (self.steps >= steps)[:, height][:, :, width]
