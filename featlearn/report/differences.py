"""In what several runs differ, so that their figures can be read for what they are."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from featlearn.report.tables import Table
from featlearn.report.views import RunView
from featlearn.wording import plural

_MOST = 40
_WORDS = frozenset({"title", "shows", "expect", "minutes"})
"""Keys of a recipe that change nothing."""


def differences(runs: Sequence[RunView]) -> Table:
    """List the keys of recipes, and what was computed with, that are not the same for all runs.

    Args:
        runs: The runs, in the order of the page.

    Returns:
        A row for each, a column for each run; no row where all is the same.
    """
    said = [_said(run) for run in runs]
    keys = dict.fromkeys(key for each in said for key in each)
    rows = [[key, *(each.get(key, "–") for each in said)] for key in keys]
    rows = [row for row in rows if len({*row[1:]}) > 1]
    if len(rows) > _MOST:
        more = plural(len(rows) - _MOST, "more difference")
        rows = [*rows[:_MOST], [f"and {more}", *("" for _ in runs)]]
    return Table("What differs", ["Key", *(run.folder for run in runs)], rows)


def _said(run: RunView) -> dict[str, str]:
    """Give what a run was told, by the names of the keys, and what it was computed with."""
    told = {key: value for key, value in tomllib.loads(run.recipe).items() if key not in _WORDS}
    seed = {fact.name: fact.value for fact in run.environment if fact.name == "seed"}
    rest = {
        f"computed with: {fact.name}": fact.value for fact in run.environment if fact.name != "seed"
    }
    return dict(_keys(told, "")) | seed | rest  # a recipe may leave the seed to be 0


def _keys(value: object, name: str) -> Iterator[tuple[str, str]]:
    """Name every value in nested tables, as `--set` takes it: those of lists by their `name`."""
    if isinstance(value, dict):
        for key, inner in cast("Mapping[str, object]", value).items():
            yield from _keys(inner, f"{name}.{key}" if name else key)
        return
    parts = cast("list[object]", value) if isinstance(value, list) else []
    if not parts or not all(isinstance(part, dict) for part in parts):
        yield name, str(value)
        return
    for place, part in enumerate(cast("list[dict[str, object]]", parts)):
        own = {key: inner for key, inner in part.items() if key != "name"}
        yield from _keys(own, f"{name}.{part.get('name', place)}")
