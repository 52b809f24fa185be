"""Specs of how the maps below become a stage's input and target."""

from typing import Literal

from featlearn.config.base import Count, KindSpec, Positive
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape

MAX_WHITENED = 8192
"""Numbers that can be whitened together: to find their axes takes 2.8 GB for a moment."""

_MEASURED = 4
"""Windows of a sample that whitening is fitted on, of all those that overlap."""

InputName = Literal["standardize", "unit", "none"]


class WhitenSpec(KindSpec, frozen=True, kw_only=True, tag="whiten"):
    """Whiten all maps together: their `keep` largest principal components, each of one scale.

    With a `size`, every window of that side is whitened by itself, all of them alike, and leaves
    its components at its place. `damping` of the mean variance of those kept is added to each, so
    that small ones are not blown up. `unit_length` gives every sample, or window, the length 1,
    so that only its direction counts.
    """

    keep: Count
    size: Count | None = None
    damping: Positive = 0.1
    unit_length: bool = False

    def together(self, below: MapShape) -> MapShape:
        """Give the shape of what is whitened together, of maps of a shape."""
        return below if self.size is None else MapShape(below.maps, self.size, self.size)

    def measured(self, below: MapShape) -> int:
        """Say how many windows of each sample are measured."""
        above = self.above(below)
        return min(above.height * above.width, _MEASURED)

    def above(self, below: MapShape) -> MapShape:
        """Give the shape of the components of maps of a shape."""
        window = self.together(below)
        rows, columns = below.height - window.height + 1, below.width - window.width + 1
        return MapShape(self.keep, rows, columns)


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
    if spec.size is not None and spec.size > min(below.height, below.width):
        raise RecipeError(
            f"stage {stage!r}: input.size {spec.size} does not fit into "
            f"{below.height}x{below.width}"
        )
    together = spec.together(below)
    if together.units > MAX_WHITENED:
        raise RecipeError(
            f"stage {stage!r}: whitening measures how every two numbers below vary together, "
            f"and {together} are {together.units}, more than {MAX_WHITENED}: pool more below, "
            'whiten windows (input.size), or set input = "standardize"'
        )
    if spec.keep > together.units:
        raise RecipeError(
            f"stage {stage!r}: input.keep must be at most {together.units}, for {together} below; "
            f"got {spec.keep}"
        )
