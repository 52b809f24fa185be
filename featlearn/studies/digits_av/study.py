"""`study digits-av`: one code for digits seen and heard, and what it is worth."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Unpack

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
from featlearn.studies.folders import same_command
from featlearn.training.progress import Progress
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.pair_curve import pair_curve
from featlearn.visualize.style import save_figure
from featlearn.workflows.multimodal.pretrain import pretrain_modalities
from featlearn.workflows.run_options import WorkOptions
from featlearn.workflows.running import Running

RECIPE = "digits-av"
"""The shipped recipe that the study trains."""

COUNTS = (100, 300, 1000)
"""Numbers of pairs, beside all."""

DRAWS = 10
"""Draws of each of these numbers."""

SEEDS = 5
"""Trainings with all pairs, on noisy pairs, and without each speaker."""


@same_command()
def digits_av(
    out: Path | str,
    *,
    seed: int = 0,
    overrides: tuple[str, ...] = (),
    draws: int = DRAWS,
    seeds: int = SEEDS,
    counts: Sequence[int] = COUNTS,
    speakers: bool = True,
    **how: Unpack[WorkOptions],
) -> DigitsAVResult:
    """Learn a code for digits seen and heard, and measure it; what is there already is kept.

    Args:
        out: Folder of the run, the figures and the tables.
        seed: Of the run.
        overrides: Changes of the recipe `digits-av`, as `key=value` texts.
        draws: Draws of each number of pairs.
        seeds: Trainings with all pairs, of every net on noisy pairs, and without each speaker.
            The stacks are those of the one run, but for the sounds where a speaker is left out.
        counts: Numbers of pairs, beside all.
        speakers: Whether each speaker is left out of training in turn, too.
        **how: `root` of the data sets, `device`, `threads` and `progress`: see `WorkOptions` in
            `featlearn.workflows.run_options`.

    Raises:
        FeatlearnError: If the data are missing, or the folder holds other runs.
        Interrupted: If a signal asked for a stop; the same call goes on.
    """
    how["root"] = root = find_root(how.get("root"))
    running = Running.prepare(**how)
    folder, told = Path(out), running.progress
    recipe, run = _recipe(overrides, seed=seed), folder / "runs" / RECIPE
    pretrain_modalities(recipe, out=run, resume=RunDirectory(run).started, **how)
    material = open_material(run, root=root, device=running.device)
    cells = Cells(folder / "cells", settings_of(recipe, material, run))
    found = _Found(
        curve=_curve(material, cells, counts=counts, draws=draws, seeds=seeds, told=told),
        noisy=_noisy(material, cells, seeds=seeds, root=root, told=told),
        folds=_folds(material, cells, seeds=seeds, told=told) if speakers else {},
    )
    return _finished(folder, run, found, seed=seed, running=running)


class _Noisy(NamedTuple):
    """What was measured under noise.

    Attributes:
        levels: The noise.
        nets: The trainings of every net, by its name.
        groups: What the test pairs belong to.
    """

    levels: Levels
    nets: dict[str, list[NoisyNet]]
    groups: Groups


class _Found(NamedTuple):
    """Everything that was measured.

    Attributes:
        curve: Every method at every number of pairs.
        noisy: Every head and each modality alone on noisy pairs.
        folds: Every method on each speaker who was left out of training; empty if none was.
    """

    curve: list[Point]
    noisy: _Noisy
    folds: dict[str, list[Method]]


def _recipe(overrides: tuple[str, ...], *, seed: int) -> MultimodalRecipe:
    """Read the recipe of the run, with its changes."""
    recipe = load_any_recipe(RECIPE, overrides=(*overrides, f"seed={seed}"))
    if not isinstance(recipe, MultimodalRecipe):
        raise UsageError(f"the recipe {RECIPE} was changed to one of a single modality")
    return recipe


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


def _noisy(material: Material, cells: Cells, *, seeds: int, root: Path, told: Progress) -> _Noisy:
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
    return _Noisy(levels, nets, groups_of_pairs(splits["test"]))


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


def _finished(
    folder: Path, run: Path, found: _Found, *, seed: int, running: Running
) -> DigitsAVResult:
    """Sum up what was measured, and write the tables and the picture."""
    figure = folder / "figures" / "pairs.png"
    save_figure(pair_curve([_lines(point) for point in found.curve]), figure)
    levels, nets, groups = found.noisy
    fused, missing = compared(nets, groups)
    result = DigitsAVResult(
        out=str(folder),
        seconds=round(running.seconds, 1),
        seed=seed,
        run=str(run),
        curve=found.curve,
        levels=levels,
        noisy=fused_of(nets, groups),
        fused=fused,
        missing=missing,
        folds=found.folds,
        unheard=over_speakers(found.folds) if found.folds else [],
        figure=str(figure),
    )
    write_json(folder / RESULTS, msgspec.to_builtins(result))
    write_bytes(folder / CARD, markdown(result).encode())
    return result


def _lines(point: Point) -> tuple[int, dict[str, tuple[float, float, float]]]:
    """Give the accuracies on images at one number of pairs, and their widest intervals."""
    return point.pairs, {each.name: (each.seen.mean, *each.seen.widest) for each in point.methods}
