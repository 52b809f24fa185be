import numpy as np
import pytest

from featlearn.datasets.imageset import ImageSet, Splits, shared_images
from featlearn.errors import ShapeError
from featlearn.geometry import MapShape


def small(**changes: object) -> ImageSet:
    parts: dict[str, object] = {
        "images": np.arange(24, dtype=np.uint8).reshape(4, 1, 2, 3),
        "labels": np.array([0, 1, 1, 0]),
        "classes": ("cat", "dog"),
        "ids": ("a", "b", "c", "d"),
        "name": "pets",
    }
    return ImageSet(**(parts | changes))  # pyright: ignore[reportArgumentType]


def test_shape_is_that_of_one_image() -> None:
    assert small().shape == MapShape(1, 2, 3)
    assert len(small()) == 4


def test_a_subset_keeps_images_labels_and_ids_together_and_in_order() -> None:
    part = small().subset(np.array([3, 1]))
    assert part.images[:, 0, 0, 0].tolist() == [18, 6]
    assert part.labels is not None
    assert part.labels.tolist() == [0, 1]
    assert part.ids == ("d", "b")
    assert part.classes == ("cat", "dog")


def test_a_subset_without_labels_and_ids() -> None:
    part = small(labels=None, classes=(), ids=None).subset(np.array([2]))
    assert (part.labels, part.ids, len(part)) == (None, None, 1)


def test_an_image_without_an_id_is_called_by_its_place() -> None:
    assert small().id(2) == "c"
    assert small(ids=None).id(2) == "image 2"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((4, 2, 3), np.uint8)}, r"\(4, 2, 3\) in uint8"),
        ({"images": np.zeros((4, 1, 2, 3))}, "float64"),
        ({"labels": np.array([0, 1])}, r"\(4,\) in int64; got \(2,\)"),
        ({"labels": np.array([0, 1, 1, 0], np.int32)}, "int32"),
        ({"labels": np.array([0, 1, 2, 0])}, r"0\.\.1; got 0\.\.2"),
        ({"labels": np.array([0, -1, 1, 0])}, r"0\.\.1; got -1\.\.1"),
        ({"ids": ("a",)}, "4 images, but 1 ids"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        small(**changes)


def test_equal_sets_have_one_fingerprint_whatever_their_name_and_storage() -> None:
    pixels = np.arange(24, dtype=np.float32).reshape(4, 1, 2, 3)
    turned = np.ascontiguousarray(pixels.transpose(3, 2, 1, 0)).transpose(3, 2, 1, 0)
    sets = [
        small(images=images, name=name)
        for images, name in ((pixels, "a"), (turned, "b"), (pixels.astype(">f4"), "c"))
    ]
    assert len({images.fingerprint for images in sets}) == 1
    assert len(sets[0].fingerprint) == 64


@pytest.mark.parametrize(
    "changes",
    [
        {"images": np.arange(24, dtype=np.uint8).reshape(4, 1, 3, 2)},
        {"images": np.arange(24, dtype=np.float32).reshape(4, 1, 2, 3)},
        {"images": np.arange(24, dtype=np.uint8).reshape(4, 1, 2, 3) + np.uint8(1)},
        {"labels": np.array([0, 1, 1, 1])},
        {"labels": None},
        {"classes": ("dog", "cat")},
        {"ids": ("a", "b", "c", "e")},
        {"ids": None},
    ],
)
def test_whatever_a_result_depends_on_changes_the_fingerprint(changes: dict[str, object]) -> None:
    assert small(**changes).fingerprint != small().fingerprint


def test_splits_fingerprint_what_there_is() -> None:
    train, test = small(), small(labels=np.array([1, 1, 1, 1]))
    assert Splits(train, None).fingerprints() == {"train": train.fingerprint}
    assert Splits(train, test).fingerprints()["test"] == test.fingerprint != train.fingerprint


def test_images_in_both_sets_are_counted_by_their_pixels() -> None:
    one = small()
    other = small().subset(np.array([3, 1]))
    assert shared_images(one, other) == 2
    assert shared_images(other, one) == 2
    floats = (other.images / np.float32(255)).astype(np.float32)
    assert shared_images(one, small(images=floats, labels=None, ids=None)) == 2
    changed = one.images.copy()
    changed[3, 0, 0, 0] += 1
    assert shared_images(small(images=changed), other) == 1
    assert shared_images(one, small(images=one.images.reshape(4, 1, 3, 2))) == 0
