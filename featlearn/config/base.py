"""What every part of a recipe has in common."""

from typing import Annotated, Literal

import msgspec


class Spec(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """A frozen part of a recipe: unknown keys are refused, defaults not written."""


class KindSpec(Spec, frozen=True, kw_only=True, tag_field="kind"):
    """A part of which there are several kinds, told apart by the key `kind`."""


Count = Annotated[int, msgspec.Meta(ge=1)]
"""A whole number of at least 1."""

NonNegativeInt = Annotated[int, msgspec.Meta(ge=0)]
"""A whole number of at least 0."""

Positive = Annotated[float, msgspec.Meta(gt=0)]
"""A number above 0."""

NonNegative = Annotated[float, msgspec.Meta(ge=0)]
"""A number of at least 0."""

Fraction = Annotated[float, msgspec.Meta(ge=0, lt=1)]
"""A number in [0, 1)."""

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""A number in [0, 1]."""

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")]
"""A name that is also a file name and a key: letters, digits, `_` and `-`."""

Border = Literal["valid", "same"] | NonNegativeInt
"""What is added around maps: `valid` nothing, `same` what keeps their size, a number that many."""
