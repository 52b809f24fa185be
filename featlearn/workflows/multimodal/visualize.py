"""`visualize` where a run has several modalities: pictures of each stack and of heads."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Unpack

from featlearn.config.modalities import one_modality, phase_titles
from featlearn.errors import UsageError
from featlearn.networks.multimodal_store import LoadedNet, load_multimodal
from featlearn.networks.store import LoadedStack
from featlearn.report.fusion import read_fusion
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.confusion import confusion_figure
from featlearn.visualize.curves import curves_figure, read_metrics, renamed
from featlearn.workflows.drawing.asked import Asked, DrawOptions, VisualizeResult
from featlearn.workflows.drawing.kinds import DRAWERS, KINDS, OF_STAGES
from featlearn.workflows.drawing.subject import Named, Subject

_OF_STACKS = (*OF_STAGES, "reconstructions")
_OFFERED = tuple(kind for kind in KINDS if kind in (*_OF_STACKS, "curves", "confusion"))


def visualize_modalities(path: Path, *, out: Path, **asked: Unpack[DrawOptions]) -> VisualizeResult:
    """Draw pictures of a finished run of several modalities into a folder.

    What is of stages is drawn of each modality, in files that begin with its name; confusion of
    all modalities together and of each with the others missing.

    Args:
        path: The run.
        out: Folder of the pictures; it is made if missing.
        **asked: As `featlearn.workflows.visualize.visualize` takes it; of a head there are its
            curves and its confusion.

    Raises:
        FeatlearnError: If the run, the data or what was asked for stand in the way.
    """
    wanted = Asked.of(path, out, **asked)
    for kind in wanted.kinds:
        if kind not in _OFFERED:
            raise UsageError(
                f"{kind} is drawn of runs of one stack; of several modalities, as in {path}, "
                f"choose from {', '.join(_OFFERED)}"
            )
    run = wanted.run
    loaded = load_multimodal(run.path)
    places = _places(loaded, wanted.stage, wanted.units)
    wanted.check_apart(each.data.source for each in loaded.recipe.modalities)
    loaded.net.to(wanted.device)
    subjects = {loaded.net.names[place]: wanted.subject(_stack(loaded, place)) for place in places}
    drawers = {
        kind: partial(_of_each, kind, subjects) for kind in wanted.kinds if kind in _OF_STACKS
    }
    if "curves" in wanted.kinds:
        drawers["curves"] = partial(_curves, run, phase_titles(loaded.recipe), wanted.head)
    if "confusion" in wanted.kinds:
        drawers["confusion"] = partial(_confusion, run, wanted.head)
    return wanted.draw(drawers, offered=_OFFERED)


def _places(loaded: LoadedNet, stage: str | None, units: Sequence[str]) -> Sequence[int]:
    """Choose the modalities that are drawn: that of the stage, or all.

    Raises:
        UsageError: If none has the stage, or units are named and no stage.
    """
    every = range(len(loaded.net.names))
    stages = {name: place for place in every for name in loaded.net.stack(place).names}
    known = ", ".join(phase_titles(loaded.recipe).values())
    if stage is None:
        if units:
            raise UsageError(f"name the stage of --unit with --stage; there are {known}")
        return every
    if stage not in stages:
        raise UsageError(f"there is no stage {stage!r} in any modality; there are {known}")
    return [stages[stage]]


def _stack(loaded: LoadedNet, place: int) -> LoadedStack:
    """Give the stack of one modality as that of a run of its own."""
    return LoadedStack(loaded.net.stack(place), one_modality(loaded.recipe, place), {})


def _of_each(kind: str, subjects: dict[str, Subject]) -> Named:
    """Draw a kind of picture of each modality."""
    for name, subject in subjects.items():
        for file, figure in DRAWERS[kind](subject):
            yield f"{name}-{file}", figure


def _curves(run: RunDirectory, titles: Mapping[str, str], head: str | None) -> Named:
    """Draw the losses of the run, each stage with its modality, or of a head."""
    if head is None:
        metrics = read_metrics(run.metrics_file)
        yield "curves", curves_figure(renamed(metrics, titles))
        return
    name, folder = run.open_head(head)
    yield f"{name}-curves", curves_figure(read_metrics(folder.metrics_file))


def _confusion(run: RunDirectory, head: str | None) -> Named:
    """Draw the confusion matrices of a head: of pairs, and of each modality by itself."""
    name, folder = run.open_head(head)
    if not folder.evaluation_file.exists():
        raise UsageError(
            f"head {name!r} has no figures yet; run "
            f"`featlearn evaluate {run.path} --head {name}` first"
        )
    found = read_fusion(folder)
    parts = {"": ("pair", found.together)}
    parts |= {f"-{modality}": ("sample", each) for modality, each in found.alone.items()}
    for which, (noun, each) in parts.items():
        title = f"{which[1:]} only" if which else name
        figure = confusion_figure(each.confusion, each.classes, name=title, noun=noun)
        yield f"{name}{which}-confusion", figure
