"""`featlearn sweep`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn_cli.options import Resumable, example, resumable_options
from featlearn_cli.params import Labels, LabelsParam, PathParam, RecipeParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.search_results import SearchResult
    from featlearn.workflows.search_store import SearchTrial

_SHOWN = 10


@click.command(
    "sweep",
    epilog=example(
        "featlearn sweep digits --out s/rate --search pretrain.optimizer.lr=1e-4..0.1:log",
        "featlearn sweep digits --out s/head --search finetune.freeze=0..1 --labels 100",
        "featlearn sweep my.toml --out s/net --search 'stages.edges.pool.kind=l2|max' --labels 100",
    ),
)
@click.argument("recipe", type=RecipeParam())
@click.option(
    "--out",
    required=True,
    type=PathParam(path_type=Path, file_okay=False),
    help="Folder of the sweep; it is made, and must be new.",
)
@click.option(
    "--search",
    "spaces",
    multiple=True,
    required=True,
    metavar="KEY=SPACE",
    help="A key of the recipe and what to try: LOW..HIGH, LOW..HIGH:log, LOW..HIGH:STEP or "
    "A|B|C; may be repeated.",
)
@click.option(
    "--labels",
    type=LabelsParam(),
    metavar="N",
    help="Minimise the error of fine-tuning with so many labels, or `all`, on other labelled "
    "training images. [default: minimise the held-out loss of pre-training]",
)
@click.option(
    "--label-seed",
    type=click.IntRange(min=0),
    help="Of the draw of the labelled images. [default: 0]",
)
@click.option(
    "--sampler",
    type=click.Choice(["tpe", "random"]),
    default="tpe",
    show_default=True,
    help="How values are chosen: where trials did well, after ten random ones, or at random.",
)
@click.option(
    "--pruner",
    type=click.Choice(["median", "halving", "none"]),
    default="median",
    show_default=True,
    help="Which trials are stopped early: those worse than half of the others, or than the best "
    "third (successive halving).",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1, max=100_000),
    default=20,
    show_default=True,
    metavar="N",
    help="How many trials to make; more of them with --resume go on.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End after so long, with the trials that are done.",
)
@resumable_options("pretrain.epochs=3")
def command(
    *,
    recipe: str,
    out: Path,
    spaces: tuple[str, ...],
    labels: tuple[Labels, ...] | None,
    label_seed: int | None,
    sampler: str,
    pruner: str,
    trials: int,
    budget: float | None,
    options: Resumable,
) -> None:
    """Search for the values of RECIPE's keys with which it learns best.

    Every trial trains the recipe with other values and is measured on training images that
    it did not learn from, never on the test split. The best recipe is OUT/best.toml, a
    picture of all trials OUT/sweep.png, and the trials themselves are in OUT/sweep.db.

    A stopped sweep goes on with --resume and makes the trials that it would have made. It
    needs the extra `tune`: pip install 'featlearn[tune]'.
    """
    if labels is not None and len(labels) > 1:
        raise click.UsageError("a sweep takes one number of labels; `finetune` sweeps over several")
    if label_seed is not None and labels is None:
        raise click.UsageError("--label-seed is that of a draw of labels; add --labels N")
    from featlearn.config.load import load_recipe
    from featlearn.config.space import parse_spaces
    from featlearn.workflows.changes import check_changes

    loaded = load_recipe(recipe, overrides=options.overrides)  # a mistake shows before torch loads
    check_changes(recipe, loaded, options.overrides)
    parse_spaces(loaded, spaces)
    from featlearn.workflows.search import search_recipe

    result = search_recipe(
        loaded,
        out=out,
        spaces=spaces,
        trials=trials,
        budget=budget,
        sampler=sampler,
        pruner=pruner,
        labels=labels[0] if labels else None,
        label_seed=label_seed or 0,
        **options.resuming(),
    )
    options.show(result, _summary)
    then = "" if result.labels is None else f", then `featlearn finetune RUN{_drawn(result)}`"
    options.next_step(f"`featlearn pretrain {result.best_recipe} --out RUN`{then}")


def _summary(result: "SearchResult") -> "Iterable[RenderableType]":
    from featlearn.wording import count, duration, percent, plural
    from featlearn_cli.text import facts, table

    best = result.best.value
    assert best is not None, "the best trial is complete"
    images = "held-out images" if result.labels is None else "labelled training images"
    yield facts(
        [
            ("sweep", result.folder),
            ("of", result.title),
            ("minimised", f"{result.minimised}, on {count(result.judged)} {images}"),
            ("best", f"{_value(result, best)}, by trial {result.best.number}"),
            ("trials", f"{plural(len(result.trials), 'trial')}: {_states(result)}"),
            ("time", duration(result.seconds)),
            ("best recipe", result.best_recipe),
            ("figure", result.figure),
        ]
    )
    yield ""
    heads = ["trial", "error" if result.labels is not None else "held-out loss", *result.spaces]
    ranked = sorted(_complete(result), key=lambda trial: (trial.value, trial.number))
    rows = [
        (
            trial.number,
            percent(trial.value or 0.0) if result.labels is not None else trial.value,
            *trial.params.values(),
            duration(trial.seconds),
        )
        for trial in ranked[:_SHOWN]
    ]
    yield f"the best {plural(len(rows), 'trial')}" if len(rows) > 1 else "the only complete trial"
    yield table([*heads, "time"], rows)


def _drawn(result: "SearchResult") -> str:
    """Repeat the options of the draw of labels."""
    if result.labels == "all":
        return ""
    return f" --labels {result.labels} --label-seed {result.label_seed}"


def _value(result: "SearchResult", value: float) -> str:
    from featlearn.wording import percent

    return percent(value) if result.labels is not None else f"{value:.4g}"


def _states(result: "SearchResult") -> str:
    names = {"complete": "complete", "pruned": "stopped early", "diverged": "diverged"}
    counts = {words: result.count(state) for state, words in names.items()}
    counts["not fitting"] = result.count("unfit")
    counts["repeated"] = sum(trial.repeats is not None for trial in result.trials)
    return ", ".join(f"{count} {words}" for words, count in counts.items() if count)


def _complete(result: "SearchResult") -> "list[SearchTrial]":
    """List the complete trials, each set of values once."""
    return [t for t in result.trials if t.state == "complete" and t.repeats is None]
