"""Weights of networks from safetensors files, in the names of here or of other libraries."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from featlearn.config.architectures.catalogue import architecture, canonical_name, network_names
from featlearn.config.named import network_recipe
from featlearn.errors import CheckpointError
from featlearn.networks.matching import Match, matched
from featlearn.networks.spellings import Spelling, closest_spelling, spellings_of
from featlearn.networks.stack import build_stack
from featlearn.networks.stage_names import by_stage_names
from featlearn.networks.store import read_tensors


def published_state(
    path: Path | str,
    name: str,
    own: Mapping[str, Tensor],
    *,
    head: bool,
    asked: str = "wanted is",
) -> dict[str, Tensor]:
    """Read weights of a network under the names that they have here.

    Args:
        path: A safetensors file that holds a state dict of the network: in torchvision's or
            timm's names, in those of its stages, or as this package writes it, of the network
            (`load_network(…).state_dict()`, a head) or of the stack of a run.
        name: Of the network.
        own: The network's state as it is, by names that begin with that of a stage, or `head`.
        head: Whether the last layer is wanted; otherwise it may be anything, or not be there.
        asked: Who wants this network, to be read before its name where the file is of another.

    Returns:
        Tensors by the names of `own`, all of them, in the shapes and precision of `own`.

    Raises:
        CheckpointError: If the file is none, is of another network, or a weight is missing, is
            one too many or has another shape; the sentence names it.
        UsageError: If there is no network of that name.
    """
    given, match = _checked(Path(path), name, own, head=head, asked=asked)
    state = {key: own[key] for key in match.kept}
    for key, there in match.known:
        if there in given:
            state[key] = given[there].reshape(own[key].shape).to(own[key].dtype)
        else:
            state[key] = torch.zeros_like(own[key])
    return state


def check_published(
    path: Path | str, name: str, own: Mapping[str, Tensor], *, shapes: bool, asked: str
) -> None:
    """Refuse a file from which `published_state` could not be read, its last layer aside.

    Args:
        path: The file.
        name: Of the network.
        own: The network's state, or its names and shapes on PyTorch's device `meta`.
        shapes: Whether shapes count; dense ones follow the size of images.
        asked: Who wants this network.

    Raises:
        CheckpointError: As `published_state`.
        UsageError: If there is no network of that name.
    """
    _checked(Path(path), name, own, head=False, asked=asked, shapes=shapes)


def networks_of(given: Mapping[str, Tensor]) -> list[str]:
    """Name the networks that have weights of these names and shapes, last layers left out."""
    return [
        name
        for name in network_names()
        if any(
            matched(_blank_state(name), given, spelling, head=False).fits
            for spelling in spellings_of(name)
        )
    ]


def _checked(
    path: Path,
    name: str,
    own: Mapping[str, Tensor],
    *,
    head: bool,
    asked: str,
    shapes: bool = True,
) -> tuple[dict[str, Tensor], Match]:
    """Read a file, and compare it with a network."""
    name = canonical_name(name)
    given = read_tensors(path)
    spelling = closest_spelling(name, list(own), given)
    match = matched(own, given, spelling, head=head)
    if not shapes:
        match = match._replace(misshapen=[])
    if match.fits:
        return given, match
    others = networks_of(given)
    if others and name not in others:
        raise CheckpointError(f"{path}: these are weights of {' or '.join(others)}; {asked} {name}")
    headless = not any(there.startswith(spelling.last) for there in given)
    if head and headless and matched(own, given, spelling, head=False).fits:
        raise CheckpointError(
            f"{path} holds {name} without a last layer: say for how many `classes` it is to "
            "begin anew"
        )
    raise CheckpointError(f"{path}{_said(match, name, own, given, spelling)}")


def _said(
    match: Match,
    name: str,
    own: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    spelling: Spelling,
) -> str:
    """Say what does not fit, after the name of the file: one weight of each kind, and how many."""
    missing, extra, misshapen = match.missing, match.extra, match.misshapen
    if not missing and not extra:
        key, there = misshapen[0]
        found, others = given[there], len(misshapen) - 1
        more = f" (and {others} more)" if others else ""
        if not found.is_floating_point() and own[key].is_floating_point():
            return f": {there!r} holds {found.dtype}, and no floating numbers{more}"
        return (
            f": {there!r} has the shape {tuple(found.shape)}, but {name} here takes "
            f"{tuple(own[key].shape)}{more}"
        )
    parts = [
        f"{verb} {keys[0]!r}{_more(len(keys) - 1)}"
        for verb, keys in (("lacks", missing), ("has", extra))
        if keys
    ]
    many = " too many" if extra and not missing else ""
    return f" is no state dict of {name} {spelling.said}: it {' and '.join(parts)}{many}"


def _more(count: int) -> str:
    """Say how many names there are beyond the one that was named."""
    return f" and {count} more" if count else ""


@cache
def _blank_state(name: str) -> dict[str, Tensor]:
    """Give the state of a network as published, in names and shapes only."""
    with torch.device("meta"):
        stack = build_stack(network_recipe(name), architecture(name).input, seed=0)
    return by_stage_names(stack, stack.state_dict())
