"""The study of digits seen and heard, told in Markdown."""

from collections.abc import Callable, Sequence

from featlearn.studies.digits_av.results import (
    Compared,
    DigitsAVResult,
    Ends,
    Fused,
    Method,
    Point,
    Repeated,
)

_INTERVALS = (
    "Intervals of 95 %: by image or by recording, over other test samples (bootstrap of the mean "
    "over trainings); by training, over other draws of pairs or seeds (Student), the two stacks "
    "being those of one run."
)


def markdown(result: DigitsAVResult) -> str:
    """Tell the study in Markdown."""
    levels = result.levels
    lines = ["# Digits seen and heard", "", _INTERVALS]
    lines += ["", "## Hearing to see, and the reverse", ""]
    lines += [
        (
            "An image and a recording are paired by class, so the number of pairs is a number of "
            "labels. Accuracy in %."
        ),
        "",
        *_hearing(result.curve),
        "",
        "The shared code is ahead, in points, draw by draw:",
        "",
        *_ahead(result.curve),
    ]
    lines += ["", "## Both noisy, and one of them missing", ""]
    lines += [
        (
            f"Noise of deviation {levels.image:g} on pixels, sound {levels.sound:g} dB louder than "
            "its noise, as fixed on validation samples. Error in %."
        ),
        "",
        *_noisy(result.noisy),
        "",
        "Beside nets of one modality, seed by seed:",
        "",
        *_compared(result),
    ]
    if result.folds:
        lines += ["", "## Speakers who were never heard, all pairs", "", *_folds(result)]
    return "\n".join([*lines, ""])


def _hearing(curve: Sequence[Point]) -> list[str]:
    rows = [
        [str(point.pairs), str(point.draws), each.name, *_both(_share, each.seen, each.heard)]
        for point in curve
        for each in point.methods
    ]
    heads = _both_heads("heard, then seen", "seen, then heard")
    return _table(["pairs", "draws", "method", *heads], rows)


def _ahead(curve: Sequence[Point]) -> list[str]:
    rows = [
        [str(point.pairs), name, *_both(_points, seen, point.ahead_heard[name])]
        for point in curve
        for name, seen in point.ahead.items()
    ]
    return _table(["pairs", "of", *_both_heads("images", "recordings")], rows)


def _both_heads(seen: str, heard: str) -> list[str]:
    """Head the columns of `_both`."""
    return [seen, "by image", "by training", heard, "by recording", "by training"]


def _both(figure: Callable[[Repeated], str], seen: Repeated, heard: Repeated) -> list[str]:
    """Tell what images and recordings came to, each with the intervals that it has."""
    return [
        figure(seen),
        _between(seen.by_image),
        _between(seen.by_training),
        figure(heard),
        _between(heard.by_recording),
        _between(heard.by_training),
    ]


def _noisy(nets: Sequence[Fused]) -> list[str]:
    rows = [
        [
            each.name,
            way,
            f"{100 * each.validation[way]:.1f}",
            _share(error),
            _between(error.by_image),
            _between(error.by_recording),
            _between(error.by_training),
        ]
        for each in nets
        for way, error in each.error.items()
    ]
    heads = ["net", "there", "validation", "test", "by image", "by recording", "by training"]
    return _table(heads, rows)


def _compared(result: DigitsAVResult) -> list[str]:
    rows = [
        _row(head, way, each)
        for head, fused in result.fused.items()
        for way, each in {"both": fused, **result.missing[head]}.items()
    ]
    heads = ["head", "there", "against", "errs more by", "points", "by image", "by recording"]
    return _table([*heads, "by training"], rows)


def _row(head: str, way: str, each: Compared) -> list[str]:
    found = each.difference
    return [
        head,
        way,
        each.against,
        "—" if each.more is None else f"{100 * each.more:+.1f} %",
        _points(found),
        _between(found.by_image),
        _between(found.by_recording),
        _between(found.by_training),
    ]


def _folds(result: DigitsAVResult) -> list[str]:
    return _table(
        ["speaker", "method", "heard, then seen", "seen, then heard", "by recording"],
        [
            [speaker, each.name, _share(each.seen), _share(each.heard), _by(each)]
            for speaker, methods in {**result.folds, "mean of all": result.unheard}.items()
            for each in methods
        ],
    )


def _by(each: Method) -> str:
    """Bound one speaker's recordings, or the mean over speakers by these."""
    if each.heard.by_recording is not None:
        return _between(each.heard.by_recording)
    return f"{_between(each.heard.by_training)}, by speaker"


def _share(value: Repeated) -> str:
    return f"{100 * value.mean:.2f}"


def _points(value: Repeated) -> str:
    return f"{100 * value.mean:+.2f}"


def _between(ends: Ends | None) -> str:
    return "—" if ends is None else f"{100 * ends[0]:.2f} to {100 * ends[1]:.2f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]
