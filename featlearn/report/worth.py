"""What a run was worth, in sentences: as labels judged it, or what would measure it."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from featlearn.report.views import HeadView, SweepView
from featlearn.report.words import names_only
from featlearn.wording import plural


class Measurable(NamedTuple):
    """What could be measured of a run.

    Attributes:
        call: How commands name the run.
        labelled: Whether its data have labels; `None` where they could not be read.
        single: What its best single units are, in a sentence; empty if that was not measured.
        untested: Why it was not, if there is a reason beyond that nobody asked.
        several: Whether it is of several modalities, whose single units are not tested.
    """

    call: str
    labelled: bool | None = None
    single: str = ""
    untested: str = ""
    several: bool = False


def call_of(run: Path) -> str:
    """Name a run as a command takes it from here, quoted for a shell.

    Of a run outside the current folder only its own name is said, as everywhere in the page:
    it may be shown to others.
    """
    path = run
    if path.is_absolute():
        here = Path.cwd()
        path = path.relative_to(here) if path.is_relative_to(here) else Path(path.name)
    return shlex.quote(str(path))


def worth(
    heads: Sequence[HeadView], sweeps: Sequence[SweepView], measurable: Measurable
) -> list[str]:
    """Say what a run was worth where labels judged it, and what would say more."""
    judged = _heads(heads, sweeps)
    said = [*judged, measurable.single, _unmeasured_units(measurable)]
    said.append("" if judged else _unmeasured_heads(heads, measurable))
    known = bool(judged or measurable.single)
    return [*([] if known else ["Not measured."]), *filter(None, said)]


def _heads(heads: Sequence[HeadView], sweeps: Sequence[SweepView]) -> list[str]:
    """Say what heads came to: the best classification, and all of other kinds."""
    said = [
        f"Head {head.name}: {head.error} on {head.images} images."
        for head in heads
        if head.evaluation is not None and head.share is None
    ]
    judged = [head for head in heads if head.share is not None]
    ours = [head for head in judged if not head.scratch]
    if ours:
        return [_best(ours, [head for head in judged if head.scratch]), *said]
    if sweeps:
        said.append(f"Measured over numbers of labels, in {plural(len(sweeps), 'sweep')} below.")
    return said


def _best(ours: Sequence[HeadView], controls: Sequence[HeadView]) -> str:
    """Give the least error, beside that from random weights."""
    best = min(ours, key=lambda head: head.share or 0.0)
    among = f", the least of {len(ours)} heads" if len(ours) > 1 else ""
    text = f"Test error {best.error} ({best.interval}){among}: {best.words}."
    text += f" {best.parts}" if best.parts else ""
    if controls:
        control = min(controls, key=lambda head: head.share or 0.0)
        text += f" From random weights {control.error}: {control.words}."
    return text


def _unmeasured_units(measurable: Measurable) -> str:
    """Say what would test single units, unless they were."""
    call = measurable.call
    if measurable.single or measurable.several:
        return ""
    why = f" ({names_only(measurable.untested)})" if measurable.untested else ""
    if measurable.labelled is None:
        return (
            f"Single units were not tested{why}: where the data are at hand and have labels, "
            f"`featlearn evaluate {call} --units` does that."
        )
    if not measurable.labelled:
        return (
            "The data have no labels: labelled images of your own, SRC, would tell, with "
            f"`featlearn evaluate {call} SRC --units`."
        )
    return (
        f"Single units were not tested{why}: `featlearn evaluate {call} --units` finds the best "
        "one for each class, beside controls."
    )


def _unmeasured_heads(heads: Sequence[HeadView], measurable: Measurable) -> str:
    """Say what would measure a head, unless the data have no labels for one."""
    call = measurable.call
    waiting = [head.name for head in heads if head.evaluation is None]
    if waiting:
        return (
            f"Head {waiting[0]} was not judged: `featlearn evaluate {call} --head {waiting[0]}` "
            "does that."
        )
    if heads or measurable.labelled is False:
        return ""
    where = "" if measurable.labelled else ", where the data have labels"
    return (
        f"No head was trained on it: `featlearn finetune {call}` does that{where}, and "
        f"`featlearn evaluate {call}` measures it."
    )
