"""`featlearn pretrain`."""

from pathlib import Path

import click

from featlearn_cli.given import given
from featlearn_cli.modalities import pretrain_several
from featlearn_cli.options import Training, example, training_options
from featlearn_cli.params import PathParam, RecipeParam


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
        pretrain_several(loaded, out, refused=given("--weights"), options=options)
        return
    from featlearn.workflows.changes import check_changes

    check_changes(recipe, loaded, options.overrides)
    from featlearn.workflows.pretrain import pretrain
    from featlearn_cli.pretraining import run_summary

    result = pretrain(loaded, out=out, weights=weights, **options.training())
    options.show(result, run_summary)
    options.next_step(f"`featlearn report {out}`, or `featlearn finetune {out}` with labels")
