"""The data sets that featlearn knows by name."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from featlearn.geometry import MapShape
from featlearn.wording import suggestion


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
    such split); sets without `files` come with scikit-learn. Each of `mirrors`
    is the address of a folder that holds all `files`.
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
    mirrors: tuple[str, ...] = ()

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
        return not self.files


_NUMERALS = tuple(str(digit) for digit in range(10))

_DIGITS = KnownSet(
    name="digits",
    title="Handwritten digits, 8 x 8 (test: the last 500 images, in the order of the set)",
    shape=MapShape(1, 8, 8),
    train=1297,
    test=500,
    class_names=_NUMERALS,
    licence="CC BY 4.0",
    citation="Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998",
)

_PHOTOGRAPHS = KnownSet(
    name="photographs",
    title="Two photographs in colour, 427 x 640: a temple and a flower",
    shape=MapShape(3, 427, 640),
    train=2,
    test=0,
    licence="CC BY 2.0",
    citation="Photographs by danielbuechele and vultilion, as bundled with scikit-learn",
)

_MNIST = KnownSet(
    name="mnist",
    title="MNIST: handwritten digits, 28 x 28",
    shape=MapShape(1, 28, 28),
    train=60_000,
    test=10_000,
    class_names=_NUMERALS,
    licence="CC BY-SA 3.0",
    citation="LeCun, Bottou, Bengio and Haffner, Proceedings of the IEEE 86(11), 1998",
    files=(
        RemoteFile(
            name="train-images-idx3-ubyte.gz",
            size=9_912_422,
            sha256="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        RemoteFile(
            name="train-labels-idx1-ubyte.gz",
            size=28_881,
            sha256="3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        RemoteFile(
            name="t10k-images-idx3-ubyte.gz",
            size=1_648_877,
            sha256="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        RemoteFile(
            name="t10k-labels-idx1-ubyte.gz",
            size=4_542,
            sha256="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)

_FASHION = KnownSet(
    name="fashion-mnist",
    title="Fashion-MNIST: articles of clothing, 28 x 28",
    shape=MapShape(1, 28, 28),
    train=60_000,
    test=10_000,
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    licence="MIT",
    citation="Xiao, Rasul and Vollgraf, arXiv:1708.07747, 2017",
    files=(
        RemoteFile(
            name="train-images-idx3-ubyte.gz",
            size=26_421_880,
            sha256="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        RemoteFile(
            name="train-labels-idx1-ubyte.gz",
            size=29_515,
            sha256="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        RemoteFile(
            name="t10k-images-idx3-ubyte.gz",
            size=4_422_102,
            sha256="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        RemoteFile(
            name="t10k-labels-idx1-ubyte.gz",
            size=5_148,
            sha256="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
    mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
)

KNOWN: Mapping[str, KnownSet] = MappingProxyType(
    {known.name: known for known in (_DIGITS, _PHOTOGRAPHS, _MNIST, _FASHION)}
)
"""Every known set, by its name."""


def suggest(name: str) -> str:
    """End a message with the known set that may have been meant, or with all of them."""
    return suggestion(name, KNOWN) or f"; known sets are {', '.join(KNOWN)}"
