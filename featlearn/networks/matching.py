"""How the names and shapes in a file of weights compare with those of a network."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from featlearn.networks.spellings import COUNTS, Known, Spelling

_AUXILIARY = re.compile(r"aux\d\..+")
"""Heads that GoogLeNet has beside its own while it learns."""


class Match(NamedTuple):
    """How a file compares with a network: names that differ, in the file's spelling."""

    known: list[Known]
    kept: list[str]
    missing: list[str]
    extra: list[str]
    misshapen: list[Known]

    @property
    def fits(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.extra or self.misshapen)


def matched(
    own: Mapping[str, Tensor], given: Mapping[str, Tensor], spelling: Spelling, *, head: bool
) -> Match:
    """Compare the names and shapes of a file with those of a network."""
    known, kept = spelling.known(own, given, head=head)
    wanted = {there for _, there in known}
    extra = [
        there
        for there in given
        if there not in wanted
        and _AUXILIARY.fullmatch(there) is None
        and not there.endswith(COUNTS)
        and (head or not there.startswith(spelling.last))
    ]
    return Match(
        known,
        kept,
        [there for _, there in known if there not in given and not there.endswith(COUNTS)],
        extra,
        [
            pair
            for pair in known
            if pair.there in given and not _can_be(given[pair.there], own[pair.own])
        ],
    )


def _can_be(given: Tensor, own: Tensor) -> bool:
    """Tell whether a weight has the shape of one here: a matrix may be a bank of filters."""
    if not given.is_floating_point() and own.is_floating_point():
        return False
    matrix = given.numel() == own.numel() and given.shape[:1] == own.shape[:1]
    return given.shape == own.shape or (matrix and 2 in (given.ndim, own.ndim))
