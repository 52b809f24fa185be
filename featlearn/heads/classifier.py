"""A stack of stages with a linear or multi-layer head on top."""

import itertools
from typing import assert_never

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from featlearn.config.heads import (
    ClassificationSpec,
    HeadSpec,
    MultiLabelSpec,
    RegressionSpec,
)
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack
from featlearn.ops.random import generator
from featlearn.stages.scaler import InputScaler


class Classifier(nn.Module):
    """Outputs for an image from the last stage's output: logits, or numbers in standard units.

    The features, pooled over positions if the head asks for it, are centred and scaled unit
    by unit on training images, so that one learning rate suits every stack, trained or not;
    unless the head says otherwise.

    Attributes:
        stack: The stages.
        spec: The head's description.
        scaler: Centring and scaling of the features.
        layers: The head.
        freeze: How many stages, from the bottom, training leaves as they are.
        frozen_statistics: Whether training leaves the statistics of batch normalisation as they
            are in the other stages, too, and normalises by them.
        target_centre: Of a regression: mean of each target, `(k,)`; otherwise empty.
        target_scale: Of a regression: standard deviation of each target, `(k,)`.
    """

    target_centre: Tensor
    target_scale: Tensor

    def __init__(
        self,
        stack: Stack,
        spec: HeadSpec,
        *,
        classes: int,
        freeze: int,
        seed: int,
        frozen_statistics: bool = False,
    ) -> None:
        """Put a freshly drawn head on a stack.

        Args:
            stack: The stages; they become part of the classifier.
            spec: The head.
            classes: Number of outputs: of classes, of numbers, or of labels.
            freeze: Stages that stay as they are, counted from the bottom.
            seed: Seed of the head's weights.
            frozen_statistics: Whether the statistics of batch normalisation stay as they are.

        Raises:
            RecipeError: If `freeze` is not between 0 and the number of stages, or
                the recipe says another number of classes.
        """
        super().__init__()
        if not 0 <= freeze <= len(stack):
            raise RecipeError(f"freeze must be between 0 and {len(stack)} stages; got {freeze}")
        if isinstance(spec, ClassificationSpec) and spec.classes not in (None, classes):
            raise RecipeError(
                f"finetune.head.classes is {spec.classes}, but the labels have {classes} classes"
            )
        self.stack, self.spec = stack, spec
        shape = stack.output_shape
        if spec.pool != "none":
            shape = MapShape(shape.maps, 1, 1)
        self.classes = classes
        self.scaler = InputScaler(shape, kind=spec.input, per_unit=True)
        self.layers = _head(shape.units, spec, classes=classes, seed=seed)
        self.freeze = freeze
        self.frozen_statistics = frozen_statistics
        targets = classes if isinstance(spec, RegressionSpec) else 0
        # Only a regression writes them into its file.
        self.register_buffer("target_centre", torch.zeros(targets), persistent=targets > 0)
        self.register_buffer("target_scale", torch.ones(targets), persistent=targets > 0)
        for place in range(freeze):
            stack.stage(place).requires_grad_(False)

    @property
    def frozen(self) -> bool:
        """Whether only the head learns."""
        return self.freeze == len(self.stack)

    def train(self, mode: bool = True) -> "Classifier":
        """Set the mode; frozen stages, and frozen statistics, stay as in use."""
        super().train(mode)
        for place in range(len(self.stack)):
            stage = self.stack.stage(place)
            if place < self.freeze:
                stage.eval()
            elif self.frozen_statistics:
                for part in stage.measuring:
                    part.eval()
        return self

    def features(self, images: Tensor, *, to_images: bool = False) -> Tensor:
        """Compute the last stage's output, with gradients above the frozen stages.

        Args:
            images: `(batch, maps, height, width)`, in [0, 1].
            to_images: Whether gradients reach the images, through the frozen stages.
        """
        with torch.set_grad_enabled(to_images and torch.is_grad_enabled()):
            maps = self.stack.maps_below(images, self.freeze)
        for place in range(self.freeze, len(self.stack)):
            maps = self.stack.stage(place)(maps).output
        return maps

    def pooled(self, features: Tensor) -> Tensor:
        """Pool the last stage's output over positions, if the head asks for it."""
        match self.spec.pool:
            case "none":
                return features
            case "avg":
                return features.mean((2, 3), keepdim=True)
            case "max":
                return features.amax((2, 3), keepdim=True)
            case _:
                assert_never(self.spec.pool)

    def classify(self, features: Tensor) -> Tensor:
        """Compute outputs `(batch, classes)` from the last stage's output."""
        return self.layers(self.scaler(self.pooled(features)).flatten(1))

    def forward(self, images: Tensor) -> Tensor:
        """Compute outputs, `(batch, classes)`."""
        return self.classify(self.features(images))

    def answers(self, outputs: Tensor, *, temperature: float | None = None) -> Tensor:
        """Turn outputs into what a user asks for.

        Args:
            outputs: `(…, classes)`.
            temperature: Divides the logits of a classification, where it was calibrated.

        Returns:
            Probabilities of classes (of a hinge without a temperature: its scores) or of
            single labels, or numbers in the unit of their targets, of the same shape.
        """
        match self.spec:
            case ClassificationSpec(loss="hinge") if temperature is None:
                return outputs
            case ClassificationSpec():
                return (outputs / (temperature or 1.0)).softmax(-1)
            case RegressionSpec():
                return outputs * self.target_scale + self.target_centre
            case MultiLabelSpec():
                return outputs.sigmoid()
            case _:
                assert_never(self.spec)


def _head(features: int, spec: HeadSpec, *, classes: int, seed: int) -> nn.Sequential:
    """Build the layers: hidden ones with ReLU and dropout, then a linear one that starts at zero.

    Starting at zero gives every class the same probability, and every number its mean,
    whatever the features.
    """
    draw = generator(seed, "head")
    widths = [features, *spec.hidden]
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [_linear(inputs, outputs, draw), nn.ReLU()]
        if spec.dropout > 0:
            layers.append(nn.Dropout(spec.dropout))
    last = _unfilled(widths[-1], classes)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)


def _linear(inputs: int, outputs: int, draw: torch.Generator) -> nn.Linear:
    """Build a hidden layer with He's initialisation."""
    layer = _unfilled(inputs, outputs)
    with torch.no_grad():
        layer.weight.normal_(0.0, (2 / inputs) ** 0.5, generator=draw)
        layer.bias.zero_()
    return layer


def _unfilled(inputs: int, outputs: int) -> nn.Linear:
    """Build a layer whose weights are yet to be set; its own would be drawn globally."""
    # On the device that was set, as any layer is; by itself it takes the CPU.
    layer = skip_init(nn.Linear, inputs, outputs, device=torch.get_default_device())
    assert isinstance(layer, nn.Linear)
    return layer
