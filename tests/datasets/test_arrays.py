import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from featlearn.datasets.arrays import as_image_array, open_npy, open_npz
from featlearn.datasets.raw import RawSet
from featlearn.errors import DataError

X = np.arange(4 * 6 * 5, dtype=np.uint8).reshape(4, 6, 5)


@pytest.fixture
def npy(tmp_path: Path) -> Path:
    return tmp_path / "leaves.npy"


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    return tmp_path / "leaves.npz"


def pixels(raw: RawSet) -> NDArray[Any]:
    assert isinstance(raw.images, np.ndarray)
    return raw.images


def bare_npy(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    text = header.encode()
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H", len(text)) + text + data


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_reads_an_array(npy: Path, order: Any, version: tuple[int, int]) -> None:
    with npy.open("wb") as file:
        np.lib.format.write_array(file, np.asarray(X, order=order), version=version)
    raw = open_npy(npy).train
    assert raw.count == 4
    np.testing.assert_array_equal(pixels(raw), X[:, None])


def test_the_arrays_can_be_written() -> None:
    assert as_image_array(np.frombuffer(bytes(60), np.uint8).reshape(2, 6, 5), name="it").shape == (
        (2, 1, 6, 5)
    )


@pytest.mark.parametrize(
    ("shape", "maps_first"),
    [
        ((2, 6, 5), (2, 1, 6, 5)),
        ((2, 6, 5, 3), (2, 3, 6, 5)),
        ((2, 6, 5, 1), (2, 1, 6, 5)),
        ((2, 3, 6, 5), (2, 3, 6, 5)),
        ((2, 8, 6, 5), (2, 8, 6, 5)),
        ((2, 8, 8, 8), (2, 8, 8, 8)),
    ],
)
def test_shapes_that_are_understood(shape: tuple[int, ...], maps_first: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    images = as_image_array(array, name="it")
    assert images.shape == maps_first
    if shape[-1] in {1, 3}:
        array = np.moveaxis(array, 3, 1)
    np.testing.assert_array_equal(images, array.reshape(maps_first))


@pytest.mark.parametrize("shape", [(2, 3, 6, 3), (2, 1, 4, 4), (2, 28, 28, 8)])
def test_shapes_that_could_be_either_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="maps may be second or last"):
        as_image_array(np.zeros(shape, np.uint8), name="it")


@pytest.mark.parametrize("shape", [(6,), (2, 6), (0, 6, 5), (2, 1, 6, 5, 1), (2, 0, 5)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"leaves has the shape \(.*was expected"):
        as_image_array(np.zeros(shape, np.uint8), name="leaves")


@pytest.mark.parametrize("dtype", ["i8", "u2", "?", "c8", "U3"])
def test_other_types_are_refused(dtype: str) -> None:
    with pytest.raises(DataError, match=r"uint8 in 0\.\.255 or floats"):
        as_image_array(np.zeros((2, 6, 5), dtype), name="it")


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
def test_floats_become_float32(npy: Path, dtype: str) -> None:
    np.save(npy, (X / 120).astype(dtype))
    images = pixels(open_npy(npy).train)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images[:, 0], X / 120, atol=1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_the_first_image_that_is_not_finite_is_named(bad: float) -> None:
    array = np.zeros((5, 3, 3))
    array[2, 1, 1] = bad
    array[4] = np.nan
    with pytest.raises(DataError, match="NaN or infinite in image 2"):
        as_image_array(array, name="it")


def test_constant_images_are_taken() -> None:
    assert as_image_array(np.zeros((2, 3, 3)), name="it").shape == (2, 1, 3, 3)


def test_a_pickle_is_never_read(npy: Path, tmp_path: Path) -> None:
    touched = tmp_path / "touched"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (touched.write_text, ("!",))

    np.save(npy, np.array([Evil()], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="holds Python objects"):
        open_npy(npy)
    npy.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match="is not an NPY file"):
        open_npy(npy)
    assert not touched.exists()


@pytest.mark.parametrize(
    ("shape", "extra"),
    [((10**6, 10**6), b""), ((4, 6, 6), b""), ((4, 6, 4), b""), ((-2, -60), b"")],
)
def test_a_header_that_lies_is_refused_before_memory_is_taken(
    npy: Path,
    shape: tuple[int, ...],
    extra: bytes,
    memory_below: Callable[[int], AbstractContextManager[None]],
) -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}"
    npy.write_bytes(bare_npy(header, X.tobytes() + extra))
    with memory_below(200_000), pytest.raises(DataError, match=r"leaves\.npy"):
        open_npy(npy)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((0, 10**30), "|u1"), ((10**400, 0, 2), "|u1"), ((10**30,), "|S0"), ((10**400,), "|u1")],
)
def test_a_header_of_nothing_or_of_far_too_much_is_refused(
    npy: Path, shape: tuple[int, ...], dtype: str
) -> None:
    npy.write_bytes(bare_npy(f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}"))
    with pytest.raises(DataError, match=r"leaves\.npy (holds nothing|should hold)"):
        open_npy(npy)


def test_a_file_that_goes_on_after_its_array_is_not_called_truncated(npy: Path) -> None:
    np.save(npy, X)
    npy.write_bytes(npy.read_bytes() + b"more")
    with pytest.raises(
        DataError, match=r"leaves\.npy goes on for 4 bytes after the 120 bytes that"
    ):
        open_npy(npy)
    npy.write_bytes(npy.read_bytes()[:-5])
    with pytest.raises(DataError, match=r"but holds 119 bytes; it is truncated or its header is"):
        open_npy(npy)


def test_a_file_cut_anywhere_is_refused_by_name(npy: Path) -> None:
    np.save(npy, X)
    data = npy.read_bytes()
    for length in range(len(data)):
        npy.write_bytes(data[:length])
        with pytest.raises(DataError, match=r"leaves\.npy"):
            open_npy(npy)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False}",
        "{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (120,)}",
        "{'descr': 'nonsense', 'fortran_order': False, 'shape': (120,)}",
        "__import__('os').system('true')",
        "((((",
        "{" * 5000,
        "-" * 9000 + "1",
    ],
)
def test_a_broken_header_is_refused_by_name(npy: Path, header: str) -> None:
    npy.write_bytes(bare_npy(header, X.tobytes()))
    with pytest.raises(DataError, match=r"leaves\.npy"):
        open_npy(npy)


