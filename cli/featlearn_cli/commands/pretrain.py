"""`featlearn pretrain`."""

from pathlib import Path

import click

from featlearn_cli.options import Computing, RecipeParam, computing_options, example, exclusive


@click.command(
    "pretrain",
    epilog=example(
        "featlearn pretrain mnist-local --out runs/local",
        "featlearn pretrain digits --out runs/d --set pretrain.epochs=3",
        "featlearn pretrain digits --out runs/d --resume",
    ),
)
@click.argument("recipe", type=RecipeParam())
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the run; it is made, and must be new.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out from its checkpoint.")
@click.option("--overwrite", is_flag=True, help="Replace the run in --out.")
@click.option("--track", is_flag=True, help="Write TensorBoard's files too (extra `track`).")
@click.option(
    "--save-seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Time between two checkpoints.",
)
@computing_options
def command(
    recipe: str,
    out: Path,
    resume: bool,
    overwrite: bool,
    track: bool,
    save_seconds: float,
    options: Computing,
) -> None:
    """Learn features from images without labels, by RECIPE.

    RECIPE is the name of a shipped recipe (see `featlearn recipes`) or the path of
    a recipe file.
    """
    exclusive(resume=resume, overwrite=overwrite)
    from featlearn.config.load import load_recipe

    loaded = load_recipe(recipe, overrides=options.overrides)  # a mistake shows before torch loads
    from featlearn.workflows.pretrain import pretrain

    result = pretrain(
        loaded,
        out=out,
        root=options.root,
        device=options.device,
        threads=options.threads,
        resume=resume,
        overwrite=overwrite,
        progress=options.progress(),
        save_seconds=save_seconds,
        track=track,
    )
    options.show(result)
    options.next_step(f"`featlearn report {out}`, or `featlearn finetune {out}` with labels")
