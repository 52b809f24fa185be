"""Looking for stimuli that are smooth, and borne under small shifts: what people can recognise."""

import msgspec

from featlearn.evaluate.ascent import Search
from featlearn.evaluate.projection import Unit
from featlearn.evaluate.units import receptive_window
from featlearn.networks.stack import Stack

SMOOTH = Search(smoothing=1.2, total_variation=0.4, jitter=2)
"""What the face unit was looked at with; without priors the best input is mostly noise, and
another one from every start."""

_SMOOTHED = 10
_SHIFTED = 16
"""Into how many of such a smoothing, and of such a shift, what a unit sees is to be divided, at
least: by more, a unit that sees little would be shown nothing that it answers to."""


def smooth_search(stack: Stack, index: int, unit: Unit, *, base: Search = SMOOTH) -> Search:
    """Ask for what is smooth: by less where a unit sees little, and not at all in no plane.

    Args:
        stack: The network.
        index: Place of the unit's stage.
        unit: `(map, row, column)`; others of its stage see as much, save at the border.
        base: How to look where a unit sees 32 pixels or more.
    """
    steps = stack.preparation
    prepared = steps[-1].output_shape if steps else stack.input_shape
    if base.space == "prepared" and prepared[1:] == (1, 1):
        return msgspec.structs.replace(base, smoothing=0.0, total_variation=0.0, jitter=0)
    window = receptive_window(stack, index, unit)
    seen = min(window.height, window.width, *stack.input_shape[1:])
    return msgspec.structs.replace(
        base,
        smoothing=min(base.smoothing, seen / _SMOOTHED),
        jitter=min(base.jitter, seen // _SHIFTED),
    )


def prior_words(search: Search) -> str:
    """Say what was asked of stimuli beside a strong response; empty where that was nothing."""
    smooth: list[str] = []
    if search.smoothing:
        smooth.append(f"a Gaussian of {search.smoothing:g}\u00a0px")
    if search.total_variation:
        smooth.append(f"a total variation that counts {search.total_variation:g} of the response")
    said = [f"kept smooth by {' and '.join(smooth)}"] if smooth else []
    if search.jitter:
        said.append(f"borne under shifts of up to {search.jitter}\u00a0px")
    return ", ".join(said)
