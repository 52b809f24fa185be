"""`featlearn study`."""

from pathlib import Path

import click

from featlearn.studies.few_labels.plan import SETS
from featlearn_cli.given import given
from featlearn_cli.options import ByRecipe, example, recipe_options
from featlearn_cli.params import PathParam

STUDIES = (
    "digit-variants",
    "digits-av",
    "face-unit",
    "faces-multitask",
    "few-labels",
    "mnist-table",
    "single-layer",
)

FACTORS = ("method", "features", "stride", "patch", "whitening")
"""What single-layer varies."""

VARIANTS = ("rotated", "random-background", "image-background")
"""The sets of digit-variants."""

_ONLY = {"few-labels": tuple(SETS), "digit-variants": VARIANTS}
"""What `--only` takes, by the study."""

_TAKERS = {
    "--draws": ("digits-av", "few-labels"),
    "--seeds": ("digits-av",),
    "--only": ("digit-variants", "few-labels"),
    "--features": ("single-layer",),
    "--vary": ("single-layer",),
    "--images": ("digit-variants", "single-layer"),
}
"""Which studies take an option of their own."""


@click.command(
    "study",
    epilog=example(
        "featlearn study digit-variants --only rotated --out turned --threads 2",
        "featlearn study face-unit --out faces",
        "featlearn study faces-multitask --out help --json",
        "featlearn study few-labels --only mnist-local --out worth --threads 2",
        "featlearn study digits-av --out seen-and-heard --draws 3",
        "featlearn study mnist-table --out table --threads 2 --json",
        "featlearn study single-layer --features 1600 --vary method --out layer --threads 2",
    ),
)
@click.argument("name", type=click.Choice(STUDIES), metavar="NAME")
@click.option(
    "--out",
    required=True,
    type=PathParam(path_type=Path, file_okay=False),
    help="Folder of runs, tables and pictures; what is trained there already is kept.",
)
@click.option(
    "--draws",
    type=click.IntRange(min=1, max=1000),
    metavar="N",
    help="In digits-av and few-labels, draws of every number of pairs or labels. [default: 10]",
)
@click.option(
    "--only",
    type=click.Choice([name for names in _ONLY.values() for name in names]),
    multiple=True,
    help="In digit-variants a set, in few-labels the recipe of a set to compare; may be repeated. "
    "[default: all]",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1, max=1000),
    metavar="N",
    help="In digits-av, trainings with all pairs, of each noisy net, and without each speaker. "
    "[default: 5]",
)
@click.option(
    "--features",
    type=click.IntRange(min=2, max=100_000),
    multiple=True,
    metavar="N",
    help="In single-layer, a number of features; may be repeated. [default: 100 200 400 800 1600]",
)
@click.option(
    "--vary",
    type=click.Choice(FACTORS),
    multiple=True,
    help="In single-layer, what is varied; may be repeated. [default: all]",
)
@click.option(
    "--images",
    type=click.IntRange(min=100),
    metavar="N",
    help="In digit-variants and single-layer, training images; test images in proportion, or as "
    "many at most. [default: all]",
)
@recipe_options("pretrain.epochs=2")
def command(
    *,
    name: str,
    out: Path,
    draws: int | None,
    only: tuple[str, ...],
    seeds: int | None,
    features: tuple[int, ...],
    vary: tuple[str, ...],
    images: int | None,
    options: ByRecipe,
) -> None:
    """Rerun a comparison. NAME is one of the seven below.

    digit-variants lets a support vector machine, stacked auto-encoders with and without noise,
    the same network from random weights, and a deep belief network learn from 10,000 digits that
    are turned, or have noise or photographs behind them, and sets their errors on 50,000 others
    beside published ones. It takes hours. --set changes all its recipes: --only rotated
    --images 500 --set pretrain.epochs=1 --set finetune.epochs=2 makes a short trial.

    digits-av learns one code for written and for spoken digits, from few pairs of the two and
    from many; then a classifier that learned from sound names images, beside canonical
    correlations, linear maps and small nets. Noisy pairs tell what fusion is worth, and what
    it costs if one modality is missing.

    face-unit trains a network on natural scenes, a few per cent of which hold a face,
    without any label; again without contrast normalisation, without pooling, and
    without faces. Then it asks which single unit tells faces best, on people and
    pictures never seen, beside the controls that could explain it away.

    faces-multitask learns to find faces from 10 to 300 labels, alone and together with naming
    people on the same stages, ten draws each, and judges both on people never seen.

    few-labels asks what pre-training is worth: the recipes mnist-local, fashion-local and
    cifar-conv against the same networks from random weights, on the same ten draws of 100,
    300, 1000 and 3000 labels. It takes hours. --set changes all the recipes that are
    compared: --only mnist-local --draws 2 --set pretrain.epochs=1 --set finetune.epochs=1
    --set finetune.steps=50 makes a short trial.

    mnist-table fits the ten classifiers of a tutorial's table of MNIST, from a linear one
    to a pre-trained convolutional network, and sets published errors beside measured ones
    and their cost. It takes some hours on two cores.

    single-layer learns features from patches of CIFAR-10 (JPEG) by k-means, by a sparse
    auto-encoder and not at all, applies them everywhere, sums them over quadrants, and lets a
    linear support vector machine judge: over the number of features, stride, size of patches,
    and whitening. It takes hours; --features 100 --images 2000 --vary method makes a short trial.

    A study that was stopped goes on with the same command.
    """
    for option in given(*_TAKERS):
        if name not in _TAKERS[option]:
            takers = " and ".join(_TAKERS[option])
            raise click.UsageError(f"{option} belongs to {takers}; got it for {name}")
    strange = next((each for each in only if each not in _ONLY[name]), None)
    if strange is not None:
        raise click.UsageError(f"--only {strange} is not one of {name}: {', '.join(_ONLY[name])}")
    match name:
        case "digit-variants":
            from featlearn_cli.studies.digit_variants import run_digit_variants

            run_digit_variants(out, options, only=only, images=images)
        case "digits-av":
            from featlearn_cli.studies.digits_av import run_digits_av

            run_digits_av(out, options, draws=draws, seeds=seeds)
        case "face-unit":
            from featlearn_cli.studies.face_unit import run_face_unit

            run_face_unit(out, options)
        case "faces-multitask":
            from featlearn_cli.studies.faces_multitask import run_faces_multitask

            run_faces_multitask(out, options)
        case "few-labels":
            from featlearn_cli.studies.few_labels import run_few_labels

            run_few_labels(out, options, draws=draws, only=only)
        case "single-layer":
            from featlearn_cli.studies.single_layer import run_single_layer

            run_single_layer(out, options, features=features, vary=vary, images=images)
        case _:
            from featlearn_cli.studies.mnist_table import run_mnist_table

            run_mnist_table(out, options)
