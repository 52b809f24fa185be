"""`featlearn evaluate`."""

from pathlib import Path
from typing import Any

import click

from featlearn_cli.evaluate_modes import Asked, evaluate_one
from featlearn_cli.given import given
from featlearn_cli.modalities import evaluate_several, has_modalities
from featlearn_cli.options import Computing, computing_options, example
from featlearn_cli.params import RunParam, SourceParam

_OF_ONE_STACK = (
    *("--probe", "--units", "--representation", "--gabor", "SOURCE", "--tta", "--calibrate"),
    *("--calibrate-on", "--positives", "--distractors", "--against", "--labels", "--label-seed"),
    *("--likelihood", "--ais-chains", "--ais-steps"),
)
"""What is not for a run of several modalities."""


@click.command(
    "evaluate",
    epilog=example(
        "featlearn evaluate runs/local --json",
        "featlearn evaluate runs/local my-images/",
        "featlearn evaluate runs/local --calibrate",
        "featlearn evaluate runs/local --tta 8",
        "featlearn evaluate runs/local --probe --labels 1000",
        "featlearn evaluate runs/local --units",
        "featlearn evaluate runs/local --representation --against runs/other",
        "featlearn evaluate runs/local --gabor",
        "featlearn evaluate runs/strokes --likelihood",
        "featlearn evaluate runs/local --units --positives faces/ --distractors scenes/",
    ),
)
@click.argument("run", type=RunParam())
@click.argument("source", type=SourceParam(), required=False)
@click.option("--head", help="Name of the head. [default: `default`, or the only one]")
@click.option(
    "--tta",
    type=click.IntRange(min=1, max=1000),
    metavar="N",
    help="Average the head's answers over each image and N copies, changed as in training.",
)
@click.option(
    "--calibrate",
    is_flag=True,
    help="First fit a temperature on the labelled images that fine-tuning held out, so that the "
    "head is as sure as it is right; it is kept beside the head.",
)
@click.option(
    "--calibrate-on",
    type=SourceParam(),
    help="The same on these labelled images, which the head has not learned from.",
)
@click.option(
    "--probe", is_flag=True, help="Fit linear classifiers on pixels and on every stage instead."
)
@click.option("--units", is_flag=True, help="Find the best single unit for each class instead.")
@click.option(
    "--representation",
    is_flag=True,
    help="Describe how every stage represents images instead: sparsity, rank, likeness.",
)
@click.option(
    "--gabor",
    is_flag=True,
    help="Fit Gabor functions to the filters of every stage instead: frequency, orientation, R2.",
)
@click.option(
    "--likelihood",
    is_flag=True,
    help="Estimate how likely images are under stages that are restricted Boltzmann machines.",
)
@click.option(
    "--positives",
    metavar="CLASS|SRC",
    help="The class to find a unit for, or images of what to find. [default: every class in turn]",
)
@click.option(
    "--distractors",
    type=SourceParam(),
    help="Images without it; then --positives are images too, and SOURCE is left out.",
)
@click.option(
    "--against",
    type=RunParam(),
    multiple=True,
    help="Another run whose units are tested the same way, or whose stages are compared with "
    "those of --representation; may be repeated.",
)
@click.option(
    "--labels",
    type=click.IntRange(min=1),
    help="How many labels the probes get, or units are chosen on. [default: all, at most 10 000]",
)
@click.option(
    "--label-seed",
    type=click.IntRange(min=0),
    help="Of the draw of these labels, and of all that units are tested with. [default: 0]",
)
@click.option(
    "--ais-chains",
    type=click.IntRange(min=2),
    metavar="N",
    help="Chains of annealed importance sampling. [default: 100]",
)
@click.option(
    "--ais-steps",
    type=click.IntRange(min=1),
    metavar="N",
    help="Steps that each of them takes. [default: 14 500]",
)
@computing_options
def command(*, run: Path, options: Computing, **own: Any) -> None:
    """Measure a head of RUN on the test images, or on labelled images of SOURCE.

    Of a SOURCE that has splits, the test split is taken. Images that the run learned
    from make the figures look better than they are; how many of them SOURCE has, pixel
    for pixel, is said. Accuracy and error are fractions in [0, 1] with --json. A regression
    is measured by errors in the unit of each target and by R2, a multi-label head by average
    precision and F1.

    With --probe the heads are left aside: the frozen features of every stage, and the
    plain pixels beside them, are judged by a linear classifier.

    With --units no head is needed either: for each class the unit, sign and threshold that
    tell it best from all others are chosen on the training images (or on one half of a SOURCE
    that has no splits) and scored once on the others, beside the same network with random
    weights, images as linear filters, and other controls. The figures are kept in
    RUN/units.json, in place of those of an earlier test: a run keeps the last one.

    With --representation the outputs of every stage are described on up to 1000 test images,
    beside those of the same network with random weights: how sparse they are, in how many
    directions they vary, how many units repeat another, how much of their input they rebuild,
    and how like stages are (CKA): to one another, and to those of the runs --against.

    With --gabor the Gabor function nearest to each filter, as it is seen in the image, is found
    by least squares, beside those of the same network with random weights and of noise. No image
    is needed. The figures are kept in RUN/gabor.json, and the report shows them.

    With --likelihood the log-likelihood of up to 10 000 training and test images is given, under
    each stage that learned as a restricted Boltzmann machine: exactly where it is small, by
    annealed importance sampling elsewhere; beside it that of base rates alone, and the
    pseudo-likelihood.
    """
    asked = Asked(**own)
    if has_modalities(run):
        evaluate_several(run, head=asked.head, refused=given(*_OF_ONE_STACK), options=options)
    else:
        evaluate_one(run, asked, options)
