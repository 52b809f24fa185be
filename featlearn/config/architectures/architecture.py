"""What is declared of a published network."""

from typing import Any

import msgspec

from featlearn.config.banks import ConvSpec
from featlearn.config.data import ChannelsSpec, PreprocessSpec
from featlearn.config.heads import ClassificationSpec
from featlearn.config.parts import (
    ActivationPartSpec,
    ChainSpec,
    GlobalAvgSpec,
    LeafSpec,
    ResidualSpec,
)
from featlearn.config.pieces import BatchNormSpec
from featlearn.config.stages import StageSpec
from featlearn.geometry import Border, MapShape

IMAGENET = ChannelsSpec(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""What most networks for ImageNet are given: images by the means and deviations of its channels."""

INCEPTION = ChannelsSpec(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
"""What inception networks are given: images between -1 and 1."""

PHOTOGRAPH = MapShape(3, 224, 224)
"""The usual image of networks for ImageNet."""

SMALL = MapShape(3, 32, 32)
"""The usual small colour image."""

DIGIT = MapShape(1, 28, 28)
"""The usual small grey image."""


class Architecture(msgspec.Struct, frozen=True, kw_only=True):
    """A network, as published.

    Attributes:
        title: What it is, in words.
        source: The paper.
        stages: Its stages, bottom first; none has an objective.
        input: The image that it was made for; others fit, too, where windows do.
        classes: How many it was published for.
        preprocess: What is done to an image first.
        keys: Whose names its published weights bear.
    """

    title: str
    source: str
    stages: tuple[StageSpec, ...]
    input: MapShape = PHOTOGRAPH
    classes: int = 1000
    preprocess: tuple[PreprocessSpec, ...] = (IMAGENET,)
    keys: str = "torchvision"

    @property
    def head(self) -> ClassificationSpec:
        """A linear head on the features as they are."""
        return ClassificationSpec(input="none")


def conv_stage(
    name: str,
    maps: int,
    size: int,
    *,
    stride: int = 1,
    padding: Border = "valid",
    norm: BatchNormSpec | None = None,
    bias: bool | None = None,
    **more: Any,
) -> StageSpec:
    """Declare a convolution; with a norm it has no bias unless it is asked for.

    Args:
        name: Of the stage.
        maps: That come out.
        size: Side of the window.
        stride: Of the window.
        padding: Around the maps below.
        norm: Between the filter and the activation.
        bias: Whether there is one.
        more: Other keys of the stage, such as `pool`.
    """
    with_bias = norm is None if bias is None else bias
    filters = ConvSpec(
        maps=maps, size=size, stride=stride, padding=padding, bias=with_bias, norm=norm, start="he"
    )
    return StageSpec(name=name, filter=filters, input="none", **more)


def residual_stage(name: str, spec: ResidualSpec) -> StageSpec:
    """Declare residual blocks; a relu follows their last sum unless they are pre-activated."""
    activation = "identity" if spec.preactivation else "relu"
    return StageSpec(name=name, filter=spec, activation=activation, input="none")


def chain_stage(name: str, *parts: LeafSpec, **more: Any) -> StageSpec:
    """Declare parts one after the other, with no activation but their own."""
    return StageSpec(
        name=name, filter=ChainSpec(parts=parts), activation="identity", input="none", **more
    )


def mean_stage(name: str = "mean", **more: Any) -> StageSpec:
    """Declare the mean of each map, which the head is given."""
    return chain_stage(name, GlobalAvgSpec(), **more)


def normed_mean_stage(name: str = "norm") -> StageSpec:
    """Declare the last norm of a network whose stages hand on what is not normalised, and means."""
    return chain_stage(name, BatchNormSpec(), ActivationPartSpec(), GlobalAvgSpec())
