"""LeNet-5, AlexNet and VGG: chains of convolutions, then dense layers."""

from featlearn.config.architectures.architecture import DIGIT, SMALL, Architecture, conv_stage
from featlearn.config.banks import ConvSpec, DenseSpec
from featlearn.config.pieces import AvgPoolSpec, BatchNormSpec, MaxPoolSpec
from featlearn.config.stages import StageSpec
from featlearn.geometry import MapShape

_VGG = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Convolutions of each group, by the number of layers that have weights."""

_VGG_PAPER = "Simonyan & Zisserman, ICLR 2015"


def lenet5() -> Architecture:
    """Declare LeNet-5, every map of C3 seeing all of S2."""
    pool = {"size": 2, "stride": 2}

    def dense(name: str, maps: int) -> StageSpec:
        return StageSpec(name=name, filter=DenseSpec(maps=maps), activation="tanh", input="none")

    def conv(name: str, maps: int, pooled: str) -> StageSpec:
        return StageSpec(
            name=name,
            filter=ConvSpec(size=5, maps=maps),
            activation="tanh",
            pool=AvgPoolSpec(**pool, name=pooled),
            input="none",
        )

    return Architecture(
        title="LeNet-5",
        source="LeCun et al., Proceedings of the IEEE 1998",
        stages=(conv("C1", 6, "S2"), conv("C3", 16, "S4"), dense("F5", 120), dense("F6", 84)),
        input=MapShape(1, 32, 32),
        classes=10,
        preprocess=(),
        keys="",
    )


def alexnet() -> Architecture:
    """Declare AlexNet in one column, as in Krizhevsky's second paper and in torchvision."""
    pool = MaxPoolSpec(size=3, stride=2)
    return Architecture(
        title="AlexNet",
        source="Krizhevsky et al., NIPS 2012; Krizhevsky, arXiv:1404.5997",
        stages=(
            conv_stage("conv1", 64, 11, stride=4, padding=2, pool=pool),
            conv_stage("conv2", 192, 5, padding=2, pool=pool),
            conv_stage("conv3", 384, 3, padding=1),
            conv_stage("conv4", 256, 3, padding=1),
            conv_stage("conv5", 256, 3, padding=1, pool=pool, dropout=0.5),
            _dense("fc6", 4096, dropout=0.5),
            _dense("fc7", 4096),
        ),
    )


def vgg(depth: int, *, norm: bool) -> Architecture:
    """Declare a VGG of so many layers, with batch normalisation or without."""
    widths = (64, 128, 256, 512, 512)
    stages = _groups(widths, _VGG[depth], norm=norm)
    return Architecture(
        title=f"VGG-{depth}{' with batch normalisation' * norm}",
        source=_VGG_PAPER,
        stages=(*stages, _dense("fc6", 4096, dropout=0.5), _dense("fc7", 4096, dropout=0.5)),
    )


def small_vgg() -> Architecture:
    """Declare a VGG for small colour images: three groups of two, then one dense layer."""
    return Architecture(
        title="A small VGG",
        source=f"after {_VGG_PAPER}",
        stages=(*_groups((64, 128, 256), (2, 2, 2), norm=True), _dense("fc", 256, dropout=0.5)),
        input=SMALL,
        classes=10,
        preprocess=(),
        keys="",
    )


def mini_vgg() -> Architecture:
    """Declare a VGG for digits: two groups of two, then one dense layer."""
    return Architecture(
        title="A VGG for digits",
        source=f"after {_VGG_PAPER}",
        stages=(*_groups((32, 64), (2, 2), norm=True), _dense("fc", 128, dropout=0.5)),
        input=DIGIT,
        classes=10,
        preprocess=(),
        keys="",
    )


def _groups(widths: tuple[int, ...], counts: tuple[int, ...], *, norm: bool) -> list[StageSpec]:
    """Declare groups of 3x3 convolutions, each ending in a pooling to half the side."""
    pool = MaxPoolSpec(size=2, stride=2)
    return [
        conv_stage(
            f"conv{group}_{place}",
            maps,
            3,
            padding=1,
            norm=BatchNormSpec() if norm else None,
            bias=True,
            pool=pool if place == count else None,
        )
        for group, (maps, count) in enumerate(zip(widths, counts, strict=True), start=1)
        for place in range(1, count + 1)
    ]


def _dense(name: str, maps: int, *, dropout: float = 0.0) -> StageSpec:
    """Declare a dense layer of relu units."""
    filters = DenseSpec(maps=maps, start="he")
    return StageSpec(name=name, filter=filters, input="none", dropout=dropout)