def test_another_version_is_refused(npy: Path) -> None:
    npy.write_bytes(bare_npy("{}", version=(9, 0)))
    with pytest.raises(DataError, match=r"is not an NPY file"):
        open_npy(npy)


@pytest.mark.parametrize("keys", [("images", "labels"), ("x", "y"), ("x_train", "y_train")])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_gives_images_and_labels(npz: Path, keys: tuple[str, str], save: Any) -> None:
    save(npz, **{keys[0]: X, keys[1]: np.array([7, 3, 3, 7])})
    splits = open_npz(npz)
    assert splits.test is None
    assert splits.train.classes == ("3", "7")
    assert splits.train.labels is not None
    assert splits.train.labels.tolist() == [1, 0, 0, 1]
    np.testing.assert_array_equal(pixels(splits.train), X[:, None])


def test_labels_may_be_text(npz: Path) -> None:
    np.savez(npz, x=X, y=np.array(["oak", "elm", "oak", "elm"]))
    raw = open_npz(npz).train
    assert raw.classes == ("elm", "oak")
    assert raw.labels is not None
    assert raw.labels.tolist() == [1, 0, 1, 0]


def test_classes_name_the_labels(npz: Path) -> None:
    # Names that are numbers of other classes: the place decides, not the name.
    np.savez(npz, x=X, y=np.array([0, 2, 1, 0], np.uint8), classes=np.array(["1", "2", "0"]))
    raw = open_npz(npz).train
    assert raw.classes == ("1", "2", "0")
    assert raw.labels is not None
    assert raw.labels.tolist() == [0, 2, 1, 0]


@pytest.mark.parametrize("labels", [np.array([0, 1, 2, 0]), np.array(["oak", "elm", "oak", "elm"])])
def test_a_class_named_twice_is_refused(npz: Path, labels: NDArray[Any]) -> None:
    np.savez(npz, x=X, y=labels, classes=np.array(["elm", "oak", "elm"]))
    with pytest.raises(DataError, match=r"leaves\.npz: classes has the name 'elm' more than once"):
        open_npz(npz)


