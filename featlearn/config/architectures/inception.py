"""GoogLeNet and Inception-v4: branches of several windows side by side."""

from typing import Any

from featlearn.config.architectures.architecture import (
    INCEPTION,
    Architecture,
    conv_stage,
    mean_stage,
)
from featlearn.config.parts import BranchesSpec, ConvPartSpec, PartSpec
from featlearn.config.pieces import AvgPoolSpec, BatchNormSpec, MaxPoolSpec
from featlearn.config.stages import StageSpec
from featlearn.geometry import Border, MapShape

_NORM = BatchNormSpec(eps=1e-3)
_MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Maps of the modules of GoogLeNet: 1x1; before and after the 3x3, and the 5x5; after the pool."""


def googlenet() -> Architecture:
    """Declare GoogLeNet without its auxiliary heads, as in torchvision.

    That has batch normalisation, and 3x3 filters where the paper has 5x5. Its pools round the
    number of windows up, which at sides of 2, 4, 8, … times 7 is what `same` borders do.
    """
    pool = MaxPoolSpec(size=3, stride=2, padding="same")
    pools = {"3b": pool, "4e": MaxPoolSpec(size=2, stride=2, padding="same")}
    modules = [
        _stage(f"inception{name}", _module(maps), pool=pools.get(name))
        for name, maps in _MODULES.items()
    ]
    return Architecture(
        title="GoogLeNet",
        source="Szegedy et al., CVPR 2015",
        stages=(
            conv_stage("conv1", 64, 7, stride=2, padding=3, norm=_NORM, pool=pool),
            conv_stage("conv2", 64, 1, norm=_NORM),
            conv_stage("conv3", 192, 3, padding=1, norm=_NORM, pool=pool),
            *modules,
            mean_stage(dropout=0.2),
        ),
        preprocess=(INCEPTION,),
    )


def inception_v4() -> Architecture:
    """Declare Inception-v4."""
    modules = [
        _joined([_max()], [_conv(96, 3, stride=2)]),
        _joined(
            [_conv(64, 1), _conv(96, 3)],
            [_conv(64, 1), _flat(64, 7), _tall(64, 7), _conv(96, 3)],
        ),
        _joined([_conv(192, 3, stride=2)], [_max()]),
        *[_inception_a()] * 4,
        _joined(
            [_conv(384, 3, stride=2)],
            [_conv(192, 1), _conv(224, 3, "same"), _conv(256, 3, stride=2)],
            [_max()],
        ),
        *[_inception_b()] * 7,
        _joined(
            [_conv(192, 1), _conv(192, 3, stride=2)],
            [_conv(256, 1), _flat(256, 7), _tall(320, 7), _conv(320, 3, stride=2)],
            [_max()],
        ),
        *[_inception_c()] * 3,
    ]
    return Architecture(
        title="Inception-v4",
        source="Szegedy et al., AAAI 2017",
        stages=(
            conv_stage("features0", 32, 3, stride=2, norm=_NORM),
            conv_stage("features1", 32, 3, norm=_NORM),
            conv_stage("features2", 64, 3, padding=1, norm=_NORM),
            *(_stage(f"features{place}", spec) for place, spec in enumerate(modules, start=3)),
            mean_stage(dropout=0.2),
        ),
        input=MapShape(3, 299, 299),
        preprocess=(INCEPTION,),
        keys="timm",
    )


def _module(maps: tuple[int, ...]) -> BranchesSpec:
    """Declare an inception module of GoogLeNet."""
    one, before3, three, before5, five, pooled = maps
    return _joined(
        [_conv(one, 1)],
        [_conv(before3, 1), _conv(three, 3, 1)],
        [_conv(before5, 1), _conv(five, 3, 1)],
        [MaxPoolSpec(size=3, padding=1), _conv(pooled, 1)],
    )


def _inception_a() -> BranchesSpec:
    """Declare a module at 35x35."""
    return _joined(
        [_conv(96, 1)],
        [_conv(64, 1), _conv(96, 3, "same")],
        [_conv(64, 1), _conv(96, 3, "same"), _conv(96, 3, "same")],
        [_avg(), _conv(96, 1)],
    )


def _inception_b() -> BranchesSpec:
    """Declare a module at 17x17."""
    return _joined(
        [_conv(384, 1)],
        [_conv(192, 1), _flat(224, 7), _tall(256, 7)],
        [_conv(192, 1), _tall(192, 7), _flat(224, 7), _tall(224, 7), _flat(256, 7)],
        [_avg(), _conv(128, 1)],
    )


def _inception_c() -> BranchesSpec:
    """Declare a module at 8x8, two of whose branches fork again."""
    return _joined(
        [_conv(256, 1)],
        [_conv(384, 1), _joined([_flat(256, 3)], [_tall(256, 3)])],
        [
            _conv(384, 1),
            _tall(448, 3),
            _flat(512, 3),
            _joined([_flat(256, 3)], [_tall(256, 3)]),
        ],
        [_avg(), _conv(256, 1)],
    )


def _stage(name: str, spec: BranchesSpec, **more: Any) -> StageSpec:
    """Declare a module as a stage; its convolutions have activations of their own."""
    return StageSpec(name=name, filter=spec, activation="identity", input="none", **more)


def _joined(*branches: list[PartSpec]) -> BranchesSpec:
    """Declare branches whose maps are laid one behind the other."""
    return BranchesSpec(branches=tuple(tuple(parts) for parts in branches))


def _conv(
    maps: int, size: int | tuple[int, int], padding: Border = "valid", *, stride: int = 1
) -> ConvPartSpec:
    """Declare a convolution with batch normalisation and relu."""
    return ConvPartSpec(
        maps=maps, size=size, stride=stride, padding=padding, bias=False, norm=_NORM
    )


def _flat(maps: int, length: int) -> ConvPartSpec:
    """Declare a convolution along rows that keeps the size of the maps."""
    return _conv(maps, (1, length), "same")


def _tall(maps: int, length: int) -> ConvPartSpec:
    """Declare a convolution along columns that keeps the size of the maps."""
    return _conv(maps, (length, 1), "same")


def _max() -> MaxPoolSpec:
    """Declare the pooling that halves the side of the maps."""
    return MaxPoolSpec(size=3, stride=2)


def _avg() -> AvgPoolSpec:
    """Declare the smoothing in front of a branch; what lies beyond the border does not count."""
    return AvgPoolSpec(size=3, padding=1)
