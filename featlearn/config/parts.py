"""Specs of filters that are made of many layers: chains, branches, residual and dense blocks."""

from typing import Literal

import msgspec

from featlearn.config.base import Border, Count, KindSpec, NonNegativeInt
from featlearn.config.pieces import (
    Activation,
    AvgPoolSpec,
    BatchNormSpec,
    L2PoolSpec,
    LRNSpec,
    MaxPoolSpec,
    activation_name,
)


class ConvPartSpec(KindSpec, frozen=True, kw_only=True, tag="conv"):
    """A convolution with what follows it, as a part of a larger filter.

    `size` is the side of the window, or its height and width; `stride`, `padding`, `groups`
    and `bias` are those of a filter of kind `conv`, and `maps` is how many maps come out.
    After the convolution come `norm`, if there is any, and `activation`.
    """

    maps: Count
    size: Count | tuple[Count, ...]
    stride: Count = 1
    padding: Border = "valid"
    groups: Count = 1
    bias: bool = True
    norm: BatchNormSpec | None = None
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        """Groups are of one size, and a window has two sides."""
        if self.maps % self.groups:
            raise ValueError(f"`groups` must divide `maps` ({self.maps}); got {self.groups}")
        # Not said by the type: msgspec 0.22 mistakes the bound of the one for the other's length.
        if isinstance(self.size, tuple) and len(self.size) != 2:
            raise ValueError(f"`size` is one side, or height and width; got {len(self.size)}")

    @property
    def sides(self) -> tuple[int, int]:
        """Give height and width of the window."""
        if isinstance(self.size, int):
            return self.size, self.size
        height, width = self.size
        return height, width


class ActivationPartSpec(KindSpec, frozen=True, kw_only=True, tag="activation"):
    """An activation by itself, as a part of a larger filter."""

    activation: Activation = "relu"


class GlobalAvgSpec(KindSpec, frozen=True, kw_only=True, tag="global-avg"):
    """The mean of each map over all of its positions."""


class BranchesSpec(KindSpec, frozen=True, kw_only=True, tag="branches"):
    """Chains of parts side by side over the same maps, their results joined.

    Each of the `branches` lists its parts, bottom first; an empty one hands on what it is
    given. `join = "concat"` lays their maps one behind the other, `join = "add"` sums them.
    """

    branches: tuple[tuple["PartSpec", ...], ...]
    join: Literal["concat", "add"] = "concat"

    def __post_init__(self) -> None:
        """Something must be there to join."""
        if not self.branches:
            raise ValueError("`branches` needs at least one list of parts")


class ChainSpec(KindSpec, frozen=True, kw_only=True, tag="chain"):
    """Parts one after the other, bottom first."""

    parts: tuple["PartSpec", ...]

    def __post_init__(self) -> None:
        """A chain of nothing is none."""
        if not self.parts:
            raise ValueError("`parts` needs at least one part")


class ResidualSpec(KindSpec, frozen=True, kw_only=True, tag="residual"):
    """Residual blocks: what each computes is added to what it is given (He et al., CVPR 2016).

    There are `repeats` of them, each giving `maps` maps; the first moves its windows by
    `stride`. A `block` that is `basic` has two convolutions of 3x3, a `bottleneck` 1x1, 3x3, 1x1.
    Between them there are `width` maps: as many as come out in a basic block, a quarter in a
    bottleneck, more in wide networks (Zagoruyko & Komodakis, BMVC 2016). `groups` splits the
    3x3 of a bottleneck (Xie et al., CVPR 2017). Where a block gives another shape than it is
    given, that is brought there by 1x1 filters. `norm` follows every convolution, and
    `activation` all but the last, and the sum, but for the last sum of the stage, which the
    stage's own follows. With `preactivation` norm and activation come before each convolution
    instead, and sums are handed on as they are (He et al., ECCV 2016).
    """

    maps: Count
    repeats: Count = 1
    stride: Count = 1
    block: Literal["basic", "bottleneck"] = "basic"
    width: Count | None = None
    groups: Count = 1
    preactivation: bool = False
    norm: BatchNormSpec = msgspec.field(default_factory=BatchNormSpec)
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        """Refuse maps that cannot be split."""
        if self.block == "basic" and self.groups > 1:
            raise ValueError('`groups` belongs to `block = "bottleneck"`')
        if self.inner % self.groups:
            raise ValueError(f"`groups` must divide `width` ({self.inner}); got {self.groups}")

    @property
    def inner(self) -> int:
        """Give the maps between the convolutions of a block."""
        if self.width is not None:
            return self.width
        return self.maps if self.block == "basic" else max(self.maps // 4, 1)


class DenseBlockSpec(KindSpec, frozen=True, kw_only=True, tag="dense-block"):
    """Layers of which each sees the maps of all before it (Huang et al., CVPR 2017).

    Each of the `layers` adds `growth` maps to those that it is given: norm, activation and a
    3x3 convolution, before which norm, activation and 1x1 filters first make `bottleneck`
    times `growth` maps of them (none at 0). `norm` and `activation` are the same in all.
    """

    layers: Count
    growth: Count
    bottleneck: NonNegativeInt = 4
    norm: BatchNormSpec = msgspec.field(default_factory=BatchNormSpec)
    activation: Activation = "relu"


CompositeSpec = ChainSpec | BranchesSpec | ResidualSpec | DenseBlockSpec
"""Filters that are made of many layers."""

LeafSpec = (
    ConvPartSpec
    | BatchNormSpec
    | LRNSpec
    | ActivationPartSpec
    | MaxPoolSpec
    | AvgPoolSpec
    | L2PoolSpec
    | GlobalAvgSpec
)
"""Parts that are one layer."""

PartSpec = LeafSpec | CompositeSpec


def is_linear(activation: Activation) -> bool:
    """Tell whether an activation changes nothing."""
    return activation_name(activation) == "identity"
