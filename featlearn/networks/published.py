"""Published weights: state dicts in torchvision's or timm's names, from safetensors files."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.config.architectures.catalogue import architecture, canonical_name
from featlearn.errors import CheckpointError
from featlearn.networks.keys.names import HEAD, Rule, renamed, rules_of
from featlearn.networks.store import read_tensors

_COUNTS = ".num_batches_tracked"
"""How often batch statistics were followed: nothing depends on it, and older files lack it."""

_FIXED = re.compile(r"(.+\.)?scaler\.(centre|scale)")
"""How inputs are scaled here, which published networks do not know."""

_AUXILIARY = re.compile(r"aux\d\..+")
"""Heads that GoogLeNet has beside its own while it learns."""


class _Known(NamedTuple):
    """A weight here, and what it is called in a file."""

    own: str
    there: str


def published_state(
    path: Path | str, name: str, own: Mapping[str, Tensor], *, head: bool
) -> dict[str, Tensor]:
    """Read published weights under the names that they have here.

    Args:
        path: A safetensors file that holds a state dict of the network in torchvision's or
            timm's names; in those that weights have here, for a network that neither has.
        name: Of the network.
        own: The network's state as it is, by names that begin with that of a stage, or `head`.
        head: Whether the last layer is wanted; otherwise it may be anything, or not be there.

    Returns:
        Tensors by the names of `own`, all of them, in the shapes and precision of `own`.

    Raises:
        CheckpointError: If the file is none, or a weight is missing, is one too many or has
            another shape; the sentence names it.
        UsageError: If there is no network of that name.
    """
    path, name = Path(path), canonical_name(name)
    given = read_tensors(path)
    rules = rules_of(name, architecture(name))
    known, kept = _known(own, rules, head=head)
    _check_names(path, name, given, known, rules, head=head)
    state = {key: own[key] for key in kept}
    for key, there in known:
        if there in given:
            state[key] = _shaped(path, name, there, given[there], own[key])
        else:
            state[key] = torch.zeros_like(own[key])
    return state


def _known(
    own: Mapping[str, Tensor], rules: Sequence[Rule], *, head: bool
) -> tuple[list[_Known], list[str]]:
    """Pair the names here with those of a file, and list those of which it says nothing."""
    known: list[_Known] = []
    kept: list[str] = []
    for key in own:
        there = renamed(key, rules) if rules else key
        fixed = _FIXED.fullmatch(key) is not None and bool(rules)
        left_out = not head and key.startswith(f"{HEAD}.")
        if fixed or left_out:
            kept.append(key)
            continue
        assert there is not None, f"no rule says what {key} is called elsewhere"
        known.append(_Known(key, there))
    return known, kept


def _check_names(
    path: Path,
    name: str,
    given: Mapping[str, Tensor],
    known: Sequence[_Known],
    rules: Sequence[Rule],
    *,
    head: bool,
) -> None:
    """Refuse a file whose names are not those of the network."""
    wanted = {there for _, there in known}
    missing = [there for _, there in known if there not in given and not there.endswith(_COUNTS)]
    last = (renamed(f"{HEAD}.weight", rules) or f"{HEAD}.weight").removesuffix("weight")
    extra = [
        there
        for there in given
        if there not in wanted
        and _AUXILIARY.fullmatch(there) is None
        and not there.endswith(_COUNTS)
        and (head or not there.startswith(last))
    ]
    if not missing and not extra:
        return
    whose = architecture(name).keys
    names = f"in {whose}'s names" if whose else "in the names that its weights have here"
    found = [
        f"{verb} {keys[0]!r}{_more(len(keys) - 1)}"
        for verb, keys in (("lacks", missing), ("has", extra))
        if keys
    ]
    many = " too many" if extra and not missing else ""
    raise CheckpointError(
        f"{path} is no state dict of {name} {names}: it {' and '.join(found)}{many}"
    )


def _more(count: int) -> str:
    """Say how many names there are beyond the one that was named."""
    return f" and {count} more" if count else ""


def _shaped(path: Path, name: str, there: str, given: Tensor, own: Tensor) -> Tensor:
    """Give a weight the shape that it has here: a matrix may be a bank of filters, and back."""
    same = given.shape == own.shape
    matrix = given.numel() == own.numel() and given.shape[:1] == own.shape[:1]
    flat = given.ndim == 2 or own.ndim == 2
    if not same and not (matrix and flat):
        raise CheckpointError(
            f"{path}: {there!r} has the shape {tuple(given.shape)}, but {name} here takes "
            f"{tuple(own.shape)}"
        )
    if not given.is_floating_point() and own.is_floating_point():
        raise CheckpointError(f"{path}: {there!r} holds {given.dtype}, and no floating numbers")
    return given.reshape(own.shape).to(own.dtype)
