"""Specs of a stage's filter, where that is one bank of linear filters."""

from typing import Literal

from featlearn.config.base import Border, Count, KindSpec
from featlearn.config.pieces import BatchNormSpec

Start = Literal["balanced", "he"]


class DenseSpec(KindSpec, frozen=True, kw_only=True, tag="dense"):
    """Every unit sees everything, or, with a `size`, one window.

    `maps` is how many units there are, at each position if there are several; `bias` adds a
    number to the response of each. With a `size` the filters are moved over the maps with
    `stride` and `padding`, as those of a convolution are. From `patches` of the stage, of
    that side, they learn as a dense filter over single patches; without, from whole maps,
    as a convolution. `norm` normalises the responses over batches before the activation.
    `start` says how weights are drawn: `balanced` for auto-encoders, by what goes in and out,
    `he` for deep networks of relu units that learn by labels (He et al., ICCV 2015).
    """

    maps: Count
    size: Count | None = None
    stride: Count = 1
    padding: Border = "valid"
    bias: bool = True
    norm: BatchNormSpec | None = None
    start: Start = "balanced"

    def __post_init__(self) -> None:
        """What sees everything is not moved."""
        moved = {"stride": self.stride != 1, "padding": self.padding != "valid"}
        for key, given in moved.items() if self.size is None else ():
            if given:
                raise ValueError(
                    "a dense filter without a `size` sees everything at once, so it has no "
                    f"`{key}`: give it a `size`, or leave `{key}` out"
                )


class WindowedSpec(KindSpec, frozen=True, kw_only=True):
    """What filters with a window share.

    `size` is the side of the window and `stride` the step between windows, in positions of
    the maps below; `padding = "same"` adds zeros around those, a number so many on every side.
    `maps` is how many units there are at each position; `bias` adds a number to the response
    of each. `groups` splits the maps above and below alike: a unit sees only the maps below of
    its own group. `norm` normalises the responses over batches before the activation. `start`
    says how weights are drawn: `balanced` for auto-encoders, by what goes in and out, `he` for
    deep networks of relu units that learn by labels (He et al., ICCV 2015).
    """

    size: Count
    maps: Count
    stride: Count = 1
    padding: Border = "valid"
    groups: Count = 1
    bias: bool = True
    norm: BatchNormSpec | None = None
    start: Start = "balanced"

    def __post_init__(self) -> None:
        """Groups are of one size."""
        if self.maps % self.groups:
            raise ValueError(f"`groups` must divide `maps` ({self.maps}); got {self.groups}")


class ConvSpec(WindowedSpec, frozen=True, kw_only=True, tag="conv"):
    """Shared filters: the same weights at every position."""


class LocalSpec(WindowedSpec, frozen=True, kw_only=True, tag="local"):
    """Untied filters: every output position has weights of its own."""


class TiledSpec(WindowedSpec, frozen=True, kw_only=True, tag="tiled"):
    """Tiled filters: positions `tile` steps apart share weights (Le et al., NIPS 2010).

    `tile = 1` is a convolution, a tile as large as the grid of positions is local.
    """

    tile: Count


BankSpec = DenseSpec | ConvSpec | LocalSpec | TiledSpec
"""One bank of filters."""
