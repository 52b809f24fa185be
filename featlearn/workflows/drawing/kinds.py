"""The kinds of pictures: what draws each, and what it can be of."""

from collections.abc import Callable, Mapping, Sequence

from featlearn.errors import UsageError
from featlearn.wording import suggestion
from featlearn.workflows.drawing.data import draw_map, draw_neighbours
from featlearn.workflows.drawing.gabor import draw_gabor
from featlearn.workflows.drawing.heads import (
    draw_confused,
    draw_confusion,
    draw_curves,
    draw_reliability,
    draw_saliency,
)
from featlearn.workflows.drawing.network import (
    draw_filters,
    draw_projections,
    draw_reconstructions,
)
from featlearn.workflows.drawing.subject import Named, Subject
from featlearn.workflows.drawing.units import (
    draw_examples,
    draw_invariance,
    draw_stimuli,
    draw_top_images,
)

DRAWERS: Mapping[str, Callable[[Subject], Named]] = {
    "filters": draw_filters,
    "projections": draw_projections,
    "reconstructions": draw_reconstructions,
    "curves": draw_curves,
    "confusion": draw_confusion,
    "top-images": draw_top_images,
    "examples": draw_examples,
    "stimulus": draw_stimuli,
    "invariance": draw_invariance,
    "map": draw_map,
    "neighbours": draw_neighbours,
    "saliency": draw_saliency,
    "confused": draw_confused,
    "reliability": draw_reliability,
    "gabor": draw_gabor,
}
"""What draws each kind of picture."""

KINDS = tuple(DRAWERS)
"""What can be asked for."""

QUICK = KINDS[:5]
"""What is drawn if nothing is asked for: the others go through many images first."""

OF_UNITS = ("projections", "top-images", "examples", "stimulus", "invariance")
"""What can be drawn of a unit that is named."""

OF_STAGES = ("filters", *OF_UNITS, "map", "neighbours", "gabor")
"""What can be drawn of a stage that is named."""


def kinds_of(what: Sequence[str], *, stage: str | None, units: Sequence[str]) -> list[str]:
    """Choose the kinds to draw, and refuse what they cannot be of.

    Raises:
        UsageError: If a kind is unknown, or is not of a stage or of units that were named.
    """
    known = "choose from " + ", ".join(KINDS)
    for kind in what:
        if kind not in KINDS:
            raise UsageError(f"there is no picture of {kind!r}{suggestion(kind, KINDS)}; {known}")
    kinds = list(dict.fromkeys(what or QUICK))
    limits = (("--stage", stage is not None, OF_STAGES), ("--unit", bool(units), OF_UNITS))
    for option, given, takers in limits:
        if not given:
            continue
        for kind in what:
            if kind not in takers:
                raise UsageError(f"{kind} takes no {option}; it goes with {', '.join(takers)}")
        kinds = [kind for kind in kinds if kind in takers]
    return kinds
