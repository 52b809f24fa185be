"""The sizes of windows that slide over planes, known when their kernels are written."""

from typing import NamedTuple


class Windows(NamedTuple):
    """The sizes of a window, and of the planes that it slides over.

    Planes lie in memory as `(height, width, planes)`, and sums as `(rows, columns, planes)`.

    Attributes:
        planes: How many numbers there are at a position.
        height: Rows of the planes.
        width: Columns of the planes.
        rows: Rows of windows.
        columns: Columns of windows.
        stride: Step between windows.
        top: How far the first window hangs over the upper border.
        left: How far it hangs over the left border.
        weights: Of the rows of the window, and of its columns.
        mean: Whether sums are divided by the weight that lies inside the planes.
    """

    planes: int
    height: int
    width: int
    rows: int
    columns: int
    stride: int
    top: int
    left: int
    weights: tuple[float, ...]
    mean: bool = False

    @property
    def size(self) -> int:
        """Side of the window."""
        return len(self.weights)

    @property
    def row_factors(self) -> list[float]:
        """By what the sums of each row of windows are multiplied, to be means."""
        return self._factors(self.rows, self.top, self.height)

    @property
    def column_factors(self) -> list[float]:
        """By what those of each column are multiplied."""
        return self._factors(self.columns, self.left, self.width)

    def _factors(self, windows: int, before: int, length: int) -> list[float]:
        starts = [window * self.stride - before for window in range(windows)]
        return [
            1 / sum(w for i, w in enumerate(self.weights) if 0 <= start + i < length)
            for start in starts
        ]
