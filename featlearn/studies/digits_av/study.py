"""`study digits-av`: one code for digits seen and heard, and what it is worth."""

import itertools
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from featlearn.config.load import load_any_recipe
from featlearn.config.modalities import FusionHeadSpec, MultimodalRecipe
from featlearn.config.tables import as_tables
from featlearn.datasets.recordings import speakers_of
from featlearn.datasets.source import find_root
from featlearn.errors import UsageError
from featlearn.filenames import CARD, RESULTS
from featlearn.files import sha256, write_bytes, write_json
from featlearn.networks.store import find_model
from featlearn.studies.digits_av.cells import Cells
from featlearn.studies.digits_av.folds import hear_speaker
from featlearn.studies.digits_av.hearing import Draw, hear
from featlearn.studies.digits_av.hearing import constants as hearing_constants
from featlearn.studies.digits_av.material import IMAGE, SOUND, Material, open_material
from featlearn.studies.digits_av.material import constants as material_constants
from featlearn.studies.digits_av.noise import (
    Levels,
    choose_levels,
    groups_of_pairs,
    noisy_splits,
)
from featlearn.studies.digits_av.noise import constants as noise_constants
from featlearn.studies.digits_av.noisy_nets import ALONE, HEADS, NoisyNet, learn_noisy
from featlearn.studies.digits_av.noisy_nets import constants as net_constants
from featlearn.studies.digits_av.results import DigitsAVResult, Method, Point
from featlearn.studies.digits_av.summary import (
    Groups,
    compared,
    fused_of,
    methods_of,
    over_speakers,
    point_of,
)
from featlearn.studies.digits_av.telling import markdown
from featlearn.training.device import pick_device, use_threads
from featlearn.training.progress import Progress, Silent
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.pair_curve import pair_curve
from featlearn.visualize.style import save_figure
from featlearn.workflows.multimodal.pretrain import pretrain_modalities

RECIPE = "digits-av"
"""The shipped recipe that the study trains."""

COUNTS = (100, 300, 1000)
"""Numbers of pairs, beside all."""

DRAWS = 10
"""Draws of each of these numbers."""

SEEDS = 5
"""Trainings with all pairs, on noisy pairs, and without each speaker."""


