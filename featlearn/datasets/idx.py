"""IDX files, the format of MNIST: a header of sizes, then bytes."""

import gzip
import math
import zlib
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featlearn.datasets.limits import (
    MAX_DEFLATE_RATIO,
    check_expansion,
    check_set_bytes,
)
from featlearn.errors import DataError
from featlearn.wording import human_bytes

_UNSIGNED_BYTE = 0x08
_MAX_DIMENSIONS = 4


class Header(NamedTuple):
    """What an IDX header says: the sizes of each dimension, and its own length."""

    sizes: tuple[int, ...]
    length: int


def read_idx(path: Path, *, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or compressed by gzip.

    What the header claims is held against the size of the file (for gzip, against
    what so many compressed bytes can expand to at most, and what images do) before
    memory is taken.

    Args:
        path: The file.
        dimensions: How many dimensions are expected: 3 for images, 1 for labels.

    Returns:
        An array of the sizes that the header gives.

    Raises:
        DataError: If the file is of another format, truncated, corrupt or longer
            than its header says, or if the header claims what cannot be.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not packed:
                return _read(raw, path, dimensions=dimensions, room=path.stat().st_size)
            room = path.stat().st_size * MAX_DEFLATE_RATIO
            with gzip.open(raw) as unpacked:
                return _read(unpacked, path, dimensions=dimensions, room=room)
    except EOFError as error:
        raise DataError(f"{path} is truncated; download or copy it again") from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is corrupt ({error}); download or copy it again") from error


def _read(stream: BufferedIOBase, path: Path, *, dimensions: int, room: int) -> NDArray[np.uint8]:
    """Read header and bytes, knowing that the file cannot hold more than `room`."""
    header = _header(stream, path, dimensions=dimensions)
    claimed = math.prod(header.sizes)
    if claimed + header.length > room:
        raise DataError(
            f"{path} claims {_times(header.sizes)} bytes, more than the file can hold; "
            "it is truncated or its header is wrong"
        )
    check_expansion(claimed, path.stat().st_size, name=str(path))
    check_set_bytes(claimed, name=str(path))
    array = np.empty(claimed, np.uint8)
    view = array.data
    done = 0
    while done < claimed and (read := stream.readinto(view[done:])):
        done += read
    if done < claimed:
        raise DataError(
            f"{path} is truncated: its header says {_times(header.sizes)} bytes "
            f"({human_bytes(claimed)}), but {human_bytes(done)} follow"
        )
    # Reading on also makes gzip compare its checksum.
    if stream.read(1):
        raise DataError(
            f"{path} goes on after the {_times(header.sizes)} bytes that its header says; "
            "it is not a plain IDX file"
        )
    return array.reshape(header.sizes)


def _header(stream: BufferedIOBase, path: Path, *, dimensions: int) -> Header:
    """Read the magic number and the sizes."""
    magic = stream.read(4)
    if not magic:
        raise DataError(f"{path} is empty; an IDX file was expected")
    if len(magic) < 4 or magic[:2] != b"\0\0" or not 1 <= magic[3] <= _MAX_DIMENSIONS:
        raise DataError(
            f"{path} is not an IDX file: it begins with {magic.hex(' ')}, "
            f"and 00 00 08 {dimensions:02x} was expected"
        )
    if magic[2] != _UNSIGNED_BYTE:
        raise DataError(
            f"{path} holds IDX type 0x{magic[2]:02x}; unsigned bytes (0x08) were expected"
        )
    if magic[3] != dimensions:
        raise DataError(
            f"{path} has {magic[3]} dimension{'s' * (magic[3] != 1)}; {dimensions} "
            f"({'images' if dimensions == 3 else 'labels'}) were expected"
        )
    raw = stream.read(4 * dimensions)
    if len(raw) < 4 * dimensions:
        raise DataError(f"{path} is truncated inside its header; download or copy it again")
    return Header(tuple(int(size) for size in np.frombuffer(raw, ">u4")), 4 + 4 * dimensions)


def _times(sizes: tuple[int, ...]) -> str:
    """Write sizes as a product."""
    return " x ".join(map(str, sizes))
