import numpy as np
import pytest
from numpy.typing import NDArray

from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.inspection import inspect_images


def image_set(images: NDArray[np.generic], labels: list[int] | None = None) -> ImageSet:
    numbers = None if labels is None else np.array(labels)
    classes = () if labels is None else ("cat", "dog", "owl")
    return ImageSet(images, numbers, classes, None, "pets")


def test_figures_are_those_of_the_pixels_as_a_network_sees_them() -> None:
    images = np.random.default_rng(0).integers(0, 256, (1500, 2, 3, 4), np.uint8)
    found = inspect_images(image_set(images))
    unit = images / 255
    assert (found.name, found.images, found.shape, found.type) == ("pets", 1500, (2, 3, 4), "uint8")
    assert (found.minimum, found.maximum) == (unit.min(), unit.max())
    assert found.mean == pytest.approx(unit.mean())
    assert found.deviation == pytest.approx(unit.std())
    assert found.classes is None
    assert (found.constant, found.duplicates) == (0, 0)


def test_floats_are_measured_as_they_are() -> None:
    found = inspect_images(image_set(np.array([[-2, 4]], np.float32).reshape(1, 1, 1, 2)))
    assert (found.minimum, found.mean, found.maximum, found.deviation) == (-2, 1, 4, 3)


def test_classes_without_images_are_counted_too() -> None:
    found = inspect_images(image_set(np.zeros((3, 1, 2, 2), np.uint8), [2, 0, 2]))
    assert found.classes == {"cat": 1, "dog": 0, "owl": 2}


def test_constant_images_and_duplicates_are_counted_and_named() -> None:
    images = np.zeros((5, 1, 2, 2), np.uint8)
    images[1:, 0, 0, 0] = [1, 2, 1, 1]
    images[2] = 7
    found = inspect_images(image_set(images))
    assert (found.constant, found.duplicates) == (2, 2)
    assert found.examples == {
        "constant": ["image 0", "image 2"],
        "duplicates": ["image 3", "image 4"],
    }
