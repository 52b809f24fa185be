"""Groups of images by their names."""

import numpy as np

from featlearn.datasets.grouping import groups_of
from featlearn.datasets.imageset import ImageSet


def images(ids: list[str] | None, labels: list[int] | None = None, count: int = 0) -> ImageSet:
    count = count if ids is None else len(ids)
    return ImageSet(
        images=np.zeros((count, 1, 2, 2), np.uint8),
        labels=None if labels is None else np.array(labels, np.int64),
        classes=() if labels is None else ("face", "cat"),
        ids=None if ids is None else tuple(ids),
        name="some",
    )


def test_folders_below_the_class_are_groups_whatever_the_class() -> None:
    people = [
        f"data/{kind}/p{i}/{k}.png" for kind in ("face", "cat") for i in range(10) for k in "ab"
    ]
    found = groups_of(images(people, [0] * 20 + [1] * 20), in_classes=True)
    assert found is not None
    assert found[0] == found[1] == found[20] == "p0"
    assert len({*found}) == 10
    apart = groups_of(images([name.removeprefix("data/") for name in people]), in_classes=False)
    assert apart is not None
    assert (apart[0], apart[20]) == ("face/p0", "cat/p0")


def test_few_folders_are_no_groups() -> None:
    ids = [f"face/day{i % 9}/{i}.png" for i in range(40)]
    assert groups_of(images(ids, [0] * 40), in_classes=True) is None
    assert groups_of(images(ids), in_classes=False) is None


def test_the_folder_of_the_class_is_no_group() -> None:
    ids = ["face/1.png", "face/2.png", "cat/1.png"]
    assert groups_of(images(ids, [0, 0, 1]), in_classes=True) is None


def test_crops_belong_to_their_picture() -> None:
    found = groups_of(images(["a.png#0", "a.png#1", "b.png#0", "b.png#1"]), in_classes=True)
    assert found is not None
    assert found.tolist() == ["a.png", "a.png", "b.png", "b.png"]
    assert groups_of(images(["no#1.png", "no#2.png"]), in_classes=True) is None


def test_without_names_nothing_is_known() -> None:
    assert groups_of(images(None, count=3), in_classes=False) is None
    assert groups_of(images([]), in_classes=False) is None
