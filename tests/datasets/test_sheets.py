import numpy as np
import pytest
from numpy.typing import NDArray

from featlearn.config.data import BlurSpec, ColourSpec, CutOutSpec, FlipSpec, MixupSpec
from featlearn.datasets.augment import Augment, build_augment
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.sheets import augmented_preview, left_out, preview


def image_set(images: NDArray[np.generic], labels: list[int] | None = None) -> ImageSet:
    numbers = None if labels is None else np.array(labels)
    classes = () if labels is None else ("cat", "dog", "owl")
    return ImageSet(images, numbers, classes, None, "pets")


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


@pytest.mark.parametrize(("classes", "rows", "without"), [(10, 10, 0), (20, 20, 0), (23, 20, 3)])
def test_each_class_has_a_row_up_to_twenty(classes: int, rows: int, without: int) -> None:
    labels = np.repeat(np.arange(classes), 2)
    names = tuple(map(str, range(classes)))
    images = ImageSet(np.zeros((2 * classes, 1, 2, 2), np.uint8), labels, names, None, "many")
    assert preview(images).height == rows * 68 + 4
    assert augmented(images, build_augment([FlipSpec()])).shape[0] == 18 + rows * 68
    assert left_out(images) == without


def test_without_labels_no_class_is_left_out() -> None:
    images = image_set(np.zeros((400, 1, 2, 2), np.uint8))
    assert (preview(images).height, left_out(images)) == (8 * 68 + 4, 0)


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


def augmented(images: ImageSet, *augments: Augment, **options: int) -> NDArray[np.uint8]:
    tables: list[str] = ["pretrain", "finetune"]
    named = dict(zip(tables, augments, strict=False))
    return np.asarray(augmented_preview(images, named, **options))


def cell(sheet: NDArray[np.uint8], row: int, column: int, margin: int = 0) -> NDArray[np.uint8]:
    """Cut a picture of 64 pixels out of a sheet with heads."""
    top, left = 18 + 68 * row, 4 + margin + 68 * column
    return sheet[top : top + 64, left : left + 64]


def test_rows_show_an_image_and_what_becomes_of_it() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 4, 4)).astype(np.uint8)
    sheet = augmented(image_set(images), build_augment([FlipSpec(rate=1)]), copies=2)
    assert sheet.shape == (18 + 3 * 68, 4 + 3 * 68, 3)
    for row, image in enumerate(images.transpose(0, 2, 3, 1)):
        large = image.repeat(16, axis=0).repeat(16, axis=1)
        assert np.array_equal(cell(sheet, row, 0), large)
        for column in (1, 2):
            assert np.array_equal(cell(sheet, row, column), large[:, ::-1])


def test_both_tables_have_their_copies() -> None:
    images = np.full((2, 1, 4, 4), 100, np.uint8)
    images[:, :, 0] = 200
    bright = build_augment([ColourSpec(brightness=0.5)])
    flat = build_augment([BlurSpec(sigma=3)])
    sheet = augmented(image_set(images), bright, flat, copies=4)
    assert sheet.shape[1] == 4 + 5 * 68
    kinds = [[len(np.unique(cell(sheet, row, column))) for column in range(5)] for row in (0, 1)]
    assert all(row[:3] == [2, 2, 2] and max(row[3:]) > 2 for row in kinds)


def test_a_sheet_of_copies_depends_on_the_seed_alone() -> None:
    images = image_set(np.random.default_rng(0).random((4, 1, 8, 8), np.float32))
    augment = build_augment([ColourSpec(), CutOutSpec(size=3), MixupSpec()])
    first = augmented(images, augment)
    assert np.array_equal(first, augmented(images, augment))
    assert not np.array_equal(first, augmented(images, augment, seed=1))


def test_rows_of_copies_mix_with_one_another() -> None:
    images = np.zeros((2, 1, 4, 4), np.uint8)
    images[1] = 255
    sheet = augmented(image_set(images), build_augment([MixupSpec(alpha=5)]), copies=10)
    shown = {int(cell(sheet, 0, column)[0, 0, 0]) for column in range(1, 11)}
    assert any(30 < value < 225 for value in shown)


def test_few_classes_have_several_rows_and_many_one_each() -> None:
    images = np.zeros((40, 1, 4, 4), np.uint8)
    flip = build_augment([FlipSpec()])
    two = augmented(image_set(images, [0, 2] * 20), flip)
    assert two.shape[0] == 18 + 8 * 68
    names = tuple(map(str, range(40)))
    many = ImageSet(images, np.arange(40), names, None, "pets")
    assert augmented(many, flip).shape[0] == 18 + 20 * 68
    assert augmented(image_set(images[:3]), flip).shape[0] == 18 + 3 * 68


def test_a_picture_much_longer_than_wide_keeps_a_pixel() -> None:
    assert preview(image_set(np.zeros((1, 1, 1, 2000), np.uint8))).height > 1
