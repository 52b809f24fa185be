"""`visualize`: pictures of a run as files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import torch

from featlearn.errors import DataError, FeatlearnError, UsageError
from featlearn.networks.formats import read_figures
from featlearn.networks.store import LoadedStack, load_stack
from featlearn.report.records import EvaluationRecord
from featlearn.report.samples import sample_images
from featlearn.training.device import pick_device, use_threads
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.confusion import confusion_figure
from featlearn.visualize.curves import curves_figure, read_metrics
from featlearn.visualize.filters import filters_figure
from featlearn.visualize.picture import pictures_figure
from featlearn.visualize.projections import has_plane, projections_figure, response_picture
from featlearn.visualize.reconstructions import reconstructions_figure
from featlearn.visualize.style import Figure, save_figure
from featlearn.workflows.outputs import check_apart

KINDS = ("filters", "projections", "reconstructions", "curves", "confusion")
"""What can be asked for."""


class VisualizeResult(msgspec.Struct, frozen=True, kw_only=True):
    """The files that were written, and why a kind that nobody named is missing."""

    files: list[str]
    left_out: dict[str, str]


class _Subject(NamedTuple):
    """What the pictures are of."""

    run: RunDirectory
    loaded: LoadedStack
    device: torch.device
    root: Path | None
    head: str | None


_Named = Iterator[tuple[str, Figure]]


def visualize(
    path: Path,
    *,
    out: Path,
    root: Path | None = None,
    what: Sequence[str] = (),
    head: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> VisualizeResult:
    """Draw pictures of a finished run into a folder, as PNG files.

    Args:
        path: The run.
        out: Folder of the pictures; it is made if missing.
        root: Where data sets are (see `find_root`), for reconstructions.
        what: Any of `KINDS`; all that there is, if empty.
        head: Whose curves and confusion to draw; the run's own curves, and the only
            head's confusion, if absent.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.

    Raises:
        FeatlearnError: If the run, the data or what was asked for stand in the way.
    """
    unknown = [kind for kind in what if kind not in KINDS]
    if unknown:
        raise UsageError(f"there is no picture of {unknown[0]!r}; choose from {', '.join(KINDS)}")
    run = RunDirectory.open(path)
    chosen = pick_device(device)
    use_threads(threads)
    loaded = load_stack(run.path)
    if not out.resolve().is_relative_to(run.path.resolve()):  # where no images are
        check_apart(out / "picture.png", source=loaded.recipe.data.source, root=root)
    loaded.stack.to(chosen)
    subject = _Subject(run, loaded, chosen, root, head)
    files: list[str] = []
    left_out: dict[str, str] = {}
    for kind in dict.fromkeys(what or KINDS):
        try:
            for name, figure in _DRAWERS[kind](subject):
                file = out / f"{name}.png"
                save_figure(figure, file)
                files.append(str(file))
        except FeatlearnError as error:
            if what:
                raise
            left_out[kind] = str(error)
    return VisualizeResult(files=files, left_out=left_out)


def _filters(subject: _Subject) -> _Named:
    """Draw the filters of every stage."""
    stack = subject.loaded.stack
    on_image = stack.stage(0).input_shape == stack.input_shape
    for index, name in enumerate(stack.names):
        if index == 0 and not has_plane(stack, 0):
            figure = pictures_figure([response_picture(stack)])
        else:
            figure = filters_figure(stack.stage(index), on_image=on_image and index == 0)
        yield f"{name}-filters", figure


def _projections(subject: _Subject) -> _Named:
    """Draw the projections of every stage."""
    stack = subject.loaded.stack
    for index, name in enumerate(stack.names):
        yield f"{name}-projections", projections_figure(stack, index)


def _reconstructions(subject: _Subject) -> _Named:
    """Draw what every stage rebuilds."""
    stack, recipe, _ = subject.loaded
    sample = sample_images(recipe, stack.input_shape, root=subject.root)
    if sample is None:
        raise DataError(
            f"{recipe.data.source} has images of another shape now than the network takes, "
            f"{stack.input_shape}; give back the data that the run learned from"
        )
    images = sample.images.to(subject.device)
    figure = reconstructions_figure(stack, images, preprocess=recipe.preprocess)
    yield "reconstructions", figure


def _curves(subject: _Subject) -> _Named:
    """Draw the losses of the run, or of a head."""
    if subject.head is None:
        yield "curves", curves_figure(read_metrics(subject.run.metrics_file))
        return
    name, folder = subject.run.open_head(subject.head)
    yield f"{name}-curves", curves_figure(read_metrics(folder.metrics_file))


def _confusion(subject: _Subject) -> _Named:
    """Draw the confusion matrix of a head."""
    name, folder = subject.run.open_head(subject.head)
    if not folder.evaluation_file.exists():
        raise UsageError(
            f"head {name!r} has no figures yet; run "
            f"`featlearn evaluate {subject.run.path} --head {name}` first"
        )
    record = read_figures(folder.evaluation_file, EvaluationRecord)
    yield f"{name}-confusion", confusion_figure(record.confusion, record.classes)


_DRAWERS: Mapping[str, Callable[[_Subject], _Named]] = {
    "filters": _filters,
    "projections": _projections,
    "reconstructions": _reconstructions,
    "curves": _curves,
    "confusion": _confusion,
}
