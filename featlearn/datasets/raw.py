"""A source that has been opened, its pictures not yet decoded or sized."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from numpy.typing import NDArray

from featlearn.config.audio import AudioSpec
from featlearn.config.data import Colour
from featlearn.datasets.images import decode_image
from featlearn.datasets.imageset import Images, Indices, Targets


class EncodedImages(ABC):
    """Pictures in files of their own, decoded one at a time."""

    @abstractmethod
    def files(self, places: Indices) -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
        """Yield the name of each place's file, and what opens it or raises a `DataError`."""

    def decode(self, places: Indices, *, colour: Colour) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield the name and the pixels `(maps, height, width)` of each place."""
        for name, opened in self.files(places):
            with opened() as file:
                yield name, decode_image(file, name=name, colour=colour)


class EncodedSounds(ABC):
    """Recordings in files of their own, which become maps as a recipe describes sound."""

    @abstractmethod
    def maps(self, places: Indices, spec: AudioSpec) -> Images:
        """Describe the recordings at these places, `(n, 1, rows, frames)` in float32."""


@dataclass(frozen=True, eq=False)
class RawSet:
    """Images before the recipe's size policy.

    Attributes:
        name: What the set is called in messages.
        images: `(n, maps, height, width)`, or pictures or recordings that are still encoded.
        count: How many images there are.
        labels: `(n,)` places in `classes`, or None.
        classes: The names of the classes.
        ids: The images' names, or None.
        targets: `(n, k)` float32, or None.
        target_names: The names of the k columns.
    """

    name: str
    images: Images | EncodedImages | EncodedSounds
    count: int
    labels: Indices | None = None
    classes: tuple[str, ...] = ()
    ids: tuple[str, ...] | None = None
    targets: Targets | None = None
    target_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawSplits:
    """The splits that a source brings along.

    `divisible` is False where no test images may be set apart: the source is
    one split already, or has too few pictures.
    """

    train: RawSet
    test: RawSet | None = None
    divisible: bool = True
