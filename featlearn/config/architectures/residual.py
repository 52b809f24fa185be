"""Residual networks: ResNet, its pre-activated form, ResNeXt and Wide ResNet."""

from typing import Any, Literal

from featlearn.config.architectures.architecture import (
    DIGIT,
    SMALL,
    Architecture,
    conv_stage,
    mean_stage,
    normed_mean_stage,
    residual_stage,
)
from featlearn.config.parts import ResidualSpec
from featlearn.config.pieces import BatchNormSpec, MaxPoolSpec
from featlearn.config.stages import StageSpec

Block = Literal["basic", "bottleneck"]

_REPEATS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
_PAPER = "He et al., CVPR 2016"
_PREACTIVATED = "He et al., ECCV 2016"
_WIDE = "Zagoruyko & Komodakis, BMVC 2016"
_SMALL: dict[str, Any] = {"input": SMALL, "classes": 10, "preprocess": (), "keys": ""}
_DIGIT: dict[str, Any] = {**_SMALL, "input": DIGIT}
_POOL = MaxPoolSpec(size=3, stride=2, padding=1)


def resnet(depth: int) -> Architecture:
    """Declare a ResNet; a bottleneck's stride is that of its 3x3 filters, as in torchvision."""
    return Architecture(
        title=f"ResNet-{depth}",
        source=_PAPER,
        stages=_photograph_stages(depth, _block(depth)),
    )


def preactivated_resnet(depth: int) -> Architecture:
    """Declare a pre-activation ResNet, with strides on 3x3 filters, as in timm's `resnetv2`."""
    return Architecture(
        title=f"Pre-activation ResNet-{depth}",
        source=_PREACTIVATED,
        stages=(
            conv_stage(
                "stem",
                64,
                7,
                stride=2,
                padding=3,
                bias=False,
                pool=_POOL,
                activation="identity",
            ),
            *_stages(_widths(depth), _REPEATS[depth], block=_block(depth), preactivation=True),
            normed_mean_stage(),
        ),
        keys="timm",
    )


def resnext(depth: int, *, groups: int, width: int) -> Architecture:
    """Declare a ResNeXt whose 3x3 filters work in `groups` of `width` maps in the first stage."""
    inner = tuple(groups * width * 2**place for place in range(4))
    return Architecture(
        title=f"ResNeXt-{depth} {groups}x{width}d",
        source="Xie et al., CVPR 2017",
        stages=_photograph_stages(depth, "bottleneck", inner=inner, groups=groups),
    )


def wide_resnet(depth: int, *, factor: int) -> Architecture:
    """Declare a ResNet with `factor` times the maps between the convolutions of a bottleneck."""
    inner = tuple(64 * factor * 2**place for place in range(4))
    return Architecture(
        title=f"Wide ResNet-{depth}-{factor}",
        source=_WIDE,
        stages=_photograph_stages(depth, "bottleneck", inner=inner),
    )


def small_wide_resnet(depth: int, factor: int) -> Architecture:
    """Declare a Wide ResNet for small colour images, pre-activated, without dropout."""
    repeats = ((depth - 4) // 6,) * 3
    widths = (16 * factor, 32 * factor, 64 * factor)
    return Architecture(
        title=f"Wide ResNet-{depth}-{factor}",
        source=_WIDE,
        stages=(
            conv_stage("stem", 16, 3, padding=1, bias=False, activation="identity"),
            *_stages(widths, repeats, block="basic", preactivation=True),
            normed_mean_stage(),
        ),
        **_SMALL,
    )


def small_resnet(depth: int) -> Architecture:
    """Declare a ResNet of 6n + 2 layers for small colour images, 1x1 filters on its shortcuts."""
    return Architecture(
        title=f"ResNet-{depth} for small images",
        source=f"{_PAPER}, section 4.2, with projections",
        stages=_small_stages((16, 32, 64), ((depth - 2) // 6,) * 3),
        **_SMALL,
    )


def small_resnet18() -> Architecture:
    """Declare ResNet-18 over small colour images: 3x3 filters and no pooling at the bottom."""
    return Architecture(
        title="ResNet-18 for small images",
        source=f"after {_PAPER}",
        stages=_small_stages((64, 128, 256, 512), _REPEATS[18]),
        **_SMALL,
    )


def mini_resnet() -> Architecture:
    """Declare a ResNet for digits, of a block at each of three sizes."""
    return Architecture(
        title="A ResNet for digits",
        source=f"after {_PAPER}",
        stages=_small_stages((32, 64, 128), (1, 1, 1)),
        **_DIGIT,
    )


def _block(depth: int) -> Block:
    return "basic" if depth < 50 else "bottleneck"


def _widths(depth: int) -> tuple[int, ...]:
    return tuple((1 if depth < 50 else 4) * 64 * 2**place for place in range(4))


def _photograph_stages(
    depth: int, block: Block, *, inner: tuple[int, ...] | None = None, groups: int = 1
) -> tuple[StageSpec, ...]:
    """Declare the stages of a network for photographs."""
    return (
        conv_stage("conv1", 64, 7, stride=2, padding=3, norm=BatchNormSpec(), pool=_POOL),
        *_stages(_widths(depth), _REPEATS[depth], block=block, inner=inner, groups=groups),
        mean_stage(),
    )


def _small_stages(widths: tuple[int, ...], repeats: tuple[int, ...]) -> tuple[StageSpec, ...]:
    """Declare the stages of a network for small images."""
    return (
        conv_stage("conv1", widths[0], 3, padding=1, norm=BatchNormSpec()),
        *_stages(widths, repeats, block="basic"),
        mean_stage(),
    )


def _stages(
    widths: tuple[int, ...],
    repeats: tuple[int, ...],
    *,
    inner: tuple[int, ...] | None = None,
    **same: Any,
) -> list[StageSpec]:
    """Declare stages of residual blocks, each but the first at half the side of the one below."""
    widest = inner or (None,) * len(widths)
    return [
        residual_stage(
            f"layer{place + 1}",
            ResidualSpec(
                maps=maps, repeats=count, stride=1 if place == 0 else 2, width=width, **same
            ),
        )
        for place, (maps, count, width) in enumerate(zip(widths, repeats, widest, strict=True))
    ]
