"""`study faces-multitask`: do naming people and finding faces help each other, by labels?"""

import hashlib
from pathlib import Path
from typing import Unpack

import msgspec

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.config.tables import as_tables
from featlearn.datasets.source import find_root
from featlearn.evaluate.paired import mean_interval
from featlearn.filenames import CARD, RESULTS, TRIALS
from featlearn.files import canonical_json, sha256, write_bytes, write_json
from featlearn.networks.store import find_model, load_stack
from featlearn.studies.faces.help_networks import Bench, Key, Trials
from featlearn.studies.faces.help_results import (
    HelpPoint,
    HelpResult,
    HelpTrial,
    identification_errors,
    markdown,
    sum_up,
)
from featlearn.studies.folders import same_command
from featlearn.training.progress import Progress
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.helped import HelpedTask, helped_figure
from featlearn.visualize.style import save_figure
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.run_options import WorkOptions
from featlearn.workflows.running import Running
from featlearn.workflows.task_data import open_sources

RECIPE = "faces-multitask"
COUNTS = (10, 30, 100, 300)
"""Numbers of detection labels."""

DRAWS = 10
"""Draws of detection labels at each, with a seed of the weights of their own."""


@same_command()
def faces_multitask(
    out: Path | str,
    *,
    seed: int = 0,
    overrides: tuple[str, ...] = (),
    **how: Unpack[WorkOptions],
) -> HelpResult:
    """Learn detection from few labels, identification, and both together, draw by draw.

    All begin from one stack, learned without labels, with the same labels and the same seeds,
    and take as many steps; identification has all its labels. Detection is judged on scenes with
    people 21 to 40 of Olivetti; identification is of people 1 to 20, who are among the faces that
    detection learns from.

    Args:
        out: Folder of the run, the trials and the table; what is there already is kept.
        seed: Of pre-training and, with the draw added, of the networks.
        overrides: Changes of the recipe `faces-multitask`, as `key=value` texts.
        **how: `root` of the data sets, `device`, `threads` and `progress`: see `WorkOptions` in
            `featlearn.workflows.run_options`.

    Raises:
        FeatlearnError: If the data are missing, or the folder holds something else.
        Interrupted: If a signal asked for a stop in pre-training; the same call goes on.
    """
    how["root"] = root = find_root(how.get("root"))
    running = Running.prepare(**how)
    recipe = load_recipe(RECIPE, overrides=(*overrides, f"seed={seed}"))
    folder, run = Path(out), Path(out) / "run"
    pretrain(recipe, out=run, resume=RunDirectory(run).started, **how)
    stack = load_stack(run).stack.to(running.device)
    opened = open_sources(recipe, root=root, shape=stack.input_shape)
    bench = Bench(stack, recipe, opened, running.device)
    trials = Trials(folder / TRIALS, setting=_setting(recipe, run))
    named, table = _tried(bench, trials, running.progress)
    return _finished(bench, run, named, table, folder=folder, running=running)


def _tried(bench: Bench, trials: Trials, told: Progress) -> tuple[list[HelpTrial], list[HelpPoint]]:
    """Make the networks that are not known yet.

    Returns:
        Identification alone, draw by draw; and what each number of detection labels came to.
    """
    done, of = 0, DRAWS * (1 + 2 * len(COUNTS))

    def made(*keys: Key) -> list[HelpTrial]:
        nonlocal done
        found = [trials.known(key) or trials.keep(bench.trial(key)) for key in keys]
        done += len(keys)
        told.count("networks", done=done, of=of)
        return found

    named = [made((None, draw, False))[0] for draw in range(DRAWS)]
    table: list[HelpPoint] = []
    for labels in COUNTS:
        pairs: list[tuple[HelpTrial, HelpTrial]] = []
        for draw in range(DRAWS):
            alone, together = made((labels, draw, False), (labels, draw, True))
            pairs.append((alone, together))
        table.append(sum_up(labels, pairs, named))
    told.stop()
    return named, table


def _finished(
    bench: Bench,
    run: Path,
    named: list[HelpTrial],
    table: list[HelpPoint],
    *,
    folder: Path,
    running: Running,
) -> HelpResult:
    """Say what the draws came to, and write it."""
    (scenes, majority), (portraits, guess) = bench.judged()
    result = HelpResult(
        out=str(folder),
        seconds=round(running.seconds, 1),
        draws=DRAWS,
        test=scenes,
        majority=majority,
        identification_test=portraits,
        identification_majority=guess,
        identification_alone=mean_interval(identification_errors(named)),
        table=table,
        run=str(run),
    )
    _write(folder, result)
    return result


def _write(folder: Path, result: HelpResult) -> None:
    """Write the tables and the figure."""
    table = result.table
    figure = helped_figure(
        [point.labels for point in table],
        [
            HelpedTask(
                "detection",
                [point.alone for point in table],
                [point.together for point in table],
                [point.gain for point in table],
            ),
            HelpedTask(
                "identification",
                [result.identification_alone for _ in table],
                [point.identification for point in table],
                [point.identification_gain for point in table],
            ),
        ],
        counted="labels of detection",
    )
    for ending in ("png", "svg"):
        save_figure(figure, folder / "figures" / f"help.{ending}")
    write_json(folder / RESULTS, msgspec.to_builtins(result))
    write_bytes(folder / CARD, markdown(result).encode())


def _setting(recipe: Recipe, run: Path) -> str:
    """Name what decides trials beside their own fields, as a checksum."""
    said = ("title", "shows", "expect", "minutes")
    tables = {key: value for key, value in as_tables(recipe).items() if key not in said}
    decided = canonical_json({"recipe": tables, "model": sha256(find_model(run))})
    return hashlib.sha256(decided.encode()).hexdigest()
