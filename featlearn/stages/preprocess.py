"""Preparation of images before the first stage, fitted on training images."""

from typing import assert_never

import torch
from torch import Tensor

from featlearn.config.data import (
    ChannelsSpec,
    ContrastSpec,
    PCASpec,
    PreprocessSpec,
    StandardizeSpec,
    ZCASpec,
    check_channels,
)
from featlearn.geometry import MapShape
from featlearn.ops.moments import moments
from featlearn.stages.preparation import Preprocess
from featlearn.stages.whitening import PCA, ZCA

_AT_ONCE = 256  # images measured together in double precision


class Contrast(Preprocess):
    """Per image: subtract its mean, divide by its standard deviation.

    Args:
        input_shape: Shape of an image.
        floor: Least divisor, in the unit of the pixels; a constant image gives zeros.
    """

    def __init__(self, input_shape: MapShape, *, floor: float) -> None:
        """Keep the least divisor."""
        super().__init__(input_shape)
        self.floor = floor

    def fit(self, images: Tensor) -> None:
        """Do nothing: every image is its own measure."""

    def forward(self, x: Tensor) -> Tensor:
        """Prepare images, `(batch, channels, height, width)`."""
        x = x - x.mean(dim=(1, 2, 3), keepdim=True)
        energy = x.square().mean(dim=(1, 2, 3), keepdim=True)
        # The floor comes before the root, whose gradient at 0 is infinite.
        return x / energy.clamp_min(self.floor**2).sqrt()

    def invert_linear(self, x: Tensor) -> Tensor:
        """Give `x`: the contrast of each image is not kept."""
        return x


class Standardize(Preprocess):
    """Per pixel: subtract the mean over training images, divide by the deviation.

    Args:
        input_shape: Shape of an image.
        floor: Least divisor, in the unit of the pixels.

    Attributes:
        mean: Mean of each pixel, of the shape of an image; zero until fitted.
        deviation: Standard deviation of each pixel, at least `floor`; one until fitted.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, input_shape: MapShape, *, floor: float) -> None:
        """Start with no shift and unit scale."""
        super().__init__(input_shape)
        self.floor = floor
        self.register_buffer("mean", torch.zeros(input_shape))
        self.register_buffer("deviation", torch.ones(input_shape))

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Fit to training images, `(n, channels, height, width)`."""
        self._check_sample(images)
        seen = moments(images.split(_AT_ONCE), dims=(0,))
        self.mean.copy_(seen.mean.squeeze(0))
        self.deviation.copy_(seen.deviation.squeeze(0).clamp_min(self.floor))

    def forward(self, x: Tensor) -> Tensor:
        """Prepare images, `(batch, channels, height, width)`."""
        self._check(x)
        return (x - self.mean) / self.deviation

    def invert_linear(self, x: Tensor) -> Tensor:
        """Multiply by the deviations."""
        return x * self.deviation


class Channels(Preprocess):
    """Per map: subtract a given mean, divide by a given deviation.

    Args:
        input_shape: Shape of an image.
        spec: The numbers.

    Attributes:
        mean: Of each pixel, of the shape of an image.
        deviation: The same.

    Raises:
        RecipeError: If the numbers are for other maps.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, input_shape: MapShape, spec: ChannelsSpec) -> None:
        """Keep the numbers; they are the recipe's, and not stored twice."""
        super().__init__(input_shape)
        check_channels(spec, input_shape.maps)
        for name, numbers in (("mean", spec.mean), ("deviation", spec.std)):
            plane = torch.tensor(numbers).view(-1, 1, 1).expand(input_shape).clone()
            self.register_buffer(name, plane, persistent=False)

    def fit(self, images: Tensor) -> None:
        """Do nothing: the numbers are given."""

    def forward(self, x: Tensor) -> Tensor:
        """Prepare images, `(batch, channels, height, width)`."""
        self._check(x)
        return (x - self.mean) / self.deviation

    def invert_linear(self, x: Tensor) -> Tensor:
        """Multiply by the deviations."""
        return x * self.deviation


def build_preprocess(spec: PreprocessSpec, input_shape: MapShape) -> Preprocess:
    """Build one step of a recipe's preparation, not yet fitted.

    Raises:
        RecipeError: If the step does not fit `input_shape`.
    """
    match spec:
        case ContrastSpec():
            return Contrast(input_shape, floor=spec.floor)
        case StandardizeSpec():
            return Standardize(input_shape, floor=spec.floor)
        case ChannelsSpec():
            return Channels(input_shape, spec)
        case ZCASpec():
            return ZCA(input_shape, eps=spec.eps)
        case PCASpec():
            return PCA(input_shape, keep=spec.keep, eps=spec.eps)
        case _:
            assert_never(spec)
