"""Images for training without a data set."""

from collections.abc import Callable

import pytest
import torch

from featlearn.datasets.imageset import ImageSet
from featlearn.training.pictures import Pictures


@pytest.fixture
def pictures() -> Callable[..., Pictures]:
    """Make smooth random images, `(count, 1, 8, 8)`."""

    def make(count: int = 24, *, seed: int = 0) -> Pictures:
        draw = torch.Generator().manual_seed(seed)
        coarse = torch.rand(count, 1, 4, 4, generator=draw)
        images = torch.nn.functional.interpolate(coarse, size=(8, 8), mode="bilinear")
        return Pictures(ImageSet(images.numpy(), None, (), None, "blobs"), torch.device("cpu"))

    return make
