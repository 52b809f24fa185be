"""`featlearn pretrain`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featlearn_cli.modalities import pretrain_several
from featlearn_cli.options import Training, example, training_options
from featlearn_cli.params import PathParam, RecipeParam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.pretrain import PretrainResult


@click.command(
    "pretrain",
    epilog=example(
        "featlearn pretrain mnist-local --out runs/local",
        "featlearn pretrain digits --out runs/d --set pretrain.epochs=3",
        "featlearn pretrain digits --out runs/d --resume",
        "featlearn pretrain mine.toml --out runs/r --weights resnet18.safetensors",
    ),
)
@click.argument("recipe", type=RecipeParam())
@click.option(
    "--out",
    required=True,
    type=PathParam(path_type=Path, file_okay=False),
    help="Folder of the run; it is made, and must be new.",
)
@click.option(
    "--weights",
    type=PathParam(path_type=Path, dir_okay=False, exists=True),
    help="Weights of the recipe's network to begin with: a safetensors file in torchvision's or "
    "timm's names, or as runs and `load_network` write it.",
)
@training_options("stages.strokes.pool.size=2")
def command(recipe: str, out: Path, weights: Path | None, options: Training) -> None:
    """Learn features from images without labels, by RECIPE.

    RECIPE is the name of a shipped recipe (see `featlearn recipes`) or the path of
    a recipe file. Stages without an objective learn nothing here: a network of such stages
    becomes a run to fine-tune, with random weights or with those of --weights.
    """
    from featlearn.config.load import load_any_recipe
    from featlearn.config.modalities import MultimodalRecipe

    # A mistake shows before torch loads.
    loaded = load_any_recipe(recipe, overrides=options.overrides)
    if isinstance(loaded, MultimodalRecipe):
        pretrain_several(loaded, out, options)
        return
    from featlearn.workflows.changes import check_changes

    check_changes(recipe, loaded, options.overrides)
    from featlearn.workflows.pretrain import pretrain

    result = pretrain(
        loaded,
        out=out,
        root=options.root,
        device=options.device,
        threads=options.threads,
        resume=options.resume,
        overwrite=options.overwrite,
        progress=options.progress(),
        save_seconds=options.save_seconds,
        track=options.track,
        weights=weights,
    )
    options.show(result, _summary)
    options.next_step(f"`featlearn report {out}`, or `featlearn finetune {out}` with labels")


def _summary(result: "PretrainResult") -> "Iterable[RenderableType]":
    from featlearn.wording import duration, images_or_patches
    from featlearn_cli.text import facts, table

    data = result.data
    material = images_or_patches(data.train, pictures=data.pictures)
    yield facts(
        [
            ("run", result.run),
            ("learned", result.title),
            ("from", f"{material} of {data.source}"),
            ("parameters", result.parameters),
            ("time", duration(result.seconds)),
        ]
    )
    rows = [
        (
            phase.name,
            phase.epochs,
            phase.steps,
            duration(phase.seconds),
            phase.loss,
            None if phase.held_out is None else phase.held_out.get("loss"),
        )
        for phase in result.phases
    ]
    yield ""
    yield table(["phase", "epochs", "steps", "time", "loss", "held out"], rows)
