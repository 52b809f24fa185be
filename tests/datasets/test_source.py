import gzip
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from featlearn.config.data import DataSpec
from featlearn.datasets.imageset import ImageSet, Splits
from featlearn.datasets.source import find_root, open_images, open_splits
from featlearn.errors import DataError, UsageError
from featlearn.geometry import MapShape

Write = Callable[[Mapping[str, Any]], Path]
WriteMnist = Callable[[Path], Path]


def grey(value: int, height: int = 4, width: int = 4) -> NDArray[np.uint8]:
    return np.full((height, width), value, np.uint8)


def split(source: Path | str, *, seed: int = 0, root: Path = Path("/none"), **keys: Any) -> Splits:
    return open_splits(DataSpec(source=str(source), **keys), root=root, seed=seed)


def values(images: ImageSet | None) -> list[int]:
    assert images is not None
    return images.images[:, 0, 0, 0].tolist()


def labels(images: ImageSet | None) -> list[int]:
    assert images is not None
    assert images.labels is not None
    return images.labels.tolist()


@pytest.fixture
def pets(write_tree: Write) -> Path:
    """Write ten cats, 0 to 9, and ten dogs, 10 to 19."""
    return write_tree(
        {f"{'dog' if value > 9 else 'cat'}/{value}.png": grey(value) for value in range(20)}
    )


@pytest.fixture
def bare(write_tree: Write) -> Path:
    """Write one picture of noise, without labels, larger than the others."""
    noise = np.random.default_rng(0).integers(0, 256, (9, 12), np.uint8)
    return write_tree({f"{place}.png": np.roll(noise, place, axis=1) for place in range(4)})


def test_a_folder_loses_a_part_of_each_class_to_the_test_split(pets: Path) -> None:
    splits = split(pets, test=0.3)
    assert sorted(values(splits.train) + values(splits.test)) == list(range(20))
    assert labels(splits.test) == [0] * 3 + [1] * 3
    assert splits.train.classes == ("cat", "dog")
    assert splits.train.ids is not None
    assert splits.train.ids[0] == f"cat/{values(splits.train)[0]}.png"
    assert splits.train.name == f"{pets}: train"


def test_the_test_split_is_the_same_for_every_seed(pets: Path) -> None:
    assert values(split(pets, seed=0).test) == values(split(pets, seed=1).test)


def test_no_part_for_test_means_no_test_split(pets: Path) -> None:
    splits = split(pets, test=0.0)
    assert splits.test is None
    assert len(splits.train) == 20


def test_splits_of_the_source_are_kept(write_tree: Write) -> None:
    splits = split(write_tree({"train/1.png": grey(1), "test/2.png": grey(2)}), test=0.5)
    assert (values(splits.train), values(splits.test)) == ([1], [2])


def test_a_limit_draws_training_images_evenly_by_the_seed(pets: Path) -> None:
    draws = [split(pets, limit=6, seed=seed) for seed in range(4)]
    assert all(labels(draw.train) == [0] * 3 + [1] * 3 for draw in draws)
    assert len({tuple(values(draw.train)) for draw in draws}) > 1
    assert values(draws[0].train) == values(split(pets, limit=6).train)
    assert all(len(draw.test or []) == 4 for draw in draws)


def test_a_limit_leaves_the_other_pictures_undecoded(pets: Path) -> None:
    kept = split(pets, limit=2, test=0.0).train
    for path in pets.glob("*/*.png"):
        if path.relative_to(pets).as_posix() not in (kept.ids or ()):
            path.write_bytes(b"broken")
    assert values(split(pets, limit=2, test=0.0).train) == values(kept)


def test_crops_are_cut_once_and_by_the_seed(bare: Path) -> None:
    keys: dict[str, Any] = {"size": (3, 3), "fit": "crop", "crops": 5, "test": 0.25}
    splits = split(bare, **keys)
    assert splits.test is not None
    assert splits.train.images.shape == (15, 1, 3, 3)
    assert splits.test.images.shape == (5, 1, 3, 3)
    assert splits.train.ids is not None
    pictures = [name.split("#")[0] for name in splits.train.ids]
    assert pictures == sorted(pictures)
    assert [name.split("#")[1] for name in splits.train.ids] == list("01234") * 3
    np.testing.assert_array_equal(split(bare, **keys).train.images, splits.train.images)
    assert not np.array_equal(split(bare, seed=1, **keys).train.images, splits.train.images)


def test_the_crops_of_a_picture_do_not_depend_on_its_company(bare: Path) -> None:
    keys: dict[str, Any] = {"size": (3, 3), "fit": "crop", "crops": 5, "test": 0.0}
    everything = split(bare, **keys).train
    one = split(bare, limit=1, **keys).train
    assert one.ids is not None
    start = (everything.ids or ()).index(one.ids[0])
    np.testing.assert_array_equal(one.images, everything.images[start : start + 5])


