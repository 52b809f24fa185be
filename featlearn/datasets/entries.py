"""The data sets that featlearn knows by name."""

from collections.abc import Mapping
from types import MappingProxyType

from featlearn.config.audio import LogMelSpec, audio_shape
from featlearn.config.data import DataSpec
from featlearn.datasets.entry import KnownSet, RemoteFile
from featlearn.geometry import MapShape
from featlearn.wording import suggestion

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

_NATURAL_SUMS = (
    "d0cb9e56a94f324db187c6e5ca87e660ee2fd8790c950a3fd6b89860d975d818",
    "7e36e47653a9da581ae304df4d7c1c0e3da15470cc3263243d69e1f97cc483ba",
    "5fc569daacad9e9eca2a563d39a894d120f0d27fc060c681c3566db8e014948b",
    "b3386c6478efb5e07192c8be241bacda8a4077495dae40d0165dedbd19e67d71",
    "587163a34a7078850c826a6f5b8a380d92c07c3418c663a9c697088d4f64aebe",
    "cedb3858beb55fd470df441775924d95d31bed1185db35e2f7eb20f7b00addbb",
    "40382767ad3ae872d5e6b7cc23e80abe1da3994289709948c77c0c865aa80a75",
    "aab2eeadd81458cdce1463bf7bb49c808edc706884537cf3f28614a082fd9468",
    "4b7dc0056b5ecd66dd33e8e791324514fc78475d4718d56ec8b3091f4fda1267",
    "a3d945fcaa66d5bef6e2a0151d3d86818f4f934fec1a576aa20360c3aacbab90",
)

_NATURAL = KnownSet(
    name="natural-olshausen-field",
    title="Ten natural scenes, 512 x 512, whitened: 32-bit floats around 0",
    shape=MapShape(1, 512, 512),
    train=10,
    test=0,
    licence="for research, see the authors' page",
    citation="Olshausen and Field, Nature 381, 1996",
    files=tuple(
        RemoteFile(name=f"image{place}", size=4 * 512 * 512, sha256=checksum)
        for place, checksum in enumerate(_NATURAL_SUMS)
    ),
)

_CIFAR_JPEG = KnownSet(
    name="cifar10-jpg",
    title="CIFAR-10 (JPEG): objects in colour, 32 x 32, a lossy copy of CIFAR-10",
    shape=MapShape(3, 32, 32),
    train=50_000,
    test=10_000,
    class_names=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    licence="none stated",
    citation="Krizhevsky, Learning multiple layers of features from tiny images, 2009",
    files=(
        RemoteFile(
            name="CIFAR-10-images.zip",
            size=63_273_732,
            sha256="5c27db1d59e0ad79655b188f007b06566766d8563389ddee1b1984f8b219707f",
        ),
    ),
)

_NATURAL_COLOUR = KnownSet(
    name="natural-bsds500",
    title="Berkeley's 500 natural images in colour, 321 x 481 or 481 x 321 (val is left alone)",
    shape=MapShape(3, 321, 481),
    train=200,
    test=200,
    licence="for research, see the authors' page",
    citation="Arbelaez, Maire, Fowlkes and Malik, IEEE TPAMI 33(5), 2011",
    folders=("train", "test"),
)

_OLIVETTI = KnownSet(
    name="faces-olivetti",
    title="Olivetti faces: forty people, ten pictures of each, 64 x 64",
    shape=MapShape(1, 64, 64),
    train=400,
    test=0,
    class_names=tuple(f"person-{person}" for person in range(1, 41)),
    licence="credit AT&T Laboratories Cambridge",
    citation="Samaria and Harter, IEEE Workshop on Applications of Computer Vision, 1994",
    files=(
        RemoteFile(
            name="olivettifaces.mat",
            size=1_432_511,
            sha256="b1988d02c72fe5b8ee82b5ef3bb7982eafc74f1e1ff0ae0ade35061ad0af534d",
        ),
    ),
)

