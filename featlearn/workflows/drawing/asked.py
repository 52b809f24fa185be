"""What is asked for of pictures, whatever kind of run they are of, and writing them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import torch

from featlearn.errors import FeatlearnError, UsageError
from featlearn.networks.store import LoadedStack
from featlearn.training.device import pick_device, use_threads
from featlearn.training.progress import Progress
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.style import save_figure
from featlearn.workflows.drawing.kinds import QUICK, kinds_of
from featlearn.workflows.drawing.subject import Named, Subject
from featlearn.workflows.outputs import FIGURES, check_apart
from featlearn.workflows.run_options import WorkOptions


class DrawOptions(WorkOptions, total=False):
    """The options of `WorkOptions`, and those of pictures.

    Attributes:
        what: Any of `featlearn.workflows.drawing.kinds.KINDS`; all of `QUICK` that there is, if
            absent.
        stage: Name of a stage, or its number from 1; if absent all stages, or the last
            where units are named, and for `stimulus`, `invariance` and `map`. In a run of several
            modalities a name, and there must be one where units are named.
        units: Names of units, as `featlearn.evaluate.units.find_unit` takes them; those that
            answer most if absent.
        head: Whose curves, mistakes and saliency to draw; the run's own curves, and the only
            head's mistakes and saliency, if absent.
        images: How many training images to look at, at most, where a kind needs them.
        form: Ending of the files: `png` (if absent), `svg` or `pdf`.
    """

    what: Sequence[str]
    stage: str | None
    units: Sequence[str]
    head: str | None
    images: int | None
    form: str


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


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, checked as far as it can be before the run is read.

    Attributes:
        run: The run.
        out: Folder of the pictures.
        kinds: The kinds to draw.
        device: Where to compute.

    The others are those of `DrawOptions`.
    """

    run: RunDirectory
    out: Path
    kinds: Sequence[str]
    device: torch.device
    root: Path | None
    progress: Progress | None
    what: Sequence[str]
    stage: str | None
    units: Sequence[str]
    head: str | None
    images: int | None
    form: str

    @staticmethod
    def of(
        path: Path,
        out: Path,
        *,
        root: Path | None = None,
        device: str = "auto",
        threads: int | None = None,
        progress: Progress | None = None,
        what: Sequence[str] = (),
        stage: str | None = None,
        units: Sequence[str] = (),
        head: str | None = None,
        images: int | None = None,
        form: str = "png",
    ) -> "Asked":
        """Take `DrawOptions`; the threads are set for the process.

        Raises:
            FeatlearnError: If there is no such run, device, kind or format, or no image to look
                at is asked for.
        """
        kinds = kinds_of(what, stage=stage, units=units)
        if f".{form}" not in FIGURES:
            raise UsageError(f"pictures are png, svg or pdf; got {form!r}")
        if images is not None and images < 1:
            raise UsageError(f"there must be 1 image at least to look at; got {images}")
        run = RunDirectory.open(path)
        chosen = pick_device(device)
        use_threads(threads)
        return Asked(
            run=run,
            out=out,
            kinds=kinds,
            device=chosen,
            root=root,
            progress=progress,
            what=what,
            stage=stage,
            units=units,
            head=head,
            images=images,
            form=form,
        )

    def check_apart(self, sources: Iterable[str]) -> None:
        """Refuse to write among the images that a run learned from.

        Raises:
            UsageError: If a picture would lie there.
        """
        if self.out.resolve().is_relative_to(self.run.path.resolve()):
            return  # where no images are
        for source in sources:
            check_apart(self.out / f"picture.{self.form}", source=source, root=self.root)

    def subject(self, loaded: LoadedStack, *, head: str | None = None) -> Subject:
        """Say what pictures of a stack are of.

        Args:
            loaded: The stack, on the device, and its recipe.
            head: Name of its head.

        Raises:
            UsageError: If it has no such stage.
        """
        return Subject(
            self.run,
            loaded,
            device=self.device,
            root=self.root,
            head=head,
            stage=self.stage,
            units=self.units,
            images=self.images,
            progress=self.progress,
        )

    def draw(
        self, drawers: Mapping[str, Callable[[], Named]], *, offered: Sequence[str]
    ) -> VisualizeResult:
        """Write what each kind draws.

        Args:
            drawers: By kind, what draws it. One of the kinds that were named that cannot be drawn
                is an error, another is left out.
            offered: The kinds that could have been named.

        Raises:
            FeatlearnError: If a kind that was named cannot be drawn.
        """
        files: list[str] = []
        left_out: dict[str, str] = {}
        for kind, draw in drawers.items():
            try:
                for name, figure in draw():
                    file = self.out / f"{name}.{self.form}"
                    save_figure(figure, file)
                    files.append(str(file))
            except FeatlearnError as error:
                if self.what:
                    raise
                left_out[kind] = str(error)
        beyond = [] if self.what else [kind for kind in offered if kind not in QUICK]
        return VisualizeResult(files=files, left_out=left_out, beyond=beyond)