def test_crops_of_arrays_carry_their_labels(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=np.repeat(np.arange(3, dtype=np.uint8), 25).reshape(3, 5, 5), y=[4, 5, 6])
    train = split(path, size=(2, 2), fit="crop", crops=2, test=0.0).train
    assert values(train) == [0, 0, 1, 1, 2, 2]
    assert labels(train) == [0, 0, 1, 1, 2, 2]


def test_pictures_never_share_crops_between_splits(bare: Path) -> None:
    splits = split(bare, size=(3, 3), fit="crop", crops=5, test=0.5)
    assert splits.test is not None
    of_train = {name.split("#")[0] for name in splits.train.ids or ()}
    of_test = {name.split("#")[0] for name in splits.test.ids or ()}
    assert len(of_train) == len(of_test) == 2
    assert not of_train & of_test


def test_mixed_sizes_are_refused_naming_both(write_tree: Write) -> None:
    folder = write_tree({"a.png": grey(1), "b.png": grey(2), "c.png": grey(3, 4, 5)})
    with pytest.raises(DataError, match=r"a\.png is 4 x 4.*c\.png is 4 x 5; set `data.size`"):
        split(folder, test=0.0)
    assert split(folder, test=0.0, size=(3, 3), fit="crop").train.shape == MapShape(1, 3, 3)
    assert split(folder, test=0.0, size=(8, 8), fit="pad").train.shape == MapShape(1, 8, 8)
    assert split(folder, test=0.0, size=(6, 2), fit="resize").train.shape == MapShape(1, 6, 2)


def test_another_size_than_the_recipe_says_is_refused(write_tree: Write) -> None:
    with pytest.raises(DataError, match=r"a\.png is 4 x 4, but `data.size` is 5 x 4"):
        split(write_tree({"a.png": grey(1)}), test=0.0, size=(5, 4))


def test_mixed_colours_are_refused_naming_both(write_tree: Write) -> None:
    folder = write_tree({"a.png": grey(1), "b.png": np.zeros((4, 4, 3), np.uint8)})
    with pytest.raises(
        DataError, match=r"a\.png has 1 map \(grey\), but .*b\.png 3 maps \(colour\); set `data.col"
    ):
        split(folder, test=0.0)
    assert split(folder, test=0.0, colour="rgb").train.shape == MapShape(3, 4, 4)
    assert split(folder, test=0.0, colour="grey").train.shape == MapShape(1, 4, 4)


def test_mixed_depths_are_refused_naming_both(write_tree: Write, encode: Any) -> None:
    deep = encode(np.zeros((4, 4), np.uint16))
    with pytest.raises(DataError, match=r"a\.png has 8-bit pixels, but .*b\.png 16-bit"):
        split(write_tree({"a.png": grey(1), "b.png": deep}), test=0.0)


def test_splits_of_different_shapes_are_refused(write_tree: Write) -> None:
    folder = write_tree({"train/1.png": grey(1), "test/2.png": grey(2, 5, 4)})
    with pytest.raises(DataError, match=r"train has 1 map of 4x4, but .*test 1 map of 5x4"):
        split(folder)
    with pytest.raises(DataError, match="or take one split"):
        open_images(str(folder), DataSpec(source="x"), root=folder)


def test_a_set_that_would_not_fit_is_refused_before_memory_is_taken(
    bare: Path, tmp_path: Path, memory_below: Callable[[int], AbstractContextManager[None]]
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 9, 12), np.uint8))
    for source in (bare, tmp_path / "x.npy"):
        with memory_below(2_000_000), pytest.raises(DataError, match=r"would take .* GB"):
            split(source, size=(8, 8), fit="crop", crops=10**9, test=0.0)


@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_arrays_follow_the_colour_policy(tmp_path: Path, colour: str) -> None:
    np.save(tmp_path / "x.npy", np.full((2, 5, 5, 3), 9, np.uint8))
    train = split(tmp_path / "x.npy", colour=colour, test=0.0).train
    assert train.shape.maps == {"grey": 1, "rgb": 3}[colour]
    assert values(train) == [9, 9]


def test_known_sets_are_found_under_the_root(tmp_path: Path, write_mnist: WriteMnist) -> None:
    write_mnist(tmp_path / "mnist")
    splits = split("mnist", root=tmp_path)
    assert splits.test is not None
    assert (len(splits.train), len(splits.test)) == (30, 10)
    only_test = split("mnist:test", root=tmp_path)
    assert only_test.test is None
    np.testing.assert_array_equal(only_test.train.images, splits.test.images)


@pytest.mark.parametrize(
    ("source", "option", "count"),
    [
        ("mnist", "all", 40),
        ("mnist", "train", 30),
        ("mnist", "test", 10),
        ("mnist:train", "test", 30),
        ("mnist:test", "all", 10),
    ],
)
def test_one_set_of_images_takes_the_split_that_is_asked_for(
    tmp_path: Path, write_mnist: WriteMnist, source: str, option: Any, count: int
) -> None:
    write_mnist(tmp_path / "mnist")
    images = open_images(source, DataSpec(source="digits"), root=tmp_path, split=option)
    assert len(images) == count
    splits = split("mnist", root=tmp_path)
    assert splits.test is not None
    both = np.concatenate([splits.train.images, splits.test.images])
    np.testing.assert_array_equal(images.images, both[-count:] if count == 10 else both[:count])


