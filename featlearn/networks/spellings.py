"""How names of a network's weights may be written in a file: here, and in other libraries."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from featlearn.config.architectures.catalogue import architecture
from featlearn.networks.keys.names import HEAD, renamed, rules_of

COUNTS = ".num_batches_tracked"
"""How often batch statistics were followed: nothing depends on it, and older files lack it."""

_FIXED = re.compile(r"(.+\.)?scaler\.(centre|scale)")
"""How inputs are scaled here, which other libraries do not know."""

_PREPARED = re.compile(r"(stack\.)?(preprocess\..+)")
"""What prepares images here, which may have been fitted to some."""

_LAST = (f"{HEAD}.", "scaler.")
"""How names of the last layer begin here, and those of the scaling before it."""


class Known(NamedTuple):
    """A weight here, and what it is called in a file."""

    own: str
    there: str


class Spelling(NamedTuple):
    """One way of writing names.

    Attributes:
        said: Which way it is, to end "a state dict of resnet18 …".
        name_of: Gives the name in a file of a weight by the name of its stage, or of `head`; none
            where such files do not have the weight.
        last: How names of the last layer begin.
    """

    said: str
    name_of: Callable[[str], str | None]
    last: tuple[str, ...]

    def known(
        self, own: Iterable[str], given: Collection[str], *, head: bool
    ) -> tuple[list[Known], list[str]]:
        """Pair the names here with those of a file, and list those of which it says nothing.

        Args:
            own: Names here, which begin with that of a stage, or `head`.
            given: Names in the file.
            head: Whether the last layer is wanted.
        """
        prepared = any(_PREPARED.fullmatch(name) for name in given)
        known: list[Known] = []
        kept: list[str] = []
        for key in own:
            there = self.name_of(key)
            aside = not prepared and _PREPARED.fullmatch(key) is not None
            if there is None or aside or (not head and key.startswith(_LAST)):
                kept.append(key)
            else:
                known.append(Known(key, there))
        return known, kept


def spellings_of(name: str) -> tuple[Spelling, ...]:
    """Give the ways in which files write names of a network, the published one first.

    They are those of the library that publishes its weights, the names of its stages, those of a
    run's `model.safetensors`, and those of the `state_dict` that `load_network` gives and of heads.

    Args:
        name: Of the network.
    """
    declared = architecture(name)
    rules = rules_of(name, declared)
    stages = [stage.name for stage in declared.stages]
    here = "in the names that its weights have here"
    own = (
        Spelling(here, str, _LAST),
        Spelling(here, lambda key: _placed(key, stages, ""), ("layers.", "scaler.")),
        Spelling(here, lambda key: _placed(key, stages, "stack."), ("layers.", "scaler.")),
    )
    if not rules:
        return own

    def published(key: str) -> str | None:
        if _FIXED.fullmatch(key) or _PREPARED.fullmatch(key):
            return None
        there = renamed(key, rules)
        assert there is not None, f"no rule says what {key} is called elsewhere"
        return there

    last = (renamed(f"{HEAD}.weight", rules) or "").removesuffix("weight")
    return (Spelling(f"in {declared.keys}'s names", published, (last,)), *own)


def closest_spelling(name: str, own: Sequence[str], given: Collection[str]) -> Spelling:
    """Give the way of writing names that most of a file's names are written in.

    Args:
        name: Of the network.
        own: Names here, which begin with that of a stage, or `head`.
        given: Names in the file.
    """

    def shared(spelling: Spelling) -> int:
        return len({spelling.name_of(key) for key in own} & set(given))

    return max(spellings_of(name), key=shared)


def _placed(key: str, stages: Sequence[str], prefix: str) -> str:
    """Write the place of a stage for its name, and `layers.0` for the last layer."""
    start, _, rest = key.partition(".")
    if start in stages:
        return f"{prefix}stages.{stages.index(start)}.{rest}"
    if start == HEAD:
        return f"layers.0.{rest}"
    prepared = _PREPARED.fullmatch(key)
    return key if prepared is None else f"{prefix}{prepared[2]}"
