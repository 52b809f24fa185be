"""Files of features: a NumPy array with a table beside it, or one Parquet table."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featlearn.datasets.imageset import ImageSet
from featlearn.errors import MissingExtraError
from featlearn.files import replacing, write_bytes
from featlearn.workflows.outputs import csv_text

Codes = NDArray[np.float32]
"""Features of a batch, `(rows, features)`."""


def write_npy(out: Path, batches: Iterator[Codes], images: ImageSet, *, features: int) -> None:
    """Write features batch by batch, so that only a batch of them is in memory.

    Args:
        out: The file; a table of the images is written to `index_of(out)`.
        batches: The features, in the order of the images.
        images: Names and labels of the rows.
        features: How many there are for each image.
    """
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(images), features)}
    # Not a memory map, which on a full disk would end the process without a word.
    with replacing(out) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for codes in batches:
            file.write(codes.astype("<f4", order="C", copy=False).tobytes())
    write_bytes(index_of(out), _index(images).encode())


def index_of(out: Path) -> Path:
    """Name the table of images beside an array."""
    return out.with_suffix(".index.csv")


def write_parquet(out: Path, batches: Iterator[Codes], images: ImageSet, *, features: int) -> None:
    """Write one table: columns `image`, `label` if there are labels, and `features`.

    `features` is a list of as many float32 values in every row. Each batch is a row group.

    Args:
        out: The file.
        batches: The features, in the order of the images.
        images: Names and labels of the rows.
        features: How many there are for each image.

    Raises:
        MissingExtraError: If pyarrow is not installed.
    """
    arrow, parquet = _arrow()
    row = arrow.list_(arrow.float32(), features)
    columns = [("image", arrow.string())]
    if images.labels is not None:
        columns.append(("label", arrow.string()))
    schema = arrow.schema([*columns, ("features", row)])
    begin = 0
    with replacing(out) as temporary, parquet.ParquetWriter(temporary, schema) as file:
        for codes in batches:
            rows = range(begin, begin + len(codes))
            values = arrow.array(codes.reshape(-1), type=arrow.float32())
            arrays = [
                arrow.array(column)
                for column in zip(*(_described(images, place) for place in rows), strict=True)
            ]
            arrays.append(arrow.FixedSizeListArray.from_arrays(values, features))
            file.write_table(arrow.Table.from_arrays(arrays, schema=schema))
            begin = rows.stop


def check_parquet() -> None:
    """Refuse early where Parquet cannot be written.

    Raises:
        MissingExtraError: If pyarrow is not installed.
    """
    _arrow()


def _arrow() -> tuple[Any, Any]:
    """Import pyarrow, which has no types."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise MissingExtraError("pyarrow", extra="tables") from None


def _index(images: ImageSet) -> str:
    """Write the table of images: name and, where there are labels, class."""
    head = ("image",) if images.labels is None else ("image", "label")
    return csv_text([head, *(_described(images, place) for place in range(len(images)))])


def _described(images: ImageSet, place: int) -> tuple[str, ...]:
    """Give an image's name and, where there are labels, its class."""
    name = str(place) if images.ids is None else images.ids[place]
    if images.labels is None:
        return (name,)
    return name, images.classes[int(images.labels[place])]
