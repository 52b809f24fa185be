"""What the face study came to, and how it is told."""

from collections.abc import Iterator

import msgspec

from featlearn.networks.formats import FORMAT
from featlearn.studies.faces.evidence import Evidence
from featlearn.studies.faces.table import Row
from featlearn.wording import count

HEADLINE = "third"
"""The regime that is like that of 2012, in which faces are moved by a third."""

REGIMES = {
    "none": "faces in the middle",
    "third": "faces moved by up to 7 % and 5°, scaled by 0.93 to 1.08",
    "full": "faces moved by up to 20 % and 15°, scaled by 0.8 to 1.25",
}
"""What each regime is, in words."""


class Regime(msgspec.Struct, frozen=True, kw_only=True):
    """All methods on scenes in which faces are moved by as much.

    Attributes:
        name: `none`, `third` or `full`.
        scenes: How many there are.
        faces: In how many there is a face.
        groups: People and pictures, which the intervals are by.
        rows: The methods.
    """

    name: str
    scenes: int
    faces: int
    groups: int
    rows: list[Row]


class FaceUnitResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the study came to, as `results.json` holds it.

    Attributes:
        out: The folder.
        seconds: Time that everything took, this time.
        regimes: The tables.
        evidence: What is known of the best unit of the headline's regime.
        published: Accuracies in [0, 1] of Le et al., ICML 2012, where they have the method.
        runs: The run directories, by their variant.
        figures: The pictures.
    """

    format: int = FORMAT
    out: str
    seconds: float
    regimes: list[Regime]
    evidence: Evidence
    published: dict[str, float]
    runs: dict[str, str]
    figures: list[str]


def markdown(result: FaceUnitResult) -> str:
    """Tell the study in Markdown: a table for each regime, then what the best unit bears."""
    lines = ["# Is there a unit for faces?", ""]
    for regime in result.regimes:
        lines += [f"## {REGIMES[regime.name].capitalize()}", ""]
        told = (
            f"{count(regime.scenes)} scenes, {count(regime.faces)} of them with a face; intervals "
            f"(95 %) by {count(regime.groups)} people and pictures. Chosen on one half of them, "
            "scored on the other, and the other way round."
        )
        lines += [told, "", "| method | accuracy, % | 95 % | best unit ahead by | 95 % | 2012, % |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [_line(row, result.published.get(row.method)) for row in regime.rows]
        lines += [""]
    return "\n".join([*lines, *_evidence(result.evidence), ""])


def _line(row: Row, published: float | None) -> str:
    """Write a row of the table."""
    cells = [
        row.method + (" (learned from labels)" if row.ceiling else ""),
        f"{100 * row.accuracy:.1f}",
        f"{100 * row.low:.1f} to {100 * row.high:.1f}",
        f"{100 * row.behind:+.1f}",
        f"{100 * row.behind_low:+.1f} to {100 * row.behind_high:+.1f}",
        "" if published is None else f"{100 * published:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _evidence(evidence: Evidence) -> Iterator[str]:
    """Write what is known of the best unit."""
    yield from (f"## The best unit, {evidence.unit}", "")
    yield "| faces changed by | half of the peak kept from | to | wanted | |"
    yield "|---|---|---|---|---|"
    for kept in evidence.invariance:
        wanted = f"{kept.wanted[0]:g} to {kept.wanted[1]:g}"
        held = "held" if kept.held else "not held"
        yield f"| {kept.kind} | {kept.low:g} | {kept.high:g} | {wanted} | {held} |"
    found = evidence.stimulus
    yield ""
    yield (
        f"Its optimal stimulus is answered by {found.value:.3g}, more than to "
        f"{found.percentile:.2f} % of {count(found.scenes)} scenes."
    )
