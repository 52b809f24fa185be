"""`study digit-variants`: fit every method to every set of harder digits, and compare them."""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from featlearn.baselines.kernel_machine import choose_machine
from featlearn.baselines.task import as_rows
from featlearn.config.changes import Overrides, override_texts
from featlearn.datasets.known_digits import VARIANTS, Variant
from featlearn.datasets.source import find_root
from featlearn.errors import UsageError
from featlearn.evaluate.bootstrap import bootstrap_difference
from featlearn.filenames import CARD, RESULTS
from featlearn.files import write_bytes, write_json
from featlearn.studies.digit_variants.kept import (
    Cell,
    Settings,
    begin,
    keep_cell,
    read_cell,
    words_of,
)
from featlearn.studies.digit_variants.material import Material, make_material, sizes_of
from featlearn.studies.digit_variants.networks import Asked, answers_of, train_networks
from featlearn.studies.digit_variants.plan import METHODS, TRIALS, WORDS, Method, recipe_of
from featlearn.studies.digit_variants.results import (
    DigitVariantsResult,
    Lead,
    MethodFigures,
    VariantFigures,
    markdown,
    variant_figures,
)
from featlearn.studies.folders import check_settings, same_command
from featlearn.training.device import processor, use_threads
from featlearn.training.locks import writing_in
from featlearn.training.progress import Progress, Silent
from featlearn.training.signals import stop_signals
from featlearn.visualize.digit_variants import Errors, variants_figure
from featlearn.visualize.style import save_figure
from featlearn.workflows.baseline_results import wilson

_DATA = re.compile(r"\s*data\s*[.=]")


class _How(NamedTuple):
    """How the study is carried out."""

    folder: Path
    root: Path
    settings: Settings
    device: str
    threads: int | None
    used: int
    told: Progress


