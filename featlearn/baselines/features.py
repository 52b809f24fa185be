"""What stumps look at: single pixels, or Haar-like features."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from featlearn.baselines.binned import Column
from featlearn.baselines.haar import Haar, draw_haar, haar_response, integral
from featlearn.datasets.imageset import Images, Indices
from featlearn.datasets.limits import free_memory
from featlearn.errors import DataError
from featlearn.wording import human_bytes

Feature = tuple[int, ...]
"""Names a feature: the place of a pixel, or the six numbers of a `Haar`."""


class Features(Protocol):
    """Features of some images."""

    def __len__(self) -> int:
        """Count the images."""
        ...

    def draw(self, count: int, rng: np.random.Generator) -> Sequence[Feature]:
        """Draw features; all of them if there are no more."""
        ...

    def column(self, feature: Feature) -> Column:
        """Compute a feature of every image, `(n,)`."""
        ...

    def some(self, places: Indices) -> "Features":
        """Take some of the images."""
        ...


class Pixels:
    """Every pixel of every map is a feature, in the unit of the images."""

    def __init__(self, columns: NDArray[np.generic]) -> None:
        """Take pixels, `(pixels, n)`."""
        self._columns = columns

    @classmethod
    def of(cls, images: Images) -> "Pixels":
        """Take images, `(n, maps, height, width)`."""
        return cls(np.ascontiguousarray(images.reshape(len(images), -1).T))

    def __len__(self) -> int:
        """Count the images."""
        return self._columns.shape[1]

    def draw(self, count: int, rng: np.random.Generator) -> Sequence[Feature]:
        """Draw pixels, each once; all of them if there are no more."""
        every = len(self._columns)
        places = range(every) if count >= every else rng.choice(every, count, replace=False)
        return [(int(place),) for place in places]

    def column(self, feature: Feature) -> Column:
        """Give a pixel of every image, `(n,)`."""
        return self._columns[feature[0]].astype(np.float32)

    def some(self, places: Indices) -> "Pixels":
        """Take some of the images."""
        return Pixels(self._columns[:, places])


class HaarLike:
    """Differences between neighbouring rectangles, anywhere and of any size."""

    def __init__(self, sums: NDArray[np.float32]) -> None:
        """Take integral images, as `integral` gives them."""
        self._sums = sums

    @classmethod
    def of(cls, images: Images) -> "HaarLike":
        """Take images, `(n, maps, height, width)`.

        Raises:
            DataError: If their sums would not fit into memory.
        """
        count, maps, rows, columns = images.shape
        taken, free = 4 * count * maps * (rows + 1) * (columns + 1), free_memory()
        if free is not None and taken > free:
            raise DataError(
                f"Haar-like features of {count} images of {rows} x {columns} would take "
                f"{human_bytes(taken)} of memory, more than the {human_bytes(free)} that are free "
                "here; make the images smaller, or skip these rows"
            )
        return cls(integral(images))

    def __len__(self) -> int:
        """Count the images."""
        return self._sums.shape[-1]

    def draw(self, count: int, rng: np.random.Generator) -> Sequence[Feature]:
        """Draw features."""
        maps, rows, columns, _ = self._sums.shape
        return draw_haar((maps, rows - 1, columns - 1), count, rng)

    def column(self, feature: Feature) -> Column:
        """Compute a feature of every image, `(n,)`."""
        return haar_response(Haar(*feature), self._sums)

    def some(self, places: Indices) -> "HaarLike":
        """Take some of the images."""
        return HaarLike(self._sums[..., places])
