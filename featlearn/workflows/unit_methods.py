"""`evaluate --units`: the network, its stages and the controls, each scored on the same images."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from featlearn.config.recipe import Recipe
from featlearn.datasets.labels import limited
from featlearn.evaluate.candidates import (
    Best,
    Candidates,
    Half,
    Outcome,
    bank_candidates,
    find_best,
    halves_passed,
    stack_candidates,
    statistics_candidates,
)
from featlearn.evaluate.chance import chance_accuracy
from featlearn.evaluate.controls import STATISTICS, kmeans_means, template_bank, told_apart
from featlearn.evaluate.histogram import histogram
from featlearn.evaluate.probe import linear_probe
from featlearn.evaluate.units import unit_at, unit_name
from featlearn.heads.finetuning import untrained_stack
from featlearn.networks.stack import Stack
from featlearn.ops.random import generator
from featlearn.seeds import derive
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress
from featlearn.training.settling import fitting_sample
from featlearn.wording import plural
from featlearn.workflows.probe import features
from featlearn.workflows.unit_images import Subject
from featlearn.workflows.unit_results import (
    Method,
    Named,
    StageScores,
    plain_method,
    unit_method,
)

MOST_PROBED = 2000
"""Labelled images that the linear classifiers learn from, of those that units are chosen on."""

MEANS = 256
"""Most clusters of k-means."""

_NUMBERS = 1 << 26  # in a bank of filters, or in what k-means is given


class Bench(NamedTuple):
    """What all methods are tried on.

    Attributes:
        subject: The images and what is looked for.
        chosen: Those to choose on.
        scored: Those to score on.
        classes: What is looked for, on the images that are scored.
        seed: Of random weights and of filters.
        device: Where to compute.
    """

    subject: Subject
    chosen: Pictures
    scored: Pictures
    classes: list[Named]
    seed: int
    device: torch.device

    @classmethod
    def of(cls, subject: Subject, *, seed: int, device: torch.device) -> "Bench":
        """Bring images to a device."""
        labels = torch.from_numpy(subject.scored_labels).to(device)
        classes = [Named(subject.classes[place], labels == place) for place in subject.wanted]
        chosen, scored = (
            Pictures(images, device) for images in (subject.chosen_on, subject.scored_on)
        )
        return cls(subject, chosen, scored, classes, seed, device)

    @property
    def halves(self) -> tuple[Half, Half]:
        """The images with their classes."""
        labels = (self.subject.chosen_labels, self.subject.scored_labels)
        pictures = (self.chosen, self.scored)
        return tuple(  # pyright: ignore[reportReturnType]
            Half(images.at, torch.from_numpy(some).to(self.device))
            for images, some in zip(pictures, labels, strict=True)
        )

    def best(self, candidates: Candidates, told: Callable[[int], None]) -> Outcome:
        """Choose the best candidates on one half, and ask them about the other."""
        return find_best(
            candidates,
            *self.halves,
            classes=len(self.subject.classes),
            wanted=self.subject.wanted,
            told=told,
        )


class Counter:
    """Tells how many images have gone through, of all that will."""

    def __init__(self, bench: Bench, progress: Progress, *, rounds: int) -> None:
        """Begin to count, for so many kinds of candidates."""
        self.progress = progress
        self.of = rounds * halves_passed(*bench.halves)
        self.done = 0
        self.name = ""
        progress.count("images", done=0, of=self.of)

    def __call__(self, images: int) -> None:
        """Count a batch."""
        self.done += images
        self.progress.count("images", done=self.done, of=self.of, words=self.name)

    def named(self, name: str) -> "Counter":
        """Say what is looked at now."""
        self.name = name
        return self


def network_methods(
    bench: Bench, stack: Stack, told: Callable[[int], None]
) -> tuple[list[Method], tuple[StageScores, ...]]:
    """Try the units of the run: of all stages together, and of each."""
    candidates = stack_candidates(stack)
    found = bench.best(candidates, told)
    curves = [
        histogram(best.responses, named.positive)
        for best, named in zip(found.best, bench.classes, strict=True)
    ]
    methods = [
        unit_method(
            "network",
            "best unit",
            found.best,
            bench.classes,
            units=_names(stack, found.best),
            candidates=candidates.total,
            histograms=curves,
            chances=[chance_accuracy(found.counted, place) for place in bench.subject.wanted],
        )
    ]
    sizes = dict(candidates.parts)
    methods += [
        unit_method(
            "stage",
            name,
            best,
            bench.classes,
            units=_names(stack, best),
            candidates=sizes[name],
        )
        for name, best in found.best_of.items()
    ]
    return methods, _stage_scores(stack, found, bench)


def other_method(
    bench: Bench, kind: str, name: str, stack: Stack, told: Callable[[int], None]
) -> Method:
    """Try the units of another network, of all its stages together."""
    candidates = stack_candidates(stack)
    best = bench.best(candidates, told).best
    units = _names(stack, best)
    return unit_method(kind, name, best, bench.classes, units=units, candidates=candidates.total)


def random_stack(bench: Bench, recipe: Recipe, stack: Stack, fitted_on: Pictures) -> Stack:
    """Build the same network with random weights."""
    sample = fitting_sample(recipe, fitted_on)
    return untrained_stack(recipe, stack, sample, seed=derive(bench.seed, "units")).eval()


def filter_methods(bench: Bench, stack: Stack, fitted_on: Pictures, told: Counter) -> list[Method]:
    """Try statistics of the image, images as filters, and means of clusters as filters.

    The images are those that units are chosen on, positives among them; where there are fewer
    than units, those that the run learned from are added.
    """
    most = max(_NUMBERS // stack.stage(0).input_shape.units, 1)
    count = min(stack_candidates(stack).total, most)
    draw = generator(bench.seed, "templates")
    samples = [bench.chosen.sample(count, draw)]
    if len(samples[0]) < count and fitted_on is not bench.chosen:
        samples.append(fitted_on.sample(count - len(samples[0]), draw))
    prepared = torch.cat([stack.prepare(some) for part in samples for some in part.batches(256)])
    clusters = kmeans_means(
        prepared,
        count=min(MEANS, max(len(prepared) // 8, 2)),
        seed=derive(bench.seed, "k-means"),
    )
    tried = [
        ("statistics", "image statistics", statistics_candidates()),
        ("templates", "best linear filter", bank_candidates(stack, template_bank(prepared))),
        ("k-means", "k-means", bank_candidates(stack, template_bank(clusters))),
    ]
    methods: list[Method] = []
    for kind, name, candidates in tried:
        best = bench.best(candidates, told.named(name)).best
        units = [
            STATISTICS[found.place] if kind == "statistics" else str(found.place) for found in best
        ]
        total = candidates.total
        methods.append(unit_method(kind, name, best, bench.classes, units=units, candidates=total))
    return methods


def classifier_methods(bench: Bench, stack: Stack, progress: Progress) -> list[Method]:
    """Try linear classifiers on the last stage and on pixels, which may use everything at once."""
    subject = bench.subject
    labels, truth = subject.chosen_labels, subject.scored_labels
    used = limited(labels, len(labels), MOST_PROBED, seed=bench.seed)
    if len(subject.wanted) == 1:  # nothing else need be told apart
        (positive,) = subject.wanted
        labels, truth = ((some == positive).astype(np.int64) for some in (labels, truth))
        wanted: Sequence[int] = (1,)
    else:
        wanted = subject.wanted
    learned = Pictures(subject.chosen_on.subset(used), bench.device)
    methods: list[Method] = []
    last = stack.names[-1]
    for kind, name, stage in (
        ("probe", f"linear probe of {last}", last),
        ("pixels", "linear on pixels", None),
    ):
        progress.note(f"{name}: a linear classifier on {plural(len(used), 'labelled image')}")
        found = linear_probe(
            features(stack, learned, stage),
            labels[used],
            features(stack, bench.scored, stage),
            truth,
            strengths=(1e-3, 1e-2, 1e-1),
            folds=3,
        )
        right = [told_apart(found.predictions, truth, place) for place in wanted]
        methods.append(plain_method(kind, name, np.stack(right, 1), bench.classes))
    return methods


def majority_method(bench: Bench) -> Method:
    """Name the larger of the class and its others every time."""
    columns: list[np.ndarray] = []
    for _, positive in bench.classes:
        inside = positive.cpu().numpy()
        columns.append(inside if inside.mean() > 0.5 else ~inside)
    return plain_method("majority", "majority guess", np.stack(columns, 1), bench.classes)


def _names(stack: Stack, best: Sequence[Best]) -> list[str]:
    """Name units as other commands name them."""
    shapes = [stack.stage(found.part).output_shape for found in best]
    return [
        unit_name(shape, unit_at(shape, found.place))
        for shape, found in zip(shapes, best, strict=True)
    ]


def _stage_scores(stack: Stack, found: Outcome, bench: Bench) -> tuple[StageScores, ...]:
    """Give every unit the class that it tells best above guessing, where units are chosen."""
    labels = bench.subject.chosen_labels
    shares = [float((labels == place).mean()) for place in bench.subject.wanted]
    guess = torch.tensor([max(share, 1 - share) for share in shares], dtype=torch.float64)
    accuracy = torch.stack([chosen.accuracy for chosen in found.selections]).cpu()
    most = (accuracy - guess[:, None]).argmax(0)
    best = accuracy.gather(0, most[None])[0]
    scores: list[StageScores] = []
    first = 0
    for name in stack.names:
        shape = stack.stage(name).output_shape
        part = slice(first, first + shape.units)
        scores.append(
            StageScores(
                stage=name,
                shape=(shape.maps, shape.height, shape.width),
                accuracy=tuple(_rounded(best[part])),
                positive=tuple(most[part].tolist()),
            )
        )
        first += shape.units
    return tuple(scores)


def _rounded(shares: Tensor) -> list[float]:
    """Write shares with five places: a file of many units stays small."""
    return [round(share, 5) for share in shares.tolist()]
