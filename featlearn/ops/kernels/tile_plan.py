"""How the units of a locally connected layer are laid into tiles."""

import functools
from typing import NamedTuple

from featlearn.ops.kernels.geometry import Local, evenly
from featlearn.ops.kernels.tiles import INNER, ROWS

_MOST_UNITS = 2 * ROWS  # in the rows of two tiles, which share the inputs that they see
_LOAD = 12  # what loading a tile costs, where multiplying one costs its 16 rows


class Plan(NamedTuple):
    """Units whose products are taken together.

    Attributes:
        abreast: Neighbouring positions of a row; 1 if the maps fill the tiles by themselves.
        maps: How many maps at a time.
    """

    abreast: int
    maps: list[int]

    @property
    def tiles(self) -> int:
        """Tiles whose rows the units fill."""
        return -(-self.abreast * max(self.maps) // ROWS)

    def span(self, sizes: Local) -> int:
        """Count the inputs that the units see in one row of the planes, rounded up to tiles."""
        seen = sizes.run + (self.abreast - 1) * sizes.shift
        return -(-seen // INNER) * INNER


@functools.lru_cache(maxsize=512)
def plan(sizes: Local) -> Plan:
    """Choose how many positions lie abreast.

    The more there are, the fuller are the tiles, and the more of the products are with inputs
    that a unit does not see.
    """
    maps = evenly(sizes.maps, _MOST_UNITS)

    def cost(abreast: int) -> float:
        one = Plan(abreast, maps)
        return one.span(sizes) * (one.tiles * ROWS + _LOAD) / abreast

    most = max(1, min(sizes.columns, _MOST_UNITS // max(maps)))
    return Plan(min(range(1, most + 1), key=cost), maps)