@same_command()
def digit_variants(
    out: Path | str,
    *,
    variants: Sequence[Variant] = tuple(VARIANTS),
    methods: Sequence[Method] = tuple(METHODS),
    images: int | None = None,
    root: Path | None = None,
    seed: int = 0,
    overrides: Overrides = (),
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> DigitVariantsResult:
    """Compare methods on harder digits; what the folder has already is kept.

    Args:
        out: Folder of the sets, the runs, the table and the picture.
        variants: Which sets.
        methods: Which methods; a network from random weights has the denoising ones' shape, and
            is fine-tuned in a run of theirs.
        images: Digits to learn from, and others in proportion; all if absent.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        seed: Of all training; the digits are the same for every seed.
        overrides: Changes of all recipes, values by key or `key=value` texts.
        device: `auto`, `cpu` or `cuda`, for the networks.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        progress: Told of every step.

    Raises:
        FeatlearnError: If data are missing, the folder holds something else, or a change does
            not fit the recipes.
        Interrupted: If a signal asked for a stop; the same call goes on.
    """
    if not variants or not methods:
        raise UsageError("the study takes a set or more, and a method or more")
    folder, told = Path(out), progress or Silent()
    settings = Settings(seed=seed, images=images, changes=override_texts(overrides))
    count = use_threads(threads)
    how = _How(folder, find_root(root), settings, device, threads, count, told)
    _check(how, methods)
    sizes = sizes_of(images)
    with writing_in(folder):
        materials: dict[Variant, Material] = {
            variant: make_material(variant, folder / "sets", sizes, root=how.root)
            for variant in variants
        }
        begin(folder, settings)
        return _compared(variants, methods, materials, how)


def _compared(
    variants: Sequence[Variant],
    methods: Sequence[Method],
    materials: Mapping[Variant, Material],
    how: _How,
) -> DigitVariantsResult:
    """Make one method after the other on all sets, and write the table after each."""
    found: dict[Variant, list[Cell]] = {variant: [] for variant in variants}
    result: DigitVariantsResult | None = None
    for method in methods:
        for variant in variants:
            found[variant].append(_cell(variant, method, materials[variant], how))
        result = _finished(how, [_set_of(each, materials[each], found[each]) for each in variants])
    assert result is not None
    return result


def _check(how: _How, methods: Sequence[Method]) -> None:
    """Refuse a folder of other things, or changes that do not fit, before anything is made.

    Raises:
        CheckpointError: If the folder is a file, or holds other things or figures.
        UsageError: If a change does not fit.
    """
    folder, settings = how.folder, how.settings
    own = next((text for text in settings.changes if _DATA.match(text)), None)
    if own is not None:
        raise UsageError(f"{own}: digit-variants makes its own digits; leave `data` as it is")
    for method in methods:
        for trial in TRIALS.get(method, ()):
            recipe_of(method, trial, source="mnist", seed=settings.seed, changes=_changes(how))
    check_settings(folder, settings, words=words_of)


def _changes(how: _How) -> tuple[str, ...]:
    return tuple(how.settings.changes)


def _cell(variant: Variant, method: Method, material: Material, how: _How) -> Cell:
    """Fit a method to a set and judge it once, unless that is done."""
    truth = material.judged.labels
    assert truth is not None
    known = read_cell(how.folder, variant, method, truth)
    if known is not None:
        return known
    how.told.note(f"{WORDS[variant]}: {METHODS[method]}")
    made = _machine if method == "svm" else _network
    named, fitted, settings, tried, begun = made(variant, method, material, how)
    wrong = named != truth
    figures = MethodFigures(
        variant=variant,
        method=method,
        error=float(wrong.mean()),
        interval=wilson(int(wrong.sum()), len(wrong)),
        settings=settings,
        tried=tried,
        fit_seconds=round(fitted, 3),
        judge_seconds=round(time.monotonic() - begun, 3),
    )
    keep_cell(how.folder, figures, named)
    return Cell(figures, wrong)


class _Made(NamedTuple):
    """Answers to the test images, and how they came about."""

    named: NDArray[np.uint8]
    fit_seconds: float
    settings: str
    tried: dict[str, float]
    judging_since: float


def _machine(variant: Variant, _method: Method, material: Material, how: _How) -> _Made:
    """Choose a support vector machine, and ask it."""
    begun = time.monotonic()

    def told(done: int, of: int) -> None:
        how.told.count("machines", done=done, of=of, words=WORDS[variant])

    with stop_signals(at_once=True):
        try:
            chosen = choose_machine(
                material.learned, material.validated, threads=how.used, told=told
            )
        finally:
            how.told.stop()
        fitted = time.monotonic()
        named = chosen.machine.predict(as_rows(material.judged.images))
    tried = {numbers.words: error for numbers, error in chosen.tried.items()}
    settings = f"{chosen.machine.numbers.words} (of {chosen.grid})"
    return _Made(named.astype(np.uint8), fitted - begun, settings, tried, fitted)


def _network(variant: Variant, method: Method, material: Material, how: _How) -> _Made:
    """Choose a network, and ask it."""
    asked = Asked(
        folder=how.folder / "runs" / variant,
        source=material.file.absolute(),
        seed=how.settings.seed,
        changes=_changes(how),
        device=how.device,
        threads=how.threads,
        told=how.told,
    )
    trained = train_networks(method, asked)
    begun = time.monotonic()
    named = answers_of(trained.trial, material.judged, asked)
    settings = f"{trained.trial.words} (of {len(trained.tried)})"
    return _Made(named, trained.seconds, settings, trained.tried, begun)


def _set_of(variant: Variant, material: Material, found: Sequence[Cell]) -> VariantFigures:
    """Compare the methods on a set."""
    machine = next((cell for cell in found if cell.figures.method == "svm"), None)
    leads: list[Lead] = []
    for cell in found if machine is not None else ():
        if machine is None or cell is machine:
            continue
        lead = bootstrap_difference(machine.wrong, cell.wrong, groups=material.pictures)
        leads.append(
            Lead(
                method=cell.figures.method,
                mean=lead.mean,
                interval=(lead.low, lead.high),
                only_machine=int((machine.wrong & ~cell.wrong).sum()),
                only_network=int((cell.wrong & ~machine.wrong).sum()),
            )
        )
    largest = int(np.bincount(material.learned.labels).argmax())
    guess = float(np.mean(material.judged.labels != largest))
    sizes = len(material.learned), len(material.validated), len(material.judged)
    return variant_figures(variant, sizes, guess, [cell.figures for cell in found], leads)


def _finished(how: _How, sets: list[VariantFigures]) -> DigitVariantsResult:
    """Write the table and its picture."""
    panels = {
        WORDS[found.variant]: [
            Errors(METHODS[row.method], row.error, row.interval, row.published)
            for row in found.rows
        ]
        for found in sets
    }
    figure = variants_figure(panels)
    figures = [how.folder / f"digit-variants.{ending}" for ending in ("png", "svg")]
    for file in figures:
        save_figure(figure, file)
    result = DigitVariantsResult(
        out=str(how.folder),
        seed=how.settings.seed,
        changes=how.settings.changes,
        machine=processor(),
        threads=how.used,
        sets=sets,
        figures=[str(file) for file in figures],
    )
    write_json(how.folder / RESULTS, msgspec.to_builtins(result))
    write_bytes(how.folder / CARD, markdown(result).encode())
    return result
