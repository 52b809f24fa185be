"""Targets from arrays and from a file beside images, and what is no such thing."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featlearn.config.data import DataSpec
from featlearn.datasets.imageset import ImageSet, Splits
from featlearn.datasets.source import open_images, open_splits
from featlearn.datasets.targets import match_targets
from featlearn.errors import DataError, ShapeError


def opened(path: Path, **data: object) -> Splits:
    spec = DataSpec(source=str(path), **data)  # type: ignore[arg-type]
    return open_splits(spec, root=path.parent, seed=0)


def npz(path: Path, **arrays: object) -> Path:
    np.savez(path, images=np.arange(6 * 16, dtype=np.uint8).reshape(6, 4, 4), **arrays)  # type: ignore[arg-type]
    return path


def folder(path: Path, table: str | None) -> Path:
    for split in ("train", "test"):
        (path / split).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (4, 4), number).save(path / split / f"{number}.png")
    if table is not None:
        (path / "targets.csv").write_text(table)
    return path


TABLE = "image,age,height\n" + "".join(
    f"{split}/{number}.png,{number + shift},{-number / 2}\n"
    for shift, split in enumerate(("train", "test"))
    for number in range(3)
)


def test_an_array_gives_each_image_its_numbers(tmp_path: Path) -> None:
    values = np.array([[1, 2.5]] * 5 + [[3, 4]])
    path = npz(
        tmp_path / "a.npz",
        targets=values,
        target_names=np.array(["age", "height"]),
        test_images=np.ones((2, 4, 4), np.uint8),
        test_targets=values[:2],
    )
    splits = opened(path)
    assert splits.train.target_names == ("age", "height")
    assert splits.train.targets is not None
    assert splits.train.targets.dtype == np.float32
    assert splits.train.targets.tolist() == values.tolist()
    every = open_images(str(path), DataSpec(source=str(path)), root=tmp_path)
    assert every.targets is not None
    assert len(every.targets) == 8


@pytest.mark.parametrize("kind", [bool, np.int64, np.float64])
def test_booleans_and_whole_numbers_will_do(tmp_path: Path, kind: type) -> None:
    targets = np.array([0, 1, 1, 0, 1, 0]).astype(kind)
    train = opened(npz(tmp_path / "a.npz", targets=targets), test=0.0).train
    assert train.targets is not None
    assert train.targets.ravel().tolist() == [0, 1, 1, 0, 1, 0]
    assert train.target_names == ("target1",)
    assert match_targets(train, ("target1",)).shape == (6, 1)


def test_crops_have_the_targets_of_their_picture(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", targets=np.arange(6))
    train = opened(path, size=(2, 2), fit="crop", crops=3, test=0.0).train
    assert train.targets is not None
    assert train.targets.ravel().tolist() == np.repeat(np.arange(6), 3).tolist()
    assert train.subset(np.array([4])).targets == [[1.0]]


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_beside_images_names_them_by_path(tmp_path: Path, packed: bool) -> None:
    path = folder(tmp_path / "photos", TABLE)
    if packed:
        files = [file for file in path.rglob("*") if file.is_file()]
        with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
            for file in files:
                archive.write(file, file.relative_to(tmp_path))  # below one folder
        path = tmp_path / "photos.zip"
    splits = opened(path)
    assert splits.test is not None
    assert splits.train.targets is not None
    assert splits.test.targets is not None
    assert splits.train.targets.tolist() == [[0, 0], [1, -0.5], [2, -1]]
    assert splits.test.targets.tolist() == [[1, 0], [2, -0.5], [3, -1]]
    assert splits.train.target_names == ("age", "height")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (TABLE.replace("test/1.png", "test/9.png"), r"no row for test/1.png \(1 of 3 missing\)"),
        (TABLE.replace("train/1.png,1,-0.5", "train/1.png,1"), "line 3 has 2 cells; 3 were"),
        (TABLE.replace("train/1.png,1", "train/1.png,old"), "line 3: age is 'old'; a number"),
        (TABLE.replace("train/1.png,1", "train/1.png,inf"), "'age' of image 1 .* is infinite"),
        (TABLE.replace("age,height", "age,age"), "'age' twice"),
        (TABLE.replace("image,age", "name,age"), "a header image,NAME,... was expected"),
        (TABLE + "train/1.png,1,2\n", "line 8 gives train/1.png a second time"),
        ("", "cannot be read as a table"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        opened(folder(tmp_path / "photos", table))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"targets": np.zeros(5)}, r"targets are \(6,\) or \(6, k\) numbers or booleans; got \(5,"),
        ({"targets": np.full(6, "x")}, "numbers or booleans"),
        ({"targets": np.full(6, np.inf)}, "'target1' of image 0 .* is infinite"),
        ({"targets": np.zeros((6, 0))}, "holds nothing|numbers or booleans"),
        ({"targets": np.zeros(6), "target_names": np.array(["a", "b"])}, "2 names"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    tmp_path: Path, arrays: dict[str, object], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        opened(npz(tmp_path / "a.npz", **arrays))


def test_a_set_checks_its_targets_and_they_are_in_its_fingerprint() -> None:
    images = np.zeros((2, 1, 2, 2), np.uint8)

    def made(targets: object, names: tuple[str, ...]) -> ImageSet:
        return ImageSet(images, None, (), None, "x", targets, names)  # type: ignore[arg-type]

    plain = ImageSet(images, None, (), None, "x")
    one = made(np.zeros((2, 1), np.float32), ("a",))
    other = made(np.ones((2, 1), np.float32), ("a",))
    assert len({plain.fingerprint, one.fingerprint, other.fingerprint}) == 3
    for targets, names in (
        (np.zeros((1, 1), np.float32), ("a",)),
        (np.zeros((2, 1)), ("a",)),
        (np.zeros((2, 1), np.float32), ()),
    ):
        with pytest.raises(ShapeError, match="targets are"):
            made(targets, names)
    with pytest.raises(ShapeError, match="infinite"):
        made(np.full((2, 1), np.inf, np.float32), ("a",))
    with pytest.raises(DataError, match="no target 'b', which the head was trained on; it has a"):
        match_targets(one, ("b",))
    with pytest.raises(DataError, match="x has no targets"):
        match_targets(plain, ("b",))
