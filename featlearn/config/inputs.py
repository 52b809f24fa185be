"""Specs of how the maps below become a stage's input and target."""

from typing import Literal

from featlearn.config.base import Count, KindSpec, Positive
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape

MAX_WHITENED = 8192
"""Numbers that can be whitened together: to find their axes takes 2.8 GB for a moment."""

InputName = Literal["standardize", "unit", "none"]


class WhitenSpec(KindSpec, frozen=True, kw_only=True, tag="whiten"):
    """Whiten all maps together: their `keep` largest principal components, each of one scale.

    `damping` of the mean variance of those kept is added to each, so that small ones are not
    blown up. `unit_length` gives every sample the length 1, so that only its direction counts.
    """

    keep: Count
    damping: Positive = 0.1
    unit_length: bool = False


StageInput = InputName | WhitenSpec
"""A name, or a table for what has numbers of its own."""


def input_name(given: StageInput) -> str:
    """Give the name of how a stage's input is scaled, however it is spelled."""
    return given if isinstance(given, str) else str(given.__struct_config__.tag)


def check_whitening(stage: str, spec: WhitenSpec, below: MapShape) -> None:
    """Refuse more components than the maps below have, and maps too large to whiten.

    Args:
        stage: The stage's name, for the sentence.
        spec: How its input is whitened.
        below: Shape of the maps below it.

    Raises:
        RecipeError: Naming the stage.
    """
    if below.units > MAX_WHITENED:
        raise RecipeError(
            f"stage {stage!r}: whitening measures how every two numbers below vary together, "
            f"and {below} are {below.units}, more than {MAX_WHITENED}: pool more below, or "
            'set input = "standardize"'
        )
    if spec.keep > below.units:
        raise RecipeError(
            f"stage {stage!r}: input.keep must be at most {below.units}, for {below} below; "
            f"got {spec.keep}"
        )
