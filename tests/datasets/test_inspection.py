import numpy as np
import pytest
from numpy.typing import NDArray

from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.inspection import inspect_images, preview


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


def cells(images: ImageSet, **sizes: int) -> NDArray[np.uint8]:
    return np.asarray(preview(images, **sizes))


def test_a_sheet_shows_each_class_in_a_row() -> None:
    values = np.array([10, 20, 30, 40, 50], np.uint8)
    images = np.broadcast_to(values[:, None, None, None], (5, 1, 2, 2))
    sheet = cells(image_set(np.ascontiguousarray(images), [2, 0, 2, 0, 2]))
    cut = sheet[:, 40:, 0]  # right of the names
    rows = {int(value): int(np.argwhere(cut == value)[-1][0]) for value in values}
    assert rows[20] == rows[40] < rows[10] == rows[30] == rows[50]


def test_a_sheet_holds_no_more_than_it_may() -> None:
    images = np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1)
    sheet = cells(image_set(images), rows=2, columns=3)
    assert sheet.shape == (2 * 68 + 4, 3 * 68 + 4, 3)
    # Evenly spaced, the first and the last among them.
    assert set(np.unique(sheet).tolist()) == {0, 20, 40, 59, 79, 99, 255}


@pytest.mark.parametrize("maps", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (300, 500)])
def test_any_number_of_maps_and_any_size_can_be_shown(maps: int, size: tuple[int, int]) -> None:
    images = np.random.default_rng(0).normal(0, 3, (2, maps, *size)).astype(np.float32)
    sheet = preview(image_set(images))
    assert sheet.mode == "RGB"
    assert 64 < sheet.width < 400


def test_colour_is_shown_in_colour() -> None:
    images = np.zeros((1, 3, 4, 4), np.uint8)
    images[0, 0] = 200
    assert (cells(image_set(images)) == [200, 0, 0]).all(axis=2).sum() == 64 * 64


def test_a_long_class_name_is_cut() -> None:
    images = ImageSet(np.zeros((1, 1, 2, 2), np.uint8), np.array([0]), ("x" * 500,), None, "pets")
    assert preview(images).width < 300
