"""`visualize`: pictures of a run as files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from featlearn.errors import FeatlearnError, UsageError
from featlearn.networks.store import load_stack
from featlearn.training.device import pick_device, use_threads
from featlearn.training.progress import Progress
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.style import save_figure
from featlearn.wording import suggestion
from featlearn.workflows.drawing.data import draw_map, draw_neighbours
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
from featlearn.workflows.outputs import FIGURES, check_apart

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
}
"""What draws each kind of picture."""

KINDS = tuple(DRAWERS)
"""What can be asked for."""

QUICK = KINDS[:5]
"""What is drawn if nothing is asked for: the others go through many images first."""

_OF_UNITS = ("projections", "top-images", "examples", "stimulus", "invariance")
OF_STAGES = ("filters", *_OF_UNITS, "map", "neighbours")
"""What can be drawn of a stage that is named."""


class VisualizeResult(msgspec.Struct, frozen=True, kw_only=True):
    """The files that were written.

    Attributes:
        files: Their paths.
        left_out: Why a kind that nobody named is missing.
        beyond: The kinds that are drawn only where they are named, if none was.
    """

    files: list[str]
    left_out: dict[str, str]
    beyond: list[str]


def visualize(
    path: Path,
    *,
    out: Path,
    root: Path | None = None,
    what: Sequence[str] = (),
    stage: str | None = None,
    units: Sequence[str] = (),
    head: str | None = None,
    images: int | None = None,
    form: str = "png",
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> VisualizeResult:
    """Draw pictures of a finished run into a folder.

    Args:
        path: The run.
        out: Folder of the pictures; it is made if missing.
        root: Where data sets are (see `find_root`).
        what: Any of `KINDS`; all of `QUICK` that there is, if empty.
        stage: Name of a stage, or its number from 1; if absent all stages, or the last
            where units are named, and for `stimulus`, `invariance` and `map`.
        units: Names of units, as `featlearn.evaluate.units.find_unit` takes them; those that
            answer most if empty.
        head: Whose curves, mistakes and saliency to draw; the run's own curves, and the only
            head's mistakes and saliency, if absent.
        images: How many training images to look at, at most, where a kind needs them.
        form: Ending of the files: `png`, `svg` or `pdf`.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        progress: Told how many images were gone through.

    Raises:
        FeatlearnError: If the run, the data or what was asked for stand in the way.
    """
    kinds = kinds_of(what, stage=stage, units=units)
    check_asked(form, images)
    run = RunDirectory.open(path)
    chosen = pick_device(device)
    use_threads(threads)
    loaded = load_stack(run.path)
    if not out.resolve().is_relative_to(run.path.resolve()):  # where no images are
        check_apart(out / f"picture.{form}", source=loaded.recipe.data.source, root=root)
    loaded.stack.to(chosen).eval()
    subject = Subject(
        run,
        loaded,
        device=chosen,
        root=root,
        head=head,
        stage=stage,
        units=units,
        images=images,
        progress=progress,
    )
    return draw_all(
        {kind: lambda kind=kind: DRAWERS[kind](subject) for kind in kinds},
        out=out,
        form=form,
        what=what,
        offered=KINDS,
    )


def draw_all(
    drawers: Mapping[str, Callable[[], Named]],
    *,
    out: Path,
    form: str,
    what: Sequence[str],
    offered: Sequence[str],
) -> VisualizeResult:
    """Write what each kind draws.

    Args:
        drawers: By kind, what draws it.
        out: Folder of the pictures.
        form: Ending of the files.
        what: The kinds that were named: one of them that cannot be drawn is an error, another
            is left out.
        offered: The kinds that could have been named.

    Raises:
        FeatlearnError: If a kind that was named cannot be drawn.
    """
    files: list[str] = []
    left_out: dict[str, str] = {}
    for kind, draw in drawers.items():
        try:
            for name, figure in draw():
                file = out / f"{name}.{form}"
                save_figure(figure, file)
                files.append(str(file))
        except FeatlearnError as error:
            if what:
                raise
            left_out[kind] = str(error)
    beyond = [] if what else [kind for kind in offered if kind not in QUICK]
    return VisualizeResult(files=files, left_out=left_out, beyond=beyond)


def check_asked(form: str, images: int | None) -> None:
    """Refuse a format that there is not, and no images.

    Raises:
        UsageError: If one is asked for.
    """
    if f".{form}" not in FIGURES:
        raise UsageError(f"pictures are png, svg or pdf; got {form!r}")
    if images is not None and images < 1:
        raise UsageError(f"there must be 1 image at least to look at; got {images}")


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
    limits = (("--stage", stage is not None, OF_STAGES), ("--unit", bool(units), _OF_UNITS))
    for option, given, takers in limits:
        if not given:
            continue
        for kind in what:
            if kind not in takers:
                raise UsageError(f"{kind} takes no {option}; it goes with {', '.join(takers)}")
        kinds = [kind for kind in kinds if kind in takers]
    return kinds
