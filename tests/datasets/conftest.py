"""Small files in the formats that are read, and what reading them may cost."""

import gzip
import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Encode = Callable[..., bytes]


@pytest.fixture
def encode() -> Encode:
    """Encode pixels, (h, w) or (h, w, c), as a picture."""

    def make(pixels: NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind, **options)
        return file.getvalue()

    return make


@pytest.fixture
def write_tree(tmp_path: Path, encode: Encode) -> Callable[[Mapping[str, Any]], Path]:
    """Write a folder: pixels become pictures, bytes are written as they are."""

    def write(files: Mapping[str, Any]) -> Path:
        folder = tmp_path / "pictures"
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else encode(content))
        return folder

    return write


@pytest.fixture
def write_zip(tmp_path: Path, encode: Encode) -> Callable[[Mapping[str, Any]], Path]:
    """Write a zip archive, likewise."""

    def write(files: Mapping[str, Any]) -> Path:
        path = tmp_path / "pictures.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                data = content if isinstance(content, bytes) else encode(content)
                archive.writestr(name, data)
        return path

    return write


@pytest.fixture
def idx_bytes() -> Callable[[NDArray[Any]], bytes]:
    """Write an array as IDX."""

    def make(array: NDArray[Any]) -> bytes:
        sizes = struct.pack(f">{array.ndim}I", *array.shape)
        return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()

    return make


@pytest.fixture
def write_mnist(idx_bytes: Callable[[NDArray[Any]], bytes]) -> Callable[..., Path]:
    """Write a folder by MNIST's names: 30 images to train on and 10 to test."""

    def write(folder: Path) -> Path:
        rng = np.random.default_rng(0)
        folder.mkdir(parents=True)
        for stem, count in (("train", 30), ("t10k", 10)):
            images = rng.integers(0, 256, (count, 6, 5))
            labels = np.arange(count) % 10
            for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
                data = gzip.compress(idx_bytes(array))
                (folder / f"{stem}-{kind}-ubyte.gz").write_bytes(data)
        return folder

    return write


@pytest.fixture
def memory_below() -> Callable[[int], AbstractContextManager[None]]:
    """Fail if more than so many bytes are taken at once."""

    @contextmanager
    def watch(limit: int) -> Generator[None]:
        tracemalloc.start()
        try:
            yield
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < limit

    return watch
