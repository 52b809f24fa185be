"""What is known of a data set that featlearn knows by name."""

import msgspec

from featlearn.geometry import MapShape


class RemoteFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was published.

    `size` is in bytes; `sha256` in hexadecimal.
    """

    name: str
    size: int
    sha256: str


class KnownSet(msgspec.Struct, frozen=True, kw_only=True):
    """A data set of the catalogue.

    `shape` is that of one image; `train` and `test` count images (`test` 0: no
    such split); sets without `files` and `folders` come with scikit-learn. Each of `mirrors`
    is the address of a folder that holds all `files`; without any, the files are to be
    put under the data root by hand, or fetched from an address that the user gives.
    `folders` hold pictures that are not listed one by one: they are put there by hand. A set
    with `parts` is made of other known sets each time that it is opened. One with `sounds` holds
    recordings, and `shape` is what becomes of one unless a recipe describes sound otherwise.
    """

    name: str
    title: str
    shape: MapShape
    train: int
    test: int
    licence: str
    citation: str
    class_names: tuple[str, ...] = ()
    files: tuple[RemoteFile, ...] = ()
    folders: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    sounds: bool = False

    @property
    def classes(self) -> int:
        """Count the classes; 0 without labels."""
        return len(self.class_names)

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)

    @property
    def embedded(self) -> bool:
        """Whether nothing need be downloaded."""
        return not self.files and not self.folders and not self.parts
