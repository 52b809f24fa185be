"""`featlearn study`: a command for each comparison."""

from collections.abc import Callable
from pathlib import Path

import click

from featlearn.studies.few_labels.plan import SETS
from featlearn_cli.options import ByRecipe, Command, example, recipe_options
from featlearn_cli.params import PathParam

FACTORS = ("method", "features", "stride", "patch", "whitening")
"""What single-layer varies."""

VARIANTS = ("rotated", "random-background", "image-background")
"""The sets of digit-variants."""

_out = click.option(
    "--out",
    required=True,
    type=PathParam(path_type=Path, file_okay=False),
    help="Folder of runs, tables and pictures; what is trained there already is kept.",
)


def _draws(of: str) -> Callable[[Command], Command]:
    """Make the option of how often something is drawn."""
    kind = click.IntRange(min=1, max=1000)
    return click.option("--draws", type=kind, metavar="N", help=f"Draws of {of}. [default: 10]")


def _images(words: str) -> Callable[[Command], Command]:
    """Make the option of how many images are learned from."""
    kind = click.IntRange(min=100)
    return click.option("--images", type=kind, metavar="N", help=f"{words} [default: all]")


@click.group(
    "study",
    epilog=example(
        "featlearn study digit-variants --help",
        "featlearn study face-unit --out faces",
    ),
)
def command() -> None:
    """Rerun a comparison, and set its figures beside published ones.

    Each has its own --help. A study that was stopped goes on with the same command.
    """


@command.command(
    "digit-variants",
    epilog=example(
        "featlearn study digit-variants --only rotated --out turned --threads 2",
        "featlearn study digit-variants --images 500 --set pretrain.epochs=1 --out trial",
    ),
)
@_out
@click.option(
    "--only",
    type=click.Choice(VARIANTS),
    multiple=True,
    help="A set to compare on; may be repeated. [default: all]",
)
@_images("Training images; test images in proportion.")
@recipe_options("pretrain.epochs=2")
def digit_variants(
    *, out: Path, only: tuple[str, ...], images: int | None, options: ByRecipe
) -> None:
    """Name digits that are harder to read than MNIST's.

    They are turned, or before noise or photographs. A support vector machine, stacked
    auto-encoders with and without noise, the same network from random weights, and a deep belief
    network learn from 10,000 of them, and name 50,000 others. Their errors stand beside published
    ones. It takes hours. --set changes all recipes.
    """
    from featlearn_cli.studies.digit_variants import run_digit_variants

    run_digit_variants(out, options, only=only, images=images)


@command.command(
    "digits-av", epilog=example("featlearn study digits-av --out seen-and-heard --draws 3")
)
@_out
@_draws("every number of pairs")
@click.option(
    "--seeds",
    type=click.IntRange(min=1, max=1000),
    metavar="N",
    help="Trainings with all pairs, of each noisy net, and without each speaker. [default: 5]",
)
@recipe_options("pretrain.epochs=2")
def digits_av(*, out: Path, draws: int | None, seeds: int | None, options: ByRecipe) -> None:
    """Learn one code for written and for spoken digits.

    It learns from few pairs of the two and from many; then a classifier that learned from sound
    names images, beside canonical correlations, linear maps and small nets. Noisy pairs tell
    what fusion is worth, and what it costs if one modality is missing.
    """
    from featlearn_cli.studies.digits_av import run_digits_av

    run_digits_av(out, options, draws=draws, seeds=seeds)


@command.command("face-unit", epilog=example("featlearn study face-unit --out faces"))
@_out
@recipe_options("pretrain.epochs=2")
def face_unit(*, out: Path, options: ByRecipe) -> None:
    """Look for a face unit in a network without labels.

    A network learns from natural scenes, a few per cent of which hold a face, without any label;
    again without contrast normalisation, without pooling, and without faces. Then it is asked
    which single unit tells faces best, on people and pictures never seen, beside the controls
    that could explain it away.
    """
    from featlearn_cli.studies.face_unit import run_face_unit

    run_face_unit(out, options)


@command.command(
    "faces-multitask", epilog=example("featlearn study faces-multitask --out help --json")
)
@_out
@recipe_options("pretrain.epochs=2")
def faces_multitask(*, out: Path, options: ByRecipe) -> None:
    """Find faces, helped by naming people or not.

    On the same stages, from 10 to 300 labels, ten draws each; both are judged on people never
    seen.
    """
    from featlearn_cli.studies.faces_multitask import run_faces_multitask

    run_faces_multitask(out, options)


@command.command(
    "few-labels",
    epilog=example(
        "featlearn study few-labels --only mnist-local --out worth --threads 2",
        "featlearn study few-labels --draws 2 --set finetune.steps=50 --out trial",
    ),
)
@_out
@_draws("every number of labels")
@click.option(
    "--only",
    type=click.Choice(tuple(SETS)),
    multiple=True,
    help="The recipe of a set to compare; may be repeated. [default: all]",
)
@recipe_options("pretrain.epochs=2")
def few_labels(*, out: Path, draws: int | None, only: tuple[str, ...], options: ByRecipe) -> None:
    """Ask what pre-training is worth where labels are few.

    The recipes mnist-local, fashion-local and cifar-conv are compared with the same networks from
    random weights, on the same ten draws of 100, 300, 1000 and 3000 labels. It takes hours. --set
    changes all the recipes that are compared.
    """
    from featlearn_cli.studies.few_labels import run_few_labels

    run_few_labels(out, options, draws=draws, only=only)


@command.command(
    "mnist-table", epilog=example("featlearn study mnist-table --out table --threads 2 --json")
)
@_out
@recipe_options("pretrain.epochs=2")
def mnist_table(*, out: Path, options: ByRecipe) -> None:
    """Fit the ten classifiers of a tutorial's table of MNIST.

    From a linear one to a pre-trained convolutional network; published errors stand beside
    measured ones and their cost. It takes some hours on two cores.
    """
    from featlearn_cli.studies.mnist_table import run_mnist_table

    run_mnist_table(out, options)


@command.command(
    "single-layer",
    epilog=example(
        "featlearn study single-layer --features 1600 --vary method --out layer --threads 2",
        "featlearn study single-layer --features 100 --images 2000 --vary method --out trial",
    ),
)
@_out
@click.option(
    "--features",
    type=click.IntRange(min=2, max=100_000),
    multiple=True,
    metavar="N",
    help="A number of features; may be repeated. [default: 100 200 400 800 1600]",
)
@click.option(
    "--vary",
    type=click.Choice(FACTORS),
    multiple=True,
    help="What is varied; may be repeated. [default: all]",
)
@_images("Training images; test images, as many at most.")
@recipe_options("pretrain.epochs=2")
def single_layer(
    *,
    out: Path,
    features: tuple[int, ...],
    vary: tuple[str, ...],
    images: int | None,
    options: ByRecipe,
) -> None:
    """Compare single layers of features of CIFAR-10 (JPEG).

    They are learned from patches by k-means, by a sparse auto-encoder and not at all, applied
    everywhere, summed over quadrants, and judged by a linear support vector machine: over the
    number of features, stride, size of patches, and whitening. It takes hours.
    """
    from featlearn_cli.studies.single_layer import run_single_layer

    run_single_layer(out, options, features=features, vary=vary, images=images)