def test_one_set_is_read_whole_and_in_order_with_central_crops(bare: Path) -> None:
    spec = DataSpec(source="digits", size=(3, 4), fit="crop", crops=7, limit=1, test=0.5)
    images = open_images(str(bare), spec, root=bare)
    whole = open_images(str(bare), DataSpec(source="digits"), root=bare)
    assert images.ids == ("0.png", "1.png", "2.png", "3.png")
    np.testing.assert_array_equal(images.images, whole.images[:, :, 3:6, 4:8])


def test_the_splits_of_a_folder_joined(write_tree: Write) -> None:
    folder = write_tree(
        {"train/a/1.png": grey(1), "train/b/2.png": grey(2), "test/b/3.png": grey(3)}
    )
    images = open_images(str(folder), DataSpec(source="x"), root=folder)
    assert (values(images), labels(images)) == ([1, 2, 3], [0, 1, 1])
    assert images.ids == ("train/a/1.png", "train/b/2.png", "test/b/3.png")
    one = open_images(f"{folder}:test", DataSpec(source="x"), root=folder)
    assert (values(one), labels(one)) == ([3], [1])


def test_a_split_that_is_not_there_is_refused(pets: Path) -> None:
    with pytest.raises(UsageError, match="has no splits of its own"):
        open_images(f"{pets}:test", DataSpec(source="x"), root=pets)


def test_a_path_is_from_the_current_folder(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pets.parent)
    assert len(split("pictures", test=0.0).train) == 20


def test_files_are_told_by_their_first_bytes_too(
    tmp_path: Path, write_zip: Write, idx_bytes: Callable[..., bytes]
) -> None:
    array = np.arange(12).reshape(1, 3, 4)
    for name, data in {
        "idx": idx_bytes(array),
        "packed": gzip.compress(idx_bytes(array)),
        "archive": write_zip({"1.png": grey(5, 3, 4)}).read_bytes(),
    }.items():
        (tmp_path / name).write_bytes(data)
        assert split(tmp_path / name).train.shape == MapShape(1, 3, 4)


def test_one_picture_is_a_source(write_tree: Write) -> None:
    splits = split(write_tree({"it.png": grey(5)}) / "it.png")
    assert values(splits.train) == [5]
    assert splits.test is None


def test_a_folder_of_idx_files_is_a_source(tmp_path: Path, write_mnist: WriteMnist) -> None:
    splits = split(write_mnist(tmp_path / "letters"))
    assert splits.test is not None
    assert (len(splits.train), len(splits.test)) == (30, 10)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.npy", b"", r"x\.npy is empty; a folder or zip of images"),
        ("x.npy", b"abc", r"x\.npy is not an NPY file"),
        ("x.npz", b"abc", r"x\.npz is not an NPZ file"),
        ("x.zip", b"abc", r"x\.zip is not a zip archive"),
        ("x.png", b"abc", r"x\.png is not an image"),
        ("x.gz", b"\x1f\x8babc", r"x\.gz is (corrupt|truncated)"),
        ("x.pkl", b"\x80\x04\x95abc", r"x\.pkl is of no format that is read here"),
        ("x.pt", b"PK\x03\x04abc", r"x\.pt is not a zip archive"),
    ],
)
def test_a_broken_file_is_refused_by_name(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=message):
        split(tmp_path / name)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match="holds no images"):
        split(tmp_path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("mnits", "no data set and no path 'mnits'; did you mean mnist"),
        ("", "the source of images is empty; name a known set, a folder"),
        (":test", "the source of images is empty"),
        ("nowhere/at/all", "known sets are digits"),
        ("nowhere:test", "no path 'nowhere'"),
    ],
)
def test_a_source_that_is_not_there_is_an_error_of_use(source: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        split(source)


def test_an_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npy"
    np.save(path, grey(1))

    def refuse(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("featlearn.datasets.source.open_npy", refuse)
    with pytest.raises(DataError, match=r"x\.npy cannot be read: Permission denied"):
        split(path)


def test_the_photographs_have_no_test_split() -> None:
    splits = split("photographs", size=(16, 16), fit="crop", crops=3, colour="grey")
    assert splits.test is None
    assert splits.train.images.shape == (6, 1, 16, 16)
    assert splits.train.ids is not None
    assert splits.train.ids[3] == "flower.jpg#0"


def test_the_root_is_the_option_then_the_variable_then_the_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FEATLEARN_DATA", "/named")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert find_root(Path("/given")) == Path("/given")
    assert find_root() == Path("/named")
    monkeypatch.setenv("FEATLEARN_DATA", "")
    monkeypatch.setattr("sys.platform", "linux")
    assert find_root() == Path("/cache/featlearn/data")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert find_root() == Path("/home/me/.cache/featlearn/data")
    monkeypatch.setattr("sys.platform", "darwin")
    assert find_root() == Path("/home/me/Library/Caches/featlearn/data")
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert find_root() == Path("/local/featlearn/data")
