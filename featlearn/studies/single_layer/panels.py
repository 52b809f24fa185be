"""Which cells stand beside which, in the picture of the study."""

from collections.abc import Callable, Sequence

import msgspec

from featlearn.studies.single_layer.plan import METHODS, Cell
from featlearn.studies.single_layer.results import CellResult
from featlearn.visualize.single_layer import Line
from featlearn.wording import count

_FACTORS: dict[str, tuple[str, Callable[[Cell], str]]] = {
    "features": ("features", lambda cell: count(cell.features)),
    "stride": ("stride, pixels", lambda cell: str(cell.stride)),
    "patch": ("patch, pixels", lambda cell: f"{cell.patch}"),
    "whitening": ("whitened", lambda cell: "yes" if cell.whitening else "no"),
}
"""For each factor what it is called, and how its value is written."""


def panels_of(found: Sequence[CellResult]) -> dict[str, dict[str, Line]]:
    """Arrange cells by the factor in which they differ from the first one.

    Returns:
        By the factor's name, a line for each method; of no factor was anything varied but the
        method, the number of features stands for all.
    """
    panels: dict[str, dict[str, Line]] = {}
    for factor, (name, write) in _FACTORS.items():
        alike = [each for each in found if _same(each.cell, found[0].cell, but=factor)]
        values = {getattr(each.cell, factor) for each in alike}
        if len(values) < 2:
            continue
        alike.sort(key=lambda each: getattr(each.cell, factor))
        panels[name] = _lines(alike, write)
    name, write = _FACTORS["features"]
    return panels or {name: _lines(list(found), write)}


def _same(cell: Cell, other: Cell, *, but: str) -> bool:
    """Tell whether two cells differ in a factor and in the method alone."""
    changed = {but: getattr(other, but), "method": other.method}
    return msgspec.structs.replace(cell, **changed) == other


def _lines(found: Sequence[CellResult], write: Callable[[Cell], str]) -> dict[str, Line]:
    """Make a line of each method's cells."""
    lines: dict[str, Line] = {}
    for method, name in METHODS.items():
        own = [each for each in found if each.cell.method == method]
        if own:
            lines[name] = Line(
                [write(each.cell) for each in own],
                [each.accuracy for each in own],
                [each.interval for each in own],
            )
    return lines