def digits_av(
    out: Path | str,
    *,
    root: Path | None = None,
    seed: int = 0,
    overrides: tuple[str, ...] = (),
    draws: int = DRAWS,
    seeds: int = SEEDS,
    counts: Sequence[int] = COUNTS,
    speakers: bool = True,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> DigitsAVResult:
    """Learn a code for digits seen and heard, and measure it; what is there already is kept.

    Args:
        out: Folder of the run, the figures and the tables.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        seed: Of the run.
        overrides: Changes of the recipe `digits-av`, as `key=value` texts.
        draws: Draws of each number of pairs.
        seeds: Trainings with all pairs, of every net on noisy pairs, and without each speaker.
            The stacks are those of the one run, but for the sounds where a speaker is left out.
        counts: Numbers of pairs, beside all.
        speakers: Whether each speaker is left out of training in turn, too.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        progress: Told of every step.

    Raises:
        FeatlearnError: If the data are missing, or the folder holds other runs.
        Interrupted: If a signal asked for a stop; the same call goes on.
    """
    begun = time.monotonic()
    folder, root, told = Path(out), find_root(root), progress or Silent()
    chosen = pick_device(device)
    use_threads(threads)
    recipe = load_any_recipe(RECIPE, overrides=(*overrides, f"seed={seed}"))
    if not isinstance(recipe, MultimodalRecipe):
        raise UsageError(f"the recipe {RECIPE} was changed to one of a single modality")
    run = folder / "runs" / RECIPE
    resume = RunDirectory(run).started
    pretrain_modalities(
        recipe, out=run, root=root, device=device, threads=threads, resume=resume, progress=told
    )
    material = open_material(run, root=root, device=chosen)
    cells = Cells(folder / "cells", settings_of(recipe, material, run))
    curve = _curve(material, cells, counts=counts, draws=draws, seeds=seeds, told=told)
    levels, nets, groups = _noisy(material, cells, seeds=seeds, root=root, told=told)
    folds = _folds(material, cells, seeds=seeds, told=told) if speakers else {}
    figure = folder / "figures" / "pairs.png"
    save_figure(pair_curve([_lines(point) for point in curve]), figure)
    fused, missing = compared(nets, groups)
    result = DigitsAVResult(
        out=str(folder),
        seconds=round(time.monotonic() - begun, 1),
        seed=seed,
        run=str(run),
        curve=curve,
        levels=levels,
        noisy=fused_of(nets, groups),
        fused=fused,
        missing=missing,
        folds=folds,
        unheard=over_speakers(folds) if folds else [],
        figure=str(figure),
    )
    write_json(folder / RESULTS, msgspec.to_builtins(result))
    write_bytes(folder / CARD, markdown(result).encode())
    return result


def settings_of(recipe: MultimodalRecipe, material: Material, run: Path) -> dict[str, object]:
    """Name everything that decides the study's figures, as nested tables.

    Args:
        recipe: How the run was trained; what it only says decides nothing.
        material: The samples.
        run: Where the model is.
    """
    said = ("title", "shows", "expect", "minutes")
    return {
        "recipe": {key: value for key, value in as_tables(recipe).items() if key not in said},
        "model": sha256(find_model(run)),
        "data": material.fingerprints(),
        "study": {
            **material_constants(),
            **hearing_constants(),
            **noise_constants(),
            **net_constants(),
        },
    }


def _curve(
    material: Material,
    cells: Cells,
    *,
    counts: Sequence[int],
    draws: int,
    seeds: int,
    told: Progress,
) -> list[Point]:
    """Judge every method at every number of pairs."""
    plans: list[tuple[int | None, int]] = [(None, draw) for draw in range(seeds)]
    plans += [(count, draw) for draw in range(draws) for count in sorted(counts)]
    found: dict[int | None, list[Draw]] = {}
    for count, draw in plans:
        name = "all" if count is None else str(count)
        told.note(f"hearing to see: {name} pairs, draw {draw + 1}")

        def compute(count: int | None = count, draw: int = draw) -> Draw:
            return hear(material, count=count, draw=draw, progress=told)

        cell = cells.get(f"pairs-{name}-{draw}", Draw, compute)
        found.setdefault(count, []).append(cell)
    images, recordings = (len(each) for each in material.judged)
    points = [point_of(each, images=images, recordings=recordings) for each in found.values()]
    return sorted(points, key=lambda point: point.pairs)


def _noisy(
    material: Material, cells: Cells, *, seeds: int, root: Path, told: Progress
) -> tuple[Levels, dict[str, list[NoisyNet]], Groups]:
    """Fix the noise, and train every head and each modality alone under it."""
    told.note("fixing the noise on validation samples")
    levels = cells.get("levels", Levels, lambda: choose_levels(material, root))
    splits = noisy_splits(material, root, levels)
    plans: dict[str, tuple[FusionHeadSpec, int | None]] = {
        name: (head, None) for name, head in HEADS.items()
    }
    plans |= {name: (HEADS["late"], place) for name, place in ALONE.items()}
    nets: dict[str, list[NoisyNet]] = {name: [] for name in plans}
    for draw, (name, (head, only)) in itertools.product(range(seeds), plans.items()):
        told.note(f"noisy pairs: {name}, seed {draw + 1}")

        def compute(
            head: FusionHeadSpec = head, only: int | None = only, draw: int = draw
        ) -> NoisyNet:
            return learn_noisy(material, splits, head, only=only, draw=draw, progress=told)

        cell = cells.get(f"noisy-{name.replace(' ', '-')}-{draw}", NoisyNet, compute)
        nets[name].append(cell)
    return levels, nets, groups_of_pairs(splits["test"])


def _folds(
    material: Material, cells: Cells, *, seeds: int, told: Progress
) -> dict[str, list[Method]]:
    """Leave each speaker out in turn."""
    heard, judged = (each[SOUND].ids for each in (material.learned, material.judged))
    assert heard is not None
    assert judged is not None
    speakers = sorted({*speakers_of(heard)})
    draws: dict[str, list[Draw]] = {speaker: [] for speaker in speakers}
    for draw, speaker in itertools.product(range(seeds), speakers):
        told.note(f"hearing to see without {speaker}, seed {draw + 1}")

        def compute(speaker: str = speaker, draw: int = draw) -> Draw:
            return hear_speaker(material, speaker, draw=draw, progress=told)

        draws[speaker].append(cells.get(f"speaker-{speaker}-{draw}", Draw, compute))
    images = len(material.judged[IMAGE])
    return {
        speaker: methods_of(each, images=images, recordings=speakers_of(judged).count(speaker))
        for speaker, each in draws.items()
    }


def _lines(point: Point) -> tuple[int, dict[str, tuple[float, float, float]]]:
    """Give the accuracies on images at one number of pairs, and their widest intervals."""
    return point.pairs, {each.name: (each.seen.mean, *each.seen.widest) for each in point.methods}
