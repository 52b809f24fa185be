"""A small data root that harder digits can be made of: digits by MNIST's names, and pictures."""

import struct
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featlearn.datasets.embedded import open_digits
from featlearn.datasets.known import open_known
from featlearn.datasets.known_digits import Opener

PICTURES = {"train": 6, "test": 3}


def write_root(root: Path) -> Opener:
    """Write scikit-learn's digits, three times as large, and pictures; and give what opens them."""
    digits = open_digits()
    folder = root / "mnist"
    folder.mkdir(parents=True)
    for stem, part in (("train", digits.train), ("t10k", digits.test)):
        assert part is not None
        assert part.labels is not None
        assert isinstance(part.images, np.ndarray)
        large = np.kron(part.images[:, 0], np.ones((1, 3, 3)))
        images = np.pad(large, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", part.labels)):
            (folder / f"{stem}-{kind}-ubyte").write_bytes(_idx(array.astype(np.uint8)))
    draw = np.random.default_rng(0)
    for split, count in PICTURES.items():
        (root / "natural-bsds500" / split).mkdir(parents=True)
        for number in range(count):
            pixels = draw.integers(0, 256, (40 + number, 50), np.uint8)
            name = f"{split}{number}.png"
            Image.fromarray(pixels).save(root / "natural-bsds500" / split / name)
    return partial(open_known, root=root)


def _idx(array: NDArray[np.uint8]) -> bytes:
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()
