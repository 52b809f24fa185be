"""What every preparation of images before the first stage has in common."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from featlearn.errors import DataError, ShapeError
from featlearn.geometry import MapShape


class Preprocess(nn.Module, ABC):
    """A map of images that is fitted once, and stored with the model.

    Args:
        input_shape: Shape of an image.
    """

    def __init__(self, input_shape: MapShape) -> None:
        """Keep the shape of an image."""
        super().__init__()
        self.input_shape = input_shape

    @property
    def output_shape(self) -> MapShape:
        """Shape of a prepared image."""
        return self.input_shape

    @abstractmethod
    def fit(self, images: Tensor) -> None:
        """Fit to training images, `(n, channels, height, width)`.

        Raises:
            ShapeError: If the images have another shape.
            DataError: If there is no image, or one holds a number that is not finite.
        """

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Prepare images, `(batch, channels, height, width)`."""

    @abstractmethod
    def invert_linear(self, x: Tensor) -> Tensor:
        """Carry prepared images, or differences of them, back to the unit of the pixels.

        For pictures: offsets are left out, so that zero stays zero, and what is lost for
        good, such as the contrast of each image, stays lost.
        """

    def invert(self, x: Tensor) -> Tensor:
        """Carry prepared images back to the pixels, with the mean that was taken away."""
        mean = self._buffers.get("mean")
        plain = self.invert_linear(x)
        return plain if mean is None else plain + mean.reshape(self.input_shape)

    def extra_repr(self) -> str:
        """Say the shape."""
        return str(self.input_shape)

    def _check(self, images: Tensor) -> None:
        if images.ndim != 4 or tuple(images.shape[1:]) != tuple(self.input_shape):
            raise ShapeError(
                f"{type(self).__name__} was made for images {tuple(self.input_shape)}; "
                f"got {tuple(images.shape[1:])}"
            )

    def _check_sample(self, images: Tensor) -> None:
        self._check(images)
        if len(images) == 0:
            raise DataError(f"{type(self).__name__} cannot be fitted without a single image")
        if not images.isfinite().all():
            raise DataError(
                f"{type(self).__name__} cannot be fitted: the images hold NaN or infinity"
            )
