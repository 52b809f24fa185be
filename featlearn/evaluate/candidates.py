"""Units, and whatever is scored beside them: the best of each, chosen on a half, for each class."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from featlearn.evaluate.controls import STATISTICS, image_statistics, template_responses
from featlearn.evaluate.thresholds import Choice, Selection, Tally, select, tally, unit_ranges
from featlearn.evaluate.units import responses
from featlearn.networks.stack import Stack

_AT_ONCE = 256
_CELLS = 1 << 25  # responses of a batch
_KEPT = 1 << 26  # responses that are kept for the second pass, rather than computed again


class Half(NamedTuple):
    """Images with classes.

    Attributes:
        at: Gives the images from one place to another, `(n, maps, height, width)` in [0, 1].
        labels: `(n,)` int64, the classes of all of them, on the images' device.
    """

    at: Callable[[range], Tensor]
    labels: Tensor

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Go through images and classes in order."""
        for start in range(0, len(self.labels), size):
            rows = range(start, min(start + size, len(self.labels)))
            yield self.at(rows), self.labels[rows.start : rows.stop]


class Candidates(NamedTuple):
    """What answers to images.

    Attributes:
        answer: Gives the responses `(n, candidates)` to images in [0, 1].
        parts: Names of the parts, and how many candidates each has, in the order of the answer.
    """

    answer: Callable[[Tensor], Tensor]
    parts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """Count the candidates of all parts."""
        return sum(count for _, count in self.parts)

    @property
    def size(self) -> int:
        """Say how many images to take at once."""
        return max(1, min(_AT_ONCE, _CELLS // max(self.total, 1)))


class Best(NamedTuple):
    """The best candidate of some for one class, and its answers where it is scored.

    Attributes:
        part: The part that it is of.
        place: Its place within the part.
        choice: Its place among all candidates, its sign and its threshold.
        responses: `(n,)`, its answers to the images of the other half.
    """

    part: str
    place: int
    choice: Choice
    responses: Tensor


class Outcome(NamedTuple):
    """What came of some candidates.

    Attributes:
        best: For each class that is looked for, the best of all candidates.
        best_of: The same for each part; a part that answers all images alike is left out.
        selections: For each class, what every candidate does best where it was chosen.
        counted: What was counted there.
    """

    best: list[Best]
    best_of: dict[str, list[Best]]
    selections: list[Selection]
    counted: Tally


def stack_candidates(stack: Stack) -> Candidates:
    """Take the units of all stages of a network, in evaluation mode."""

    def answer(images: Tensor) -> Tensor:
        return torch.cat(next(responses(stack, [images])), 1)

    shapes = [stack.stage(place).output_shape for place in range(len(stack))]
    names = zip(stack.names, shapes, strict=True)
    return Candidates(answer, tuple((name, shape.units) for name, shape in names))


def statistics_candidates() -> Candidates:
    """Take the statistics of an image."""
    return Candidates(image_statistics, (("statistics", len(STATISTICS)),))


def bank_candidates(stack: Stack, bank: Tensor) -> Candidates:
    """Take linear filters `(count, inputs)`, on images prepared as the network gets them."""

    def answer(images: Tensor) -> Tensor:
        with torch.no_grad():
            return template_responses(bank, stack.prepare(images))

    return Candidates(answer, (("filters", len(bank)),))


def find_best(
    candidates: Candidates,
    chosen_on: Half,
    scored_on: Half,
    *,
    classes: int,
    wanted: Sequence[int],
    told: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Choose the best candidate for each class on one half, and ask it about the other.

    The first half is gone through twice, the second once. Memory is that of a batch, of
    `THRESHOLDS + 1` counts for each class and candidate, and of the best ones' answers; few
    responses (256 MB) are kept rather than computed twice.

    Args:
        candidates: What answers.
        chosen_on: The half to choose on.
        scored_on: The other half.
        classes: How many classes there are.
        wanted: Which of them to look for, each against all others.
        told: Told, after every batch of each pass, of how many images it was.

    Raises:
        DataError: If a class or its others are missing where is chosen, or no candidate can be.
    """

    def answers(half: Half) -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in half.batches(candidates.size):
            yield candidates.answer(images), labels
            told(len(images))

    counted = _counted(candidates, chosen_on, answers, classes=classes, told=told)
    selections = [select(counted, positive) for positive in wanted]
    spans = _spans(candidates)
    choices = [found.best() for found in selections]
    of_parts = {
        name: [found.best(first, last) for found in selections]
        for name, (first, last) in spans.items()
        if bool(counted.usable[first:last].any())
    }
    every = sorted({choice.unit for some in (choices, *of_parts.values()) for choice in some})
    columns = torch.cat([rows[:, every] for rows, _ in answers(scored_on)])
    asked = dict(zip(every, columns.T, strict=True))

    def best(choice: Choice) -> Best:
        part = next(name for name, (_, last) in spans.items() if choice.unit < last)
        return Best(part, choice.unit - spans[part][0], choice, asked[choice.unit])

    return Outcome(
        best=[best(choice) for choice in choices],
        best_of={name: [best(choice) for choice in some] for name, some in of_parts.items()},
        selections=selections,
        counted=counted,
    )


def _counted(
    candidates: Candidates,
    half: Half,
    answers: Callable[[Half], Iterator[tuple[Tensor, Tensor]]],
    *,
    classes: int,
    told: Callable[[int], None],
) -> Tally:
    """Go through the half to choose on twice, or once if its responses can be kept."""
    if len(half.labels) * candidates.total > _KEPT:
        return tally(answers(half), unit_ranges(answers(half)), classes=classes)
    kept = list(answers(half))
    counted = tally(kept, unit_ranges(kept), classes=classes)
    told(len(half.labels))
    return counted


def halves_passed(chosen_on: Half, scored_on: Half) -> int:
    """Count the images that `find_best` goes through."""
    return 2 * len(chosen_on.labels) + len(scored_on.labels)


def _spans(candidates: Candidates) -> dict[str, tuple[int, int]]:
    """Find where each part begins and ends among the candidates."""
    spans: dict[str, tuple[int, int]] = {}
    first = 0
    for name, count in candidates.parts:
        spans[name] = (first, first + count)
        first += count
    return spans
