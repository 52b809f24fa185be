"""What a search may try: values of a recipe's keys, as `KEY=LOW..HIGH` or `KEY=A|B|C`."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import inspect

from featlearn.config import schema
from featlearn.config.changes import Overrides, override_texts
from featlearn.config.overrides import apply_overrides, kind_at, parse_value
from featlearn.config.recipe import Recipe
from featlearn.config.tables import as_tables
from featlearn.config.validate import Problem, validate
from featlearn.errors import RecipeError, UsageError

Number = int | float
Params = Mapping[str, str]
"""A value for each key of a search, spelled as after `--set`."""

_NUMBER = r"[+-]?\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?::\s*(.*))?")
_EXAMPLES = "pretrain.optimizer.lr=1e-4..1e-1:log or pretrain.batch=32|64|128"
_DIGITS = 4


class Range(msgspec.Struct, frozen=True, kw_only=True, tag="range", tag_field="kind"):
    """Every number between two ends, both included.

    Attributes:
        key: Path of the recipe's key.
        low: The lower end.
        high: The upper end; with a step, the last number that steps from `low` reach.
        log: Whether the logarithm is drawn evenly, and not the number.
        step: Distance of the numbers; any between the ends if absent.
        whole: Whether they are whole, as the key takes no others.
    """

    key: str
    low: Number
    high: Number
    log: bool = False
    step: Number | None = None
    whole: bool = False

    @property
    def text(self) -> str:
        """Spell the range, as one is read."""
        ending = ":log" if self.log else "" if self.step is None else f":{self.step!r}"
        return f"{self.key}={self.low!r}..{self.high!r}{ending}"

    @property
    def corners(self) -> tuple[str, ...]:
        """Spell the ends."""
        return repr(self.low), repr(self.high)

    def near(self, value: Number) -> Number:
        """Round a number in the range to what a recipe can be read by, still in the range.

        That is to four digits under a logarithm, else to a ten-thousandth of the range.
        """
        if self.whole:
            return int(value)
        if self.step is not None:
            return _within(float(f"{value:.10g}"), self)
        if self.log:
            return _within(float(f"{value:.{_DIGITS}g}"), self)
        places = _DIGITS - math.floor(math.log10(self.high - self.low))
        return _within(round(float(value), places), self)


class Choices(msgspec.Struct, frozen=True, kw_only=True, tag="choices", tag_field="kind"):
    """One of some values.

    Attributes:
        key: Path of the recipe's key.
        values: The values, spelled as after `--set`.
    """

    key: str
    values: tuple[str, ...]

    @property
    def text(self) -> str:
        """Spell the choices, as they are read."""
        return f"{self.key}={'|'.join(self.values)}"

    @property
    def corners(self) -> tuple[str, ...]:
        """Spell all of them."""
        return self.values


Space = Range | Choices


def parse_spaces(recipe: Recipe, given: Overrides) -> tuple[Space, ...]:
    """Read what to search, and try every end and every choice on the recipe.

    `LOW..HIGH` is a range of whole numbers where the key takes no others, `LOW..HIGH:log`
    draws the logarithm evenly, `LOW..HIGH:STEP` takes only numbers that far apart, and
    `A|B|C` are values as after `--set`, tables and `none` too.

    Args:
        recipe: What the keys belong to; all other keys stay as they are.
        given: Spaces by key, or `KEY=SPACE` texts.

    Raises:
        UsageError: If there are none, or one does not fit the recipe; the sentence begins
            with its text.
    """
    raw = as_tables(recipe)
    found: list[Space] = []
    for text in override_texts(given):
        try:
            space = _parse(raw, text)
            _check_apart(space, found)
            _check_corners(raw, space)
        except UsageError as error:
            raise UsageError(f"{text}: {error}") from None
        found.append(space)
    if not found:
        raise UsageError(f"there is nothing to search; say what to try, as in {_EXAMPLES}")
    return tuple(found)


def with_params(recipe: Recipe, params: Params) -> Recipe:
    """Put values into a recipe.

    Raises:
        RecipeError: If they do not go together.
    """
    result = _with(as_tables(recipe), params)
    if isinstance(result, Problem):
        raise RecipeError(result.text)
    return result


def corner_params(spaces: Sequence[Space]) -> Iterator[tuple[Space, Params]]:
    """Give every end and every choice of every space, alone."""
    for space in spaces:
        for corner in space.corners:
            yield space, {space.key: corner}


def plain(text: str) -> str | int | float | bool:
    """Read a value as a number or a truth value, if it is one; else give its text.

    >>> plain("64"), plain("relu"), plain("[1, 2]")
    (64, 'relu', '[1, 2]')
    """
    value = parse_value(text)
    return value if isinstance(value, bool | int | float) else text


def _parse(raw: dict[str, object], text: str) -> Space:
    """Read one space."""
    key, found, rest = (part.strip() for part in text.partition("="))
    if not found or not key or not rest:
        raise UsageError(f"expected KEY=SPACE, such as {_EXAMPLES}")
    key = ".".join(part.strip() for part in key.split("."))
    kind = kind_at(raw, key)
    match = _RANGE.fullmatch(rest)
    if match is not None:
        return _range(key, kind, match)
    values = _alternatives(rest)
    if len(values) < 2:
        hint = "a range is LOW..HIGH, choices are A|B|C"
        if ".." in rest:
            hint = "the ends of a range are numbers, as in 1e-4..0.1 or 16..64:16"
        raise UsageError(f"{rest!r} leaves nothing to choose from; {hint}")
    if "" in values:
        raise UsageError("a choice is empty; take away the | before or after it")
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice} stands there twice")
    return Choices(key=key, values=tuple(values))


def _range(key: str, kind: inspect.Type, match: re.Match[str]) -> Range:
    """Read a range of a key of this type."""
    numbers = [
        member
        for member in schema.alternatives(kind)
        if isinstance(member, inspect.IntType | inspect.FloatType)
    ]
    if not numbers:
        raise UsageError(
            f"{key} has no range, as it must be {schema.expectation(kind)}; write choices as A|B|C"
        )
    whole = all(isinstance(member, inspect.IntType) for member in numbers)
    low, high = (_number(text, whole=whole) for text in match.groups()[:2])
    if not low < high:
        raise UsageError(f"a range goes up, and {match[1]} is not below {match[2]}")
    how = match[3]
    if how is None:
        return Range(key=key, low=low, high=high, whole=whole)
    if how.strip() == "log":
        if low <= 0:
            raise UsageError(f"a logarithm needs numbers above 0; the range begins at {match[1]}")
        return Range(key=key, low=low, high=high, log=True, whole=whole)
    return _stepped(key, low, high, how.strip(), whole=whole)


def _stepped(key: str, low: Number, high: Number, how: str, *, whole: bool) -> Range:
    """Read a range that has a step, up to the last number that steps reach."""
    if re.fullmatch(_NUMBER, how) is None:
        raise UsageError(f"behind a range stands :log or a step, as in :16; got :{how}")
    step = _number(how, whole=whole)
    if not 0 < step <= high - low:
        raise UsageError(f"a step is above 0 and no longer than the range; got {how}")
    steps = math.floor((high - low) / step + 1e-9)
    last = low + steps * step
    return Range(
        key=key,
        low=low,
        high=last if whole else float(f"{last:.10g}"),
        step=step,
        whole=whole,
    )


def _number(text: str, *, whole: bool) -> Number:
    """Read a number, a whole one where the key takes no others."""
    value = float(text)
    if not math.isfinite(value):
        raise UsageError(f"{text} is too large a number")
    if not whole:
        return value
    if not value.is_integer() or abs(value) >= 2**53:
        raise UsageError(f"it takes whole numbers; got {text}")
    return int(value)


def _alternatives(text: str) -> list[str]:
    """Divide a text at every | that is in no quotes, brackets or braces."""
    found, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
        elif character == "|" and depth == 0:
            found.append("")
            continue
        found[-1] += character
    return [part.strip() for part in found]


def _check_apart(space: Space, others: Sequence[Space]) -> None:
    """Refuse a key that is searched already, or that lies in one that is."""
    for other in others:
        if other.key == space.key:
            raise UsageError(f"{space.key} is searched already, by {other.text}")
        inner, outer = sorted((space.key, other.key), key=len, reverse=True)
        if inner.startswith(f"{outer}."):
            raise UsageError(f"{inner} lies in {outer}, and both are searched; leave one out")


def _check_corners(raw: dict[str, object], space: Space) -> None:
    """Refuse a space with an end or a choice that the recipe does not take."""
    for corner in space.corners:
        result = _with(raw, {space.key: corner})
        if isinstance(result, Problem):
            raise UsageError(result.text)


def _with(raw: dict[str, object], params: Params) -> Recipe | Problem:
    changed, _ = apply_overrides(raw, [f"{key}={value}" for key, value in params.items()])
    return validate(changed)


def _within(value: float, space: Range) -> float:
    return min(max(value, float(space.low)), float(space.high))
