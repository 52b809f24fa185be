"""`quickstart`: both embedded data sets, from images without labels to a page."""

import itertools
import shlex
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean

import msgspec

from featlearn.config.load import load_recipe
from featlearn.errors import CheckpointError, Interrupted
from featlearn.filenames import COMPARISON, PAGE, REPORT
from featlearn.files import creating, write_json
from featlearn.networks.formats import FORMAT
from featlearn.training.device import use_threads
from featlearn.training.progress import Progress, Silent
from featlearn.workflows.evaluate import evaluate
from featlearn.workflows.few_labels import ARMS, FewLabels, Point, compare_few_labels
from featlearn.workflows.finetune import finetune
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.report import report
from featlearn.workflows.running import option_words
from featlearn.workflows.trial import PIXELS, PRETRAINED, SCRATCH, Setting
from featlearn.workflows.trials import Workbench

RECIPES = ("photographs", "digits")
_COUNTS = (100, 200)
_HEADLINE = 100
_DRAWS = 10


class TuningProtocol(msgspec.Struct, frozen=True, kw_only=True):
    """How the settings of the two arms were chosen.

    Attributes:
        settings: What each arm was given.
        tried: What each could choose from, by its own mean accuracy.
        tuning_labels: Labels of the draws that they were chosen on.
        tuning_draws: How many such draws, none of them among those reported.
        validation: Labelled training images, not drawn, that they were judged on.
        steps: Steps of every fine-tuning, the same for all.
    """

    settings: dict[str, Setting]
    tried: list[Setting]
    tuning_labels: int
    tuning_draws: int
    validation: int
    steps: int


class QuickstartResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the quickstart came to, as `quickstart.json` holds it.

    Attributes:
        report: The page.
        seconds: Time that everything took.
        labels: Labels of the headline figures.
        draws: Paired draws of labels.
        accuracy: Mean accuracy on the test split with and without pre-training, and of
            a linear classifier on the plain images (`pixels`).
        difference_interval: 95 % interval of the mean paired difference.
        test_images: Images of the test split, the same for every draw.
        curve: The same for several numbers of labels, draw by draw.
        protocol: How the comparison was made.
        runs: The run directories.
    """

    format: int = FORMAT
    report: str
    seconds: float
    labels: int
    draws: int
    accuracy: dict[str, float]
    difference_interval: tuple[float, float]
    test_images: int
    curve: list[Point]
    protocol: TuningProtocol
    runs: dict[str, str]


def quickstart(
    *,
    root: Path | None = None,
    out: Path | None = None,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> QuickstartResult:
    """Learn edges from photographs and strokes from digits, and show what they are worth.

    Args:
        root: Where data sets are; both used here come with scikit-learn.
        out: Folder to make; a new one in the current folder if absent.
        seed: Seed of the two runs.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations, and fine-tunings made at once; PyTorch's own
            choice if absent.
        progress: Told of every step.

    Raises:
        CheckpointError: If `out` exists and is not empty.
        Interrupted: If a signal asked for a stop.
    """
    progress = progress or Silent()
    begun = time.monotonic()
    workers = use_threads(threads)
    folder = _new_folder(out)
    again = _start_over(out, seed, device=device, root=root, threads=threads)
    runs = {name: folder / name for name in RECIPES}
    for name, path in runs.items():
        recipe = msgspec.structs.replace(load_recipe(name), seed=seed)
        progress.note(f"{recipe.title}: {recipe.shows}")
        with _advice(folder, again):
            pretrain(recipe, out=path, root=root, device=device, threads=threads, progress=progress)
    digits = runs["digits"]
    bench = Workbench(digits, root=root, device=device)
    compared = compare_few_labels(
        bench,
        _COUNTS,
        draws=_DRAWS,
        tuning_labels=_HEADLINE,
        workers=workers,
        told=progress.note,
    )
    for arm in ARMS:
        with _advice(folder, again):
            finetune(
                digits,
                name=arm,
                labels=_HEADLINE,
                from_scratch=arm == SCRATCH,
                overrides=compared.settings[arm].overrides(),
                root=root,
                device=device,
                threads=threads,
                progress=progress,
            )
        evaluate(digits, head=arm, root=root, device=device, threads=threads)
    steps = bench.recipe.finetune.steps
    found = _result(folder, compared, runs, steps=steps)
    found = msgspec.structs.replace(found, seconds=round(time.monotonic() - begun, 1))
    write_json(folder / COMPARISON, msgspec.to_builtins(found))
    page = report([folder], out=folder / REPORT, root=root, device=device, threads=threads).report
    return msgspec.structs.replace(found, report=page, seconds=round(time.monotonic() - begun, 1))


def _result(
    folder: Path, compared: FewLabels, runs: dict[str, Path], *, steps: int
) -> QuickstartResult:
    """Sum up the comparison; the time is filled in when everything is done."""
    point = next(point for point in compared.curve if point.labels == _HEADLINE)
    return QuickstartResult(
        report=str(folder / REPORT / PAGE),
        seconds=0.0,
        labels=point.labels,
        draws=len(point.pretrained),
        accuracy={
            PRETRAINED: round(fmean(point.pretrained), 6),
            SCRATCH: round(fmean(point.scratch), 6),
            PIXELS: round(fmean(point.pixels), 6),
        },
        difference_interval=point.difference_interval,
        test_images=compared.test,
        curve=compared.curve,
        protocol=TuningProtocol(
            settings=compared.settings,
            tried=compared.tried,
            tuning_labels=compared.tuning_labels,
            tuning_draws=compared.tuning_draws,
            validation=compared.validation,
            steps=steps,
        ),
        runs={name: path.name for name, path in runs.items()},
    )


def _start_over(
    out: Path | None, seed: int, *, device: str, root: Path | None, threads: int | None
) -> str:
    """Say how to begin anew; a folder that was named has to be empty for that."""
    words = ["featlearn", "quickstart"]
    words += [] if out is None else ["--out", str(out)]
    words += ["--seed", str(seed)] if seed else []
    words += option_words(root=root, device=device, threads=threads)
    begin = "Start over with" if out is None else "Remove that folder, and start over with"
    return f"{begin}: {shlex.join(words)}"


@contextmanager
def _advice(folder: Path, again: str) -> Generator[None]:
    """Say what a stop means here: to resume one training would not make the page."""
    try:
        yield
    except Interrupted as stop:
        raise Interrupted(
            stop.signal_number,
            f"stopped before the end; what was trained is in {folder}. {again}",
        ) from None


def _new_folder(out: Path | None) -> Path:
    """Make the folder to write into: the one that was named, or the next free name."""
    if out is None:
        names = (f"featlearn-quickstart{suffix}" for suffix in _suffixes())
        out = next(path for path in map(Path, names) if not path.exists())
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CheckpointError(f"{out} exists already; name a new or an empty folder with --out")
    with creating(out):
        out.mkdir(parents=True, exist_ok=True)
    return out


def _suffixes() -> Iterator[str]:
    """Give the endings of the folder's name: none, then -2, -3 and so on."""
    yield ""
    for number in itertools.count(2):
        yield f"-{number}"
