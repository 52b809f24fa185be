"""Densely connected networks."""

from typing import Any

from featlearn.config.architectures.architecture import (
    SMALL,
    Architecture,
    chain_stage,
    conv_stage,
    normed_mean_stage,
)
from featlearn.config.parts import ActivationPartSpec, ConvPartSpec, DenseBlockSpec
from featlearn.config.pieces import AvgPoolSpec, BatchNormSpec, MaxPoolSpec
from featlearn.config.stages import StageSpec

_BLOCKS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
_PAPER = "Huang et al., CVPR 2017"


def densenet(depth: int) -> Architecture:
    """Declare a DenseNet for photographs, whose layers add 32 maps each."""
    stem = conv_stage(
        "conv0",
        64,
        7,
        stride=2,
        padding=3,
        norm=BatchNormSpec(),
        pool=MaxPoolSpec(size=3, stride=2, padding=1),
    )
    return Architecture(
        title=f"DenseNet-{depth}",
        source=_PAPER,
        stages=(stem, *_blocks(64, _BLOCKS[depth], growth=32), normed_mean_stage()),
    )


def small_densenet(depth: int, growth: int) -> Architecture:
    """Declare a DenseNet-BC for small colour images, of three blocks."""
    layers = (depth - 4) // 6
    below = 2 * growth
    stem = conv_stage("conv0", below, 3, padding=1, bias=False, activation="identity")
    return Architecture(
        title=f"DenseNet-BC-{depth}, k = {growth}",
        source=_PAPER,
        stages=(stem, *_blocks(below, (layers,) * 3, growth=growth), normed_mean_stage()),
        input=SMALL,
        classes=10,
        preprocess=(),
        keys="",
    )


def _blocks(maps: int, counts: tuple[int, ...], *, growth: int) -> list[StageSpec]:
    """Declare blocks, and between them what halves the maps and their sides."""
    stages: list[StageSpec] = []
    plain: dict[str, Any] = {"activation": "identity", "input": "none"}
    for place, count in enumerate(counts, start=1):
        block = DenseBlockSpec(layers=count, growth=growth)
        stages.append(StageSpec(name=f"block{place}", filter=block, **plain))
        maps += count * growth
        if place == len(counts):
            continue
        maps //= 2
        fewer = ConvPartSpec(maps=maps, size=1, bias=False, activation="identity")
        halves = AvgPoolSpec(size=2, stride=2)
        norm, relu = BatchNormSpec(), ActivationPartSpec()
        stages.append(chain_stage(f"transition{place}", norm, relu, fewer, pool=halves))
    return stages
