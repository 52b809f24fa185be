"""From the names of a network's weights here to those in torchvision or timm."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from featlearn.config.architectures.architecture import Architecture
from featlearn.config.stages import StageSpec
from featlearn.networks.keys.inception import GOOGLENET, INCEPTION_V4

Replacement = str | Callable[[re.Match[str]], str]


class Rule(NamedTuple):
    """A pattern that a whole name must match, and what it becomes."""

    pattern: str
    becomes: Replacement


HEAD = "head"
"""What the last layer is called here."""

_ALEXNET = {"conv1": 0, "conv2": 3, "conv3": 6, "conv4": 8, "conv5": 10}
_BLOCK = r"(layer\d)\.filter\.body\.(\d+)"

_RESNET = (
    Rule(r"conv1\.filter\.(.+)", r"conv1.\1"),
    Rule(r"conv1\.filter_norm\.(.+)", r"bn1.\1"),
    Rule(_BLOCK + r"\.sum\.main\.conv(\d)\.norm\.(.+)", r"\1.\2.bn\3.\4"),
    Rule(_BLOCK + r"\.sum\.main\.conv(\d)\.(.+)", r"\1.\2.conv\3.\4"),
    Rule(_BLOCK + r"\.sum\.shortcut\.conv\.norm\.(.+)", r"\1.\2.downsample.1.\3"),
    Rule(_BLOCK + r"\.sum\.shortcut\.conv\.(.+)", r"\1.\2.downsample.0.\3"),
    Rule(r"head\.(.+)", r"fc.\1"),
)

_DENSENET = (
    Rule(r"conv0\.filter\.(.+)", r"features.conv0.\1"),
    Rule(r"conv0\.filter_norm\.(.+)", r"features.norm0.\1"),
    *(
        Rule(
            rf"block(\d)\.filter\.body\.layer(\d+)\.added\.{here}\.(.+)",
            rf"features.denseblock\1.denselayer\2.{there}.\3",
        )
        for here, there in (
            (r"norm\.norm", "norm1"),
            (r"conv1\.norm", "norm2"),
            ("conv1", "conv1"),
            ("conv2", "conv2"),
        )
    ),
    Rule(r"transition(\d)\.filter\.body\.0\.norm\.(.+)", r"features.transition\1.norm.\2"),
    Rule(r"transition(\d)\.filter\.body\.2\.(.+)", r"features.transition\1.conv.\2"),
    Rule(r"norm\.filter\.body\.0\.norm\.(.+)", r"features.norm5.\1"),
    Rule(r"head\.(.+)", r"classifier.\1"),
)


def _preactivated(rest: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
    """Begin a name in timm's `resnetv2`, whose stages are counted from 0."""
    return lambda found: f"stages.{int(found[1]) - 1}.blocks.{found[2]}.{rest(found)}"


_PREACTIVATED_BLOCK = r"layer(\d)\.filter\.body\.(\d+)"
_PREACT_RESNET = (
    Rule(r"stem\.filter\.(.+)", r"stem.conv.\1"),
    Rule(
        _PREACTIVATED_BLOCK + r"(?:\.sum\.main)?\.norm\.norm\.(.+)",
        _preactivated(lambda found: f"norm1.{found[3]}"),
    ),
    Rule(
        _PREACTIVATED_BLOCK + r"\.sum\.main\.conv(\d)\.norm\.(.+)",
        _preactivated(lambda found: f"norm{int(found[3]) + 1}.{found[4]}"),
    ),
    Rule(
        _PREACTIVATED_BLOCK + r"\.sum\.main\.conv(\d)\.(.+)",
        _preactivated(lambda found: f"conv{found[3]}.{found[4]}"),
    ),
    Rule(
        _PREACTIVATED_BLOCK + r"\.sum\.shortcut\.conv\.(.+)",
        _preactivated(lambda found: f"downsample.conv.{found[3]}"),
    ),
    Rule(r"norm\.filter\.body\.0\.norm\.(.+)", r"norm.\1"),
    Rule(r"head\.(.+)", r"head.fc.\1"),
)


def rules_of(name: str, declared: Architecture) -> tuple[Rule, ...]:
    """Give the rules by which the weights of a network are renamed.

    Args:
        name: Of the network.
        declared: What is declared of it.

    Returns:
        None for a network whose weights nobody publishes under names of their own.
    """
    if not declared.keys:
        return ()
    if name == "alexnet":
        return _numbered(_ALEXNET, classifier=(1, 4, 6))
    if name.startswith("vgg"):
        return _numbered(_places(declared.stages), classifier=(0, 3, 6))
    if name.startswith("preact"):
        return _PREACT_RESNET
    if name.startswith("densenet"):
        return _DENSENET
    if name == "googlenet":
        return tuple(Rule(*rule) for rule in GOOGLENET)
    if name == "inception-v4":
        return tuple(Rule(*rule) for rule in INCEPTION_V4)
    return _RESNET


def renamed(name: str, rules: Sequence[Rule]) -> str | None:
    """Give what a weight is called elsewhere; `None` if it is no part of what is published.

    Args:
        name: As it is called here, the name of its stage, or `head`, first.
        rules: What applies first counts.
    """
    for rule in rules:
        found = re.fullmatch(rule.pattern, name)
        if found is not None:
            return (
                found.expand(rule.becomes) if isinstance(rule.becomes, str) else rule.becomes(found)
            )
    return None


def _places(stages: Sequence[StageSpec]) -> dict[str, int]:
    """Count the places of convolutions among torchvision's layers, relus and pools among them."""
    places: dict[str, int] = {}
    place = 0
    for stage in stages:
        if not stage.name.startswith("conv"):
            continue
        places[stage.name] = place
        normed = getattr(stage.filter, "norm", None) is not None
        place += 2 + normed + (stage.pool is not None)
    return places


def _numbered(places: dict[str, int], classifier: tuple[int, int, int]) -> tuple[Rule, ...]:
    """Make rules for torchvision's chains, which know layers by their places."""
    rules: list[Rule] = []
    for stage, place in places.items():
        rules.append(Rule(rf"{stage}\.filter\.(.+)", rf"features.{place}.\1"))
        rules.append(Rule(rf"{stage}\.filter_norm\.(.+)", rf"features.{place + 1}.\1"))
    dense = zip((r"fc6\.filter", r"fc7\.filter", HEAD), classifier, strict=True)
    return (*rules, *(Rule(rf"{own}\.(.+)", rf"classifier.{place}.\1") for own, place in dense))