_CBCL = KnownSet(
    name="faces-cbcl",
    title="MIT CBCL: aligned faces and what are none, 19 x 19",
    shape=MapShape(1, 19, 19),
    train=6977,
    test=0,
    class_names=("face", "non-face"),
    licence="for research, see the authors' page",
    citation="CBCL Face Database 1, MIT Center for Biological and Computational Learning, 2000",
    files=(
        RemoteFile(
            name="train.zip",
            size=3_694_198,
            sha256="12a446d1fc04f70d413dedfcd0a1008e36708a8a1a4389f3cf204c57574c1585",
        ),
    ),
)

_SCENES = KnownSet(
    name="faces-in-scenes",
    title="Natural scenes, 32 x 32, with a face pasted into 4 % (test: other people and scenes)",
    shape=MapShape(1, 32, 32),
    train=40_000,
    test=2273,
    class_names=("face", "no face"),
    licence="as its parts",
    citation="made of faces-cbcl, faces-olivetti and natural-bsds500",
    parts=("faces-cbcl", "faces-olivetti", "natural-bsds500"),
)

_NAMED = KnownSet(
    name="faces-named",
    title="Natural scenes, 32 x 32, each with one of twenty people's faces pasted into it",
    shape=MapShape(1, 32, 32),
    train=3200,
    test=160,
    class_names=tuple(f"person-{person}" for person in range(1, 21)),
    licence="as its parts",
    citation="made of faces-olivetti and natural-bsds500",
    parts=("faces-olivetti", "natural-bsds500"),
)

_SPOKEN = KnownSet(
    name="fsdd",
    title="Free Spoken Digit Dataset: six speakers, 8 kHz (recordings 5 to 9 are left alone)",
    shape=audio_shape(LogMelSpec()),
    train=2400,
    test=300,
    class_names=_NUMERALS,
    licence="CC BY-SA 4.0",
    citation="Jackson et al., Free Spoken Digit Dataset, doi:10.5281/zenodo.1342401, 2018",
    folders=("recordings",),
    sounds=True,
)


def _harder(name: str, title: str, *parts: str) -> KnownSet:
    """Describe a set of digits that are made harder to read."""
    return KnownSet(
        name=name,
        title=f"MNIST's digits {title}, 28 x 28",
        shape=MapShape(1, 28, 28),
        train=12_000,
        test=50_000,
        class_names=_NUMERALS,
        licence="as its parts",
        citation=f"made of {' and '.join(parts)}, after Larochelle et al., ICML 2007",
        parts=parts,
    )


_HARDER = (
    _harder("mnist-rotated", "turned by any angle", "mnist"),
    _harder("mnist-random-background", "before noise", "mnist"),
    _harder("mnist-image-background", "before photographs", "mnist", "natural-bsds500"),
)

KNOWN: Mapping[str, KnownSet] = MappingProxyType(
    {
        known.name: known
        for known in (
            _DIGITS,
            _PHOTOGRAPHS,
            _MNIST,
            _FASHION,
            _NATURAL,
            _NATURAL_COLOUR,
            _CIFAR_JPEG,
            _OLIVETTI,
            _CBCL,
            _SCENES,
            _NAMED,
            *_HARDER,
            _SPOKEN,
        )
    }
)
"""Every known set, by its name."""


def told_shape(spec: DataSpec) -> MapShape | None:
    """Give the shape of an image as the recipe and the catalogue tell it.

    Returns:
        `None` where the images must be read to know it.
    """
    known = KNOWN.get(spec.source.partition(":")[0])
    if known is not None and known.sounds:
        heard = audio_shape(spec.audio or LogMelSpec())
        return heard if spec.size is None else MapShape(heard.maps, *spec.size)
    maps = {"grey": 1, "rgb": 3, "keep": known.shape.maps if known else None}[spec.colour]
    size = spec.size or ((known.shape.height, known.shape.width) if known else None)
    return None if maps is None or size is None else MapShape(maps, *size)


def known_images(spec: DataSpec) -> int:
    """Count the training images of a known set, as a recipe takes them; 0 of an unknown one."""
    known = KNOWN.get(spec.source.partition(":")[0])
    if known is None:
        return 0
    return min(spec.limit or known.train, known.train) * (spec.crops or 1)


def suggest(name: str) -> str:
    """End a message with the known set that may have been meant, or with all of them."""
    return suggestion(name, KNOWN) or f"; known sets are {', '.join(KNOWN)}"
