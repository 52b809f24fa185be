"""Names of the weights of GoogLeNet in torchvision, and of Inception-v4 in timm."""

from collections.abc import Callable
from re import Match

Pair = tuple[str, "str | Callable[[Match[str]], str]"]


def _convolutions(here: str, there: str) -> list[Pair]:
    """Rename a convolution and its norm; both patterns leave off before what is theirs."""
    return [
        (rf"{here}\.norm\.(?P<rest>.+)", rf"{there}.bn.\g<rest>"),
        (rf"{here}\.(?P<rest>.+)", rf"{there}.conv.\g<rest>"),
    ]


def _branch_up(found: Match[str]) -> str:
    """Count branches from 1, as GoogLeNet does there."""
    what = "bn" if found["norm"] else "conv"
    return f"{found[1]}.branch{int(found[2]) + 1}.{found[3]}.{what}.{found['rest']}"


GOOGLENET: tuple[Pair, ...] = (
    (r"(conv\d)\.filter\.(.+)", r"\1.conv.\2"),
    (r"(conv\d)\.filter_norm\.(.+)", r"\1.bn.\2"),
    *_convolutions(r"(inception\w+)\.filter\.body\.0\.0", r"\1.branch1"),
    (r"(inception\w+)\.filter\.body\.([123])\.(\d)\.(?P<norm>norm\.)?(?P<rest>.+)", _branch_up),
    (r"head\.(.+)", r"fc.\1"),
)

# Modules of Inception-v4 in which the first branch is a single convolution.
_SINGLE = "6|7|8|9|10|11|12|13|14|15|16|17|19|20|21"

INCEPTION_V4: tuple[Pair, ...] = (
    (r"features(\d+)\.filter_norm\.(.+)", r"features.\1.bn.\2"),
    (r"features([012])\.filter\.(.+)", r"features.\1.conv.\2"),
    *_convolutions(r"features3\.filter\.body\.1\.0", "features.3.conv"),
    *_convolutions(r"features5\.filter\.body\.0\.0", "features.5.conv"),
    *_convolutions(rf"features({_SINGLE})\.filter\.body\.0\.0", r"features.\1.branch0"),
    # The last modules fork again, and write that into the names.
    *_convolutions(r"features(19|20|21)\.filter\.body\.1\.0", r"features.\1.branch1_0"),
    *_convolutions(r"features(19|20|21)\.filter\.body\.1\.1\.0\.0", r"features.\1.branch1_1a"),
    *_convolutions(r"features(19|20|21)\.filter\.body\.1\.1\.1\.0", r"features.\1.branch1_1b"),
    *_convolutions(r"features(19|20|21)\.filter\.body\.2\.3\.0\.0", r"features.\1.branch2_3a"),
    *_convolutions(r"features(19|20|21)\.filter\.body\.2\.3\.1\.0", r"features.\1.branch2_3b"),
    *_convolutions(r"features(19|20|21)\.filter\.body\.2\.(\d)", r"features.\1.branch2_\2"),
    *_convolutions(r"features(\d+)\.filter\.body\.(\d)\.(\d)", r"features.\1.branch\2.\3"),
    (r"head\.(.+)", r"last_linear.\1"),
)
