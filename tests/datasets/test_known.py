import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featlearn.datasets.entries import KNOWN
from featlearn.datasets.known import (
    is_idx_folder,
    is_present,
    open_idx,
    open_idx_folder,
    open_known,
)
from featlearn.datasets.raw import RawSplits
from featlearn.errors import DataError

WriteMnist = Callable[[Path], Path]
IMAGES = "train-images-idx3-ubyte.gz"
LABELS = "train-labels-idx1-ubyte.gz"


def summary(splits: RawSplits) -> tuple[Any, ...]:
    assert splits.test is not None
    assert isinstance(splits.train.images, np.ndarray)
    assert splits.train.labels is not None
    assert splits.test.labels is not None
    return (
        splits.train.images.shape,
        splits.test.count,
        splits.train.labels[:3].tolist(),
        len(splits.test.classes),
    )


def test_a_set_under_the_root_is_opened(tmp_path: Path, write_mnist: WriteMnist) -> None:
    write_mnist(tmp_path / "fashion-mnist")
    splits = open_known("fashion-mnist", root=tmp_path)
    assert summary(splits) == ((30, 1, 6, 5), 10, [0, 1, 2], 10)
    assert splits.train.classes[9] == "Ankle boot"
    assert splits.train.name == "fashion-mnist: train"


def test_files_may_be_unpacked(
    tmp_path: Path, write_mnist: WriteMnist, idx_bytes: Callable[..., bytes]
) -> None:
    folder = write_mnist(tmp_path / "mnist")
    (folder / IMAGES).unlink()
    (folder / IMAGES.removesuffix(".gz")).write_bytes(idx_bytes(np.zeros((30, 6, 5))))
    assert summary(open_known("mnist", root=tmp_path))[0] == (30, 1, 6, 5)


@pytest.mark.parametrize("present", [False, True])
def test_a_missing_set_says_how_to_fetch_it(
    tmp_path: Path, write_mnist: WriteMnist, *, present: bool
) -> None:
    if present:
        (write_mnist(tmp_path / "mnist") / IMAGES).unlink()
    with pytest.raises(DataError, match=f"{IMAGES} is missing; .*`featlearn data fetch mnist`"):
        open_known("mnist", root=tmp_path)


def test_any_folder_of_these_files_is_opened(tmp_path: Path, write_mnist: WriteMnist) -> None:
    folder = write_mnist(tmp_path / "letters")
    assert is_idx_folder(folder)
    assert not is_idx_folder(tmp_path)
    assert summary(open_idx_folder(folder, name="letters"))[3] == 10
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"has no file t10k-labels-idx1-ubyte or"):
        open_idx_folder(folder, name="letters")


def test_labels_beside_one_file_of_images_are_taken(
    tmp_path: Path, write_mnist: WriteMnist
) -> None:
    folder = write_mnist(tmp_path / "letters")
    raw = open_idx(folder / IMAGES).train
    assert raw.labels is not None
    (folder / LABELS).unlink()
    assert open_idx(folder / IMAGES).train.labels is None


def test_images_by_another_name_have_no_labels(tmp_path: Path, write_mnist: WriteMnist) -> None:
    path = tmp_path / "plain.gz"
    path.write_bytes((write_mnist(tmp_path / "letters") / IMAGES).read_bytes())
    assert open_idx(path).train.labels is None


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (LABELS, np.zeros(29), r"holds 30 images, but .*labels.* 29 labels"),
        (LABELS, np.full(30, 10), "has the label 10; labels below 10"),
        (IMAGES, np.zeros((0, 6, 5)), "holds no images"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    tmp_path: Path,
    write_mnist: WriteMnist,
    idx_bytes: Callable[..., bytes],
    name: str,
    array: Any,
    message: str,
) -> None:
    (write_mnist(tmp_path / "mnist") / name).write_bytes(idx_bytes(array))
    with pytest.raises(DataError, match=message):
        open_known("mnist", root=tmp_path)


def test_a_set_may_be_folders_of_pictures(tmp_path: Path, encode: Callable[..., bytes]) -> None:
    name = "natural-bsds500"
    for split in ("train", "val", "test"):
        assert not is_present(name, tmp_path)
        with pytest.raises(DataError, match=r"(train|test) is missing; no address is published"):
            open_known(name, root=tmp_path)
        folder = tmp_path / name / split
        folder.mkdir(parents=True)
        for file in ("1.jpg", "2.jpg"):
            (folder / file).write_bytes(encode(np.zeros((7, 9, 3), np.uint8), "JPEG"))
    assert is_present(name, tmp_path)
    splits = open_known(name, root=tmp_path)
    assert splits.test is not None
    assert (splits.train.ids, splits.train.labels) == (("train/1.jpg", "train/2.jpg"), None)
    assert splits.test.ids == ("test/1.jpg", "test/2.jpg")


@pytest.mark.data("natural-bsds500")
def test_the_natural_images_are_as_many_as_the_catalogue_says() -> None:
    splits = open_known("natural-bsds500", root=Path(os.environ["FEATLEARN_DATA"]))
    known = KNOWN["natural-bsds500"]
    assert splits.test is not None
    assert (splits.train.count, splits.test.count) == (known.train, known.test)


@pytest.mark.data("mnist", "fashion-mnist")
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_real_files_are_those_of_the_catalogue(name: str) -> None:
    root = Path(os.environ["FEATLEARN_DATA"])
    known = KNOWN[name]
    for file in known.files:
        data = (root / name / file.name).read_bytes()
        assert len(data) == file.size
        assert hashlib.sha256(data).hexdigest() == file.sha256
    splits = open_known(name, root=root)
    assert splits.test is not None
    assert (splits.train.count, splits.test.count) == (known.train, known.test)
    assert isinstance(splits.test.images, np.ndarray)
    assert splits.test.images.shape[1:] == known.shape
    if name == "mnist":
        assert splits.train.labels is not None
        assert splits.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