def test_classes_order_labels_of_text(npz: Path) -> None:
    names = np.array(["oak", "elm", "ash"])
    np.savez(npz, x=X, y=np.array(["elm", "oak", "oak", "elm"]), classes=names)
    raw = open_npz(npz).train
    assert raw.classes == ("oak", "elm", "ash")
    assert raw.labels is not None
    assert raw.labels.tolist() == [1, 0, 0, 1]


def test_an_archive_may_have_a_test_split(npz: Path) -> None:
    y = np.array([5, 6, 5, 6])
    np.savez(npz, x_train=X, y_train=y, x_test=X[:2], y_test=y[1::-1])
    test = open_npz(npz).test
    assert test is not None
    assert test.count == 2
    assert test.labels is not None
    assert test.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pixels": X}, "no array `images`, `x` or `x_train`; it has pixels"),
        ({"x": X, "y": np.zeros(3, int)}, r"4 images, so its labels are \(4,\)"),
        ({"x": X, "y": np.zeros(4)}, "float64"),
        ({"x": X, "y": np.array([0, 1, 2, 0]), "classes": np.array(["a", "b"])}, "the label 2"),
        ({"x": X, "y": np.array([0, -1, 1, 0]), "classes": np.array(["a", "b"])}, "the label -1"),
        ({"x": X, "y": np.zeros(4, int), "x_test": X, "y_test": np.ones(4, int)}, "label '1'"),
        ({"x": X[:, :2, 0]}, "has the shape"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(
    npz: Path, arrays: dict[str, Any], message: str
) -> None:
    np.savez(npz, **arrays)
    with pytest.raises(DataError, match=message):
        open_npz(npz)


def test_a_pickle_in_an_archive_is_never_read(npz: Path) -> None:
    np.savez(npz, x=X, y=np.array([None] * 4, dtype=object))
    with pytest.raises(DataError, match=r"leaves\.npz: y holds Python objects"):
        open_npz(npz)


@pytest.mark.parametrize("side", [7, 10**5])
def test_an_archive_that_lies_is_refused_before_memory_is_taken(
    npz: Path, side: int, memory_below: Callable[[int], AbstractContextManager[None]]
) -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({side}, {side}, {side})}}"
    with zipfile.ZipFile(npz, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bare_npy(header, bytes(10**5)))
    with memory_below(200_000), pytest.raises(DataError, match=r"leaves\.npz: x"):
        open_npz(npz)


def test_an_archive_over_the_limit_is_refused_before_memory_is_taken(
    npz: Path,
    memory_below: Callable[[int], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    np.savez_compressed(npz, x=np.zeros((100, 100, 100), np.uint8))
    monkeypatch.setattr("featlearn.datasets.limits.MAX_SET_BYTES", 999_999)
    with memory_below(300_000), pytest.raises(DataError, match=r"leaves\.npz: x would take"):
        open_npz(npz)


def test_the_arrays_of_an_archive_count_together(
    npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = ((40, 50, 50), (60, 50, 50))
    train, test = (np.ones(shape, np.uint8) for shape in shapes)
    np.savez_compressed(npz, x=train, x_test=test)
    monkeypatch.setattr("featlearn.datasets.limits.FREE_BYTES", 240_000)
    with pytest.raises(DataError, match=r"x_test \(\d+ bytes\) would unpack to 250.*zip bomb"):
        open_npz(npz)
    monkeypatch.setattr("featlearn.datasets.limits.FREE_BYTES", 300_000)
    assert open_npz(npz).train.count == 40
    monkeypatch.setattr("featlearn.datasets.limits.MAX_SET_BYTES", 200_000)
    with pytest.raises(DataError, match=r"x_test would take 250"):
        open_npz(npz)


def test_a_directory_that_claims_the_impossible_is_refused(npz: Path) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, x=X)
    data = bytearray(file.getvalue())
    entry = data.index(b"PK\1\2")
    data[entry + 24 : entry + 28] = struct.pack("<I", 2**31)
    npz.write_bytes(data)
    with pytest.raises(DataError, match=r"x claims 2\.1 GB in \d+ bytes, which is impossible"):
        open_npz(npz)


def test_an_archive_cut_anywhere_is_refused_by_name(npz: Path) -> None:
    np.savez_compressed(npz, x=X, y=np.arange(4))
    data = npz.read_bytes()
    for length in range(0, len(data), 5):
        npz.write_bytes(data[:length])
        with pytest.raises(DataError, match=r"leaves\.npz"):
            open_npz(npz)
