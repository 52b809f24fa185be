"""What the study of digits seen and heard came to, and how it is told."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from featlearn.evaluate.bootstrap import bootstrap_mean
from featlearn.evaluate.paired import Interval
from featlearn.networks.formats import FORMAT
from featlearn.studies.digits_av.hearing import SHARED, Draw
from featlearn.studies.digits_av.noise import Levels, NoisyNet


class Bounded(msgspec.Struct, frozen=True):
    """A share in [0, 1], and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """A method at one number of pairs.

    Attributes:
        name: What it is called.
        seen: Accuracy on test images of a classifier that learned from sound; the interval is by
            image, of the mean over draws.
        heard: Accuracy on test recordings of one that learned from images, by recording.
        draws: Accuracies of every draw: `(seen, heard)`.
    """

    name: str
    seen: Bounded
    heard: Bounded
    draws: list[tuple[float, float]]


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """All methods at one number of pairs.

    Attributes:
        pairs: How many.
        draws: How many draws of them.
        seconds: Time that a shared code took to learn, mean over draws.
        methods: The shared code first.
        ahead: By plain method, how much the shared code is ahead on images, paired by image.
        ahead_heard: The same on recordings.
    """

    pairs: int
    draws: int
    seconds: float
    methods: list[Method]
    ahead: dict[str, Bounded]
    ahead_heard: dict[str, Bounded]


class Fused(msgspec.Struct, frozen=True, kw_only=True):
    """A net on noisy test pairs.

    Attributes:
        name: The head, or the one modality that it learned from.
        validation: Its error on validation pairs, by what is there.
        error: Its error on test pairs, by what is there, with the interval by image.
        by_recording: The same intervals by recording.
    """

    name: str
    validation: dict[str, float]
    error: dict[str, Bounded]
    by_recording: dict[str, Bounded]


class DigitsAVResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the study came to, as `results.json` holds it.

    Attributes:
        out: The folder.
        seconds: Time that everything took, this time.
        seed: Of the run.
        run: The run of which the stacks are taken.
        curve: Hearing to see, by the number of pairs.
        levels: The noise.
        noisy: Nets on noisy pairs.
        missing: By head and modality, the error with the other one missing over that of the net
            of that modality alone, less 1; nothing where that net named all right.
        folds: By speaker who was never heard, the accuracy of each method, all pairs.
        figure: The picture of the curve.
    """

    format: int = FORMAT
    out: str
    seconds: float
    seed: int
    run: str
    curve: list[Point]
    levels: Levels
    noisy: list[Fused]
    missing: dict[str, dict[str, float | None]]
    folds: dict[str, dict[str, tuple[float, float]]]
    figure: str


def point_of(draws: Sequence[Draw], *, images: int, recordings: int) -> Point:
    """Sum up the draws of one number of pairs."""
    sizes = {"seen": images, "heard": recordings}
    rights = {
        name: {way: _right(draws, name, way, size) for way, size in sizes.items()}
        for name in draws[0].wrong
    }
    methods = [
        Method(
            name=name,
            seen=bounded(bootstrap_mean(ways["seen"].mean(0))),
            heard=bounded(bootstrap_mean(ways["heard"].mean(0))),
            draws=[
                (round(float(seen), 6), round(float(heard), 6))
                for seen, heard in zip(ways["seen"].mean(1), ways["heard"].mean(1), strict=True)
            ],
        )
        for name, ways in rights.items()
    ]
    own = {way: right.mean(0) for way, right in rights[SHARED].items()}
    ahead = {
        way: {
            name: bounded(bootstrap_mean(own[way] - ways[way].mean(0)))
            for name, ways in rights.items()
            if name != SHARED
        }
        for way in sizes
    }
    return Point(
        pairs=draws[0].pairs,
        draws=len(draws),
        seconds=round(float(np.mean([draw.seconds for draw in draws])), 1),
        methods=methods,
        ahead=ahead["seen"],
        ahead_heard=ahead["heard"],
    )


def fused_of(
    name: str, net: NoisyNet, groups: Sequence[NDArray[np.generic]], *, pairs: int
) -> Fused:
    """Bound the errors of a net on noisy pairs, by image and by recording."""
    wrong = {way: _marked(places, pairs) for way, places in net.wrong.items()}
    by_image, by_recording = (
        {way: bounded(bootstrap_mean(each, groups=group)) for way, each in wrong.items()}
        for group in groups
    )
    return Fused(name=name, validation=net.validation, error=by_image, by_recording=by_recording)


def missing_costs(nets: Mapping[str, Fused]) -> dict[str, dict[str, float | None]]:
    """Compare every head, one modality missing, with the net of the other one alone.

    Returns:
        By head and modality, the ratio of the errors, less 1; `None` where the net errs nowhere.
    """
    return {
        name: {
            way: _more(net.error[way].mean, nets[f"{way} alone"].error[way].mean)
            for way in ("image", "sound")
        }
        for name, net in nets.items()
        if "both" in net.error
    }


def bounded(interval: Interval) -> Bounded:
    """Round an interval as it is written."""
    return Bounded(*(round(end, 6) for end in interval))


def markdown(result: DigitsAVResult) -> str:
    """Tell the study in Markdown."""
    lines = ["# Digits seen and heard", "", "## Hearing to see, and the reverse", ""]
    lines += [
        (
            "An image and a recording are paired by class, so the number of pairs is a number of "
            "labels. Accuracy in %, 95 % intervals by image or by recording."
        ),
        "",
    ]
    lines += _table(
        ["pairs", "draws", "method", "heard, then seen", "95 %", "seen, then heard", "95 %"],
        (
            [str(point.pairs), str(point.draws), each.name, *_cell(each.seen), *_cell(each.heard)]
            for point in result.curve
            for each in point.methods
        ),
    )
    levels = result.levels
    lines += ["", "## Both noisy, and one of them missing", ""]
    lines += [
        (
            f"Noise of deviation {levels.image:g} on pixels, sound {levels.sound:g} dB louder than "
            "its noise, as fixed on validation samples. Error in %."
        ),
        "",
    ]
    lines += _table(
        ["net", "there", "validation", "test", "95 % by image", "95 % by recording"],
        (
            [
                each.name,
                way,
                f"{100 * each.validation[way]:.1f}",
                *_cell(error),
                _cell(each.by_recording[way])[1],
            ]
            for each in result.noisy
            for way, error in each.error.items()
        ),
    )
    lines += ["", "One modality missing costs, against the net of the other one alone:", ""]
    lines += [
        f"- {head}, {way} only: {'—' if cost is None else f'{100 * cost:+.1f} %'}"
        for head, costs in result.missing.items()
        for way, cost in costs.items()
    ]
    if result.folds:
        lines += ["", "## Speakers who were never heard, all pairs", ""]
        lines += _table(
            ["speaker", "method", "heard, then seen", "seen, then heard"],
            (
                [speaker, name, f"{100 * seen:.2f}", f"{100 * heard:.2f}"]
                for speaker, methods in result.folds.items()
                for name, (seen, heard) in methods.items()
            ),
        )
    return "\n".join([*lines, ""])


def _more(error: float, than: float) -> float | None:
    """Say how much larger an error is, as a share of one that may be 0."""
    return round(error / than - 1, 4) if than else None


def _right(draws: Sequence[Draw], name: str, way: str, size: int) -> NDArray[np.float64]:
    """Tell what each draw named right, `(draws, samples)`."""
    wrong = [draw.wrong[name].seen if way == "seen" else draw.wrong[name].heard for draw in draws]
    return 1.0 - np.stack([_marked(places, size) for places in wrong])


def _marked(places: Sequence[int], size: int) -> NDArray[np.float64]:
    marked = np.zeros(size)
    marked[np.asarray(places, np.int64)] = 1.0
    return marked


def _cell(value: Bounded) -> tuple[str, str]:
    return f"{100 * value.mean:.2f}", f"{100 * value.low:.2f} to {100 * value.high:.2f}"


def _table(
    head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]
) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]
