import gzip
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from featlearn.datasets.idx import read_idx
from featlearn.errors import DataError

IdxBytes = Callable[[NDArray[Any]], bytes]
IMAGES = np.arange(2 * 3 * 4).reshape(2, 3, 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some-images-idx3-ubyte"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_reads_what_was_written(
    path: Path, idx_bytes: IdxBytes, pack: Callable[[bytes], bytes]
) -> None:
    path.write_bytes(pack(idx_bytes(IMAGES)))
    array = read_idx(path, dimensions=3)
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, IMAGES)


def test_reads_no_images(path: Path, idx_bytes: IdxBytes) -> None:
    path.write_bytes(idx_bytes(np.zeros((0, 3, 4))))
    assert read_idx(path, dimensions=3).shape == (0, 3, 4)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_cut_anywhere_is_refused_by_name(
    path: Path, idx_bytes: IdxBytes, pack: Callable[[bytes], bytes]
) -> None:
    data = pack(idx_bytes(IMAGES))
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(DataError, match="some-images-idx3-ubyte"):
            read_idx(path, dimensions=3)


def test_a_whole_gzip_file_of_too_few_bytes_is_refused(path: Path, idx_bytes: IdxBytes) -> None:
    path.write_bytes(gzip.compress(idx_bytes(IMAGES)[:-4]))
    with pytest.raises(DataError, match=r"2 x 3 x 4 bytes \(24 bytes\), but 20 bytes follow"):
        read_idx(path, dimensions=3)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("extra", [b"\0", b"more than that"])
def test_what_follows_the_images_is_refused(
    path: Path, idx_bytes: IdxBytes, pack: Callable[[bytes], bytes], extra: bytes
) -> None:
    path.write_bytes(pack(idx_bytes(IMAGES) + extra))
    with pytest.raises(DataError, match="goes on after the 2 x 3 x 4 bytes"):
        read_idx(path, dimensions=3)


def test_a_changed_byte_is_found_by_the_checksum(path: Path, idx_bytes: IdxBytes) -> None:
    data = bytearray(gzip.compress(idx_bytes(np.zeros((1, 2, 2))), compresslevel=0))
    data[-12] ^= 1  # in the pixels, which level 0 stores as they are
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"is corrupt \(CRC"):
        read_idx(path, dimensions=3)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("sizes", [(60_000, 28, 28), (2**32 - 1, 2**32 - 1, 2**32 - 1)])
def test_a_header_that_lies_is_refused_before_memory_is_taken(
    path: Path,
    pack: Callable[[bytes], bytes],
    sizes: tuple[int, int, int],
    memory_below: Callable[[int], AbstractContextManager[None]],
) -> None:
    path.write_bytes(pack(bytes([0, 0, 8, 3]) + struct.pack(">3I", *sizes) + bytes(64)))
    with memory_below(200_000), pytest.raises(DataError, match=r"more than the file can hold"):
        read_idx(path, dimensions=3)


def test_a_well_packed_file_over_the_limit_is_refused_before_memory_is_taken(
    path: Path,
    idx_bytes: IdxBytes,
    memory_below: Callable[[int], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path.write_bytes(gzip.compress(idx_bytes(np.zeros((100, 100, 100)))))
    monkeypatch.setattr("featlearn.datasets.limits.MAX_SET_BYTES", 999_999)
    with memory_below(200_000), pytest.raises(DataError, match=r"would take 1.0 MB"):
        read_idx(path, dimensions=3)


def test_a_file_packed_beyond_reason_is_refused_before_memory_is_taken(
    path: Path,
    idx_bytes: IdxBytes,
    memory_below: Callable[[int], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path.write_bytes(gzip.compress(idx_bytes(np.zeros((100, 100, 100)))))
    assert read_idx(path, dimensions=3).shape == (100, 100, 100)
    monkeypatch.setattr("featlearn.datasets.limits.FREE_BYTES", 999_999)
    with memory_below(200_000), pytest.raises(DataError, match=r"unpack to 1.0 MB.*zip bomb"):
        read_idx(path, dimensions=3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"GIF89a", "begins with 47 49 46 38, and 00 00 08 03 was expected"),
        (bytes([0, 0, 8, 9]), "not an IDX file"),
        (bytes([0, 0, 0x0D, 3, 0, 0, 0, 0]), "IDX type 0x0d"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 0]), r"1 dimension; 3 \(images\) were expected"),
        (b"\x1f\x8bnot gzip at all", "is corrupt"),
    ],
)
def test_another_format_is_refused(path: Path, data: bytes, message: str) -> None:
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        read_idx(path, dimensions=3)
