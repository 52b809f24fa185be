"""The sizes of a locally connected layer, known when its kernels are written."""

from typing import NamedTuple


class Local(NamedTuple):
    """Sizes of a layer and of a batch.

    Planes lie in memory as `(height, width, channels, batch)`, codes as `(rows, columns, maps,
    batch)`, weights as `(rows, columns, maps, kernel_height, kernel_width, channels)`: a row of
    a kernel is then one run of numbers, beside one run of rows of the batch.
    """

    batch: int
    height: int
    width: int
    channels: int
    maps: int
    kernel_height: int
    kernel_width: int
    stride: int

    @property
    def rows(self) -> int:
        """Rows of positions."""
        return (self.height - self.kernel_height) // self.stride + 1

    @property
    def columns(self) -> int:
        """Columns of positions."""
        return (self.width - self.kernel_width) // self.stride + 1

    @property
    def run(self) -> int:
        """Weights in a row of a kernel."""
        return self.kernel_width * self.channels

    @property
    def filter(self) -> int:
        """Weights of a unit."""
        return self.kernel_height * self.run

    @property
    def shift(self) -> int:
        """How far, in rows of the batch, the window moves from a column to the next."""
        return self.stride * self.channels

    def abreast(self, maps: int, most: int) -> int:
        """Count the neighbouring positions, one or two, that are treated together.

        Two share the inputs where their windows overlap.

        Args:
            maps: Maps at a position that are treated at a time.
            most: How many units may be.
        """
        overlapping = self.shift < self.run and self.columns > 1
        return 2 if overlapping and 2 * maps <= most else 1


def evenly(count: int, most: int) -> list[int]:
    """Cut `count` into as few parts as can be, none above `most`, as even as can be."""
    parts = -(-count // most)
    return [count // parts + (part < count % parts) for part in range(parts)]
