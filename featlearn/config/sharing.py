"""What a layer weighs, and what it would weigh if its weights were shared otherwise."""

import math
from typing import NamedTuple

import msgspec

from featlearn.geometry import MapShape

LEAST_TILE = 2
"""The least tile that gives neighbours weights of their own."""


class Cost(msgspec.Struct, frozen=True):
    """Numbers to learn: `weights` without biases, `parameters` with them."""

    weights: int
    parameters: int


class Sharing(msgspec.Struct, frozen=True, kw_only=True):
    """The same units under every way of sharing weights between positions.

    Attributes:
        conv: Every position has the same weights.
        tiled: Positions `tile` steps apart share weights.
        local: Untied: every position has weights of its own, for the same window.
        dense: Fully connected: every unit sees all that is below.
        tile: The layer's own, or 2.
    """

    conv: Cost
    tiled: Cost
    local: Cost
    dense: Cost
    tile: int


class Bank(NamedTuple):
    """A filter bank, as far as its weights go.

    Attributes:
        below: Shape of what it sees.
        above: Shape of what comes out.
        window: Height and width of what a unit sees of a map below.
        groups: Groups of maps.
        bias: Whether numbers are added.
    """

    below: MapShape
    above: MapShape
    window: tuple[int, int]
    groups: int = 1
    bias: bool = True

    def tiled(self, tile: int) -> Cost:
        """Count where positions `tile` steps apart share weights; 1 is a convolution."""
        banks = min(tile, self.above.height) * min(tile, self.above.width)
        one = math.prod(self.window) * (self.below.maps // self.groups)
        maps = self.above.maps * banks
        return _cost(one * maps, maps, bias=self.bias)

    def untied(self) -> Cost:
        """Count where every position has weights of its own."""
        return self.tiled(max(self.above.height, self.above.width))

    def dense(self) -> Cost:
        """Count where every unit sees everything."""
        pairs = self.below.units * self.above.units
        return _cost(pairs, self.above.units, bias=self.bias)

    def sharing(self, *, tile: int = LEAST_TILE) -> Sharing:
        """Count all of them."""
        return Sharing(
            conv=self.tiled(1),
            tiled=self.tiled(tile),
            local=self.untied(),
            dense=self.dense(),
            tile=tile,
        )


def _cost(weights: int, biases: int, *, bias: bool) -> Cost:
    """Add the biases, if there are any."""
    return Cost(weights, weights + (biases if bias else 0))
