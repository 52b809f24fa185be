"""Which networks there are, by name."""

from collections.abc import Callable
from functools import cache, partial
from types import MappingProxyType

from featlearn.config.architectures.architecture import Architecture
from featlearn.config.architectures.chains import alexnet, lenet5, mini_vgg, small_vgg, vgg
from featlearn.config.architectures.dense import densenet, small_densenet
from featlearn.config.architectures.inception import googlenet, inception_v4
from featlearn.config.architectures.residual import (
    mini_resnet,
    preactivated_resnet,
    resnet,
    resnext,
    small_resnet,
    small_resnet18,
    small_wide_resnet,
    wide_resnet,
)
from featlearn.errors import UsageError
from featlearn.wording import suggestion

_DEPTHS = (18, 34, 50, 101, 152)

_NETWORKS: MappingProxyType[str, Callable[[], Architecture]] = MappingProxyType(
    {
        "lenet5": lenet5,
        "alexnet": alexnet,
        **{f"vgg{depth}": partial(vgg, depth, norm=False) for depth in (11, 13, 16, 19)},
        **{f"vgg{depth}-bn": partial(vgg, depth, norm=True) for depth in (11, 13, 16, 19)},
        **{f"resnet{depth}": partial(resnet, depth) for depth in _DEPTHS},
        **{f"preact-resnet{depth}": partial(preactivated_resnet, depth) for depth in _DEPTHS},
        "resnext50": partial(resnext, 50, groups=32, width=4),
        "resnext101": partial(resnext, 101, groups=32, width=8),
        "wide-resnet50-2": partial(wide_resnet, 50, factor=2),
        "wide-resnet101-2": partial(wide_resnet, 101, factor=2),
        "wide-resnet28-10": partial(small_wide_resnet, 28, 10),
        **{f"densenet{depth}": partial(densenet, depth) for depth in (121, 169, 201)},
        "googlenet": googlenet,
        "inception-v4": inception_v4,
        "vgg-mini": mini_vgg,
        "resnet-mini": mini_resnet,
        "vgg-small": small_vgg,
        **{f"resnet{depth}": partial(small_resnet, depth) for depth in (20, 32, 56, 110)},
        "resnet18-small": small_resnet18,
        "wide-resnet16-4": partial(small_wide_resnet, 16, 4),
        "densenet100-small": partial(small_densenet, 100, 12),
    }
)

_OTHER_NAMES = MappingProxyType(
    {
        "resnext50-32x4d": "resnext50",
        "resnext101-32x8d": "resnext101",
        "wide-resnet-50-2": "wide-resnet50-2",
        "wide-resnet-101-2": "wide-resnet101-2",
        "wide-resnet-28-10": "wide-resnet28-10",
        "inceptionv4": "inception-v4",
        **{f"resnetv2-{depth}": f"preact-resnet{depth}" for depth in _DEPTHS},
    }
)


def network_names() -> tuple[str, ...]:
    """List the networks, families together, large ones before small ones."""
    return tuple(_NETWORKS)


def is_network(name: str) -> bool:
    """Tell whether a network has this name, or another library calls one so."""
    return _own_name(name) in _NETWORKS


def canonical_name(name: str) -> str:
    """Give the one name of a network that may have several, as `resnext50_32x4d` is `resnext50`.

    Raises:
        UsageError: If there is none of that name; the sentence suggests one.
    """
    own = _own_name(name)
    if own not in _NETWORKS:
        names = network_names()
        raise UsageError(
            f"no network is called {name}{suggestion(own, names)} (networks: {', '.join(names)})"
        )
    return own


@cache
def architecture(name: str) -> Architecture:
    """Give what is declared of a network.

    Raises:
        UsageError: If there is none of that name; the sentence suggests one.
    """
    return _NETWORKS[canonical_name(name)]()


def _own_name(name: str) -> str:
    """Write a name as it is written here."""
    plain = name.lower().replace("_", "-")
    return _OTHER_NAMES.get(plain, plain)
