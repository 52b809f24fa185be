"""Whitening of images: linear maps along the principal axes of the training images."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from featlearn.config.inputs import MAX_WHITENED
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape
from featlearn.ops.whitening import PrincipalAxes, Whitening, pca_matrix, principal_axes, zca_matrix
from featlearn.stages.preparation import Preprocess


class Whiten(Preprocess, ABC):
    """A linear map along the principal axes of the training images.

    Attributes:
        mean: Mean image, flat; empty until fitted.
        matrix: From centred to white images, `(k, pixels)`; empty until fitted.
        inverse: Back, `(pixels, k)`; empty until fitted.

    Raises:
        RecipeError: If an image has more than `MAX_WHITENED` numbers.
    """

    mean: Tensor
    matrix: Tensor
    inverse: Tensor

    def __init__(self, input_shape: MapShape) -> None:
        """Start without axes, which only images can give."""
        super().__init__(input_shape)
        if input_shape.units > MAX_WHITENED:
            raise RecipeError(
                f"preprocess: whitening measures how every two numbers of an image vary together, "
                f"and {input_shape} has {input_shape.units}, more than {MAX_WHITENED}; use "
                "smaller images (data.size), or contrast or standardize instead"
            )
        self.register_buffer("mean", torch.empty(0))
        self.register_buffer("matrix", torch.empty(0, 0))
        self.register_buffer("inverse", torch.empty(0, 0))
        self.register_load_state_dict_pre_hook(_take_sizes)

    @property
    def fitted(self) -> bool:
        """Whether the axes are known."""
        return self.mean.numel() > 0

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Fit to training images, `(n, channels, height, width)`."""
        self._check_sample(images)
        principal = principal_axes(images.flatten(1))
        whitening = self._whitening(principal)
        self.mean = principal.mean.to(self.mean)
        self.matrix = whitening.matrix.to(self.matrix).contiguous()
        self.inverse = whitening.inverse.to(self.inverse).contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """Prepare images, `(batch, channels, height, width)`."""
        self._check(x)
        white = (x.flatten(1) - self.mean) @ self.matrix.T
        return white.unflatten(1, self.output_shape)

    def invert_linear(self, x: Tensor) -> Tensor:
        """Colour white images, without the mean."""
        return (x.flatten(1) @ self.inverse.T).unflatten(1, self.input_shape)

    @abstractmethod
    def _whitening(self, principal: PrincipalAxes) -> Whitening:
        """Choose the map along the axes."""


class ZCA(Whiten):
    """Whiten, and turn back to the axes of the pixels: an image stays an image.

    Args:
        input_shape: Shape of an image.
        eps: Added to each variance, in its unit, so that small ones are not blown up.
    """

    def __init__(self, input_shape: MapShape, *, eps: float) -> None:
        """Keep what is added to the variances."""
        super().__init__(input_shape)
        self.eps = eps

    def _whitening(self, principal: PrincipalAxes) -> Whitening:
        return zca_matrix(principal, eps=self.eps)


class PCA(Whiten):
    """Project on the principal components, and whiten: maps of one position.

    Args:
        input_shape: Shape of an image.
        keep: How many components, an `int`; or, as a `float` in (0, 1], the least share
            of the variance that the kept ones must hold.
        eps: Added to each variance, in its unit.

    Raises:
        RecipeError: If more components are asked for than an image has numbers.
    """

    def __init__(self, input_shape: MapShape, *, keep: float, eps: float) -> None:
        """Keep how many components are wanted."""
        super().__init__(input_shape)
        if isinstance(keep, int) and keep > input_shape.units:
            raise RecipeError(
                f"preprocess: keep must be at most {input_shape.units}, for {input_shape}; "
                f"got {keep}"
            )
        self.keep = keep
        self.eps = eps

    @property
    def output_shape(self) -> MapShape:
        """Shape of a prepared image, `(components, 1, 1)`.

        Raises:
            RecipeError: If the count depends on the images, and none were fitted.
        """
        if self.fitted:
            return MapShape(self.matrix.shape[0], 1, 1)
        if isinstance(self.keep, int):
            return MapShape(self.keep, 1, 1)
        raise RecipeError(
            f"preprocess: how many components hold a share of {self.keep} of the variance is "
            "known only once training images were fitted; give `keep` a whole number"
        )

    def _whitening(self, principal: PrincipalAxes) -> Whitening:
        return pca_matrix(principal, keep=self.keep, eps=self.eps)


def _take_sizes(module: nn.Module, state_dict: Mapping[str, Any], prefix: str, *_: object) -> None:
    """Give the buffers of a module that was not fitted the sizes of what is loaded."""
    for name, buffer in list(module.named_buffers(recurse=False)):
        stored = state_dict.get(prefix + name)
        if isinstance(stored, Tensor) and stored.shape != buffer.shape:
            setattr(module, name, buffer.new_empty(stored.shape))
