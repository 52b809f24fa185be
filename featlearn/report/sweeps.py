"""Sweeps over labels in the page: errors over the number of labels, and what they rest on."""

from featlearn.report.embed import embed_chart
from featlearn.report.records import SweepRecord, SweepRowRecord
from featlearn.report.views import Chart, SweepCell, SweepRow, SweepView
from featlearn.report.words import percent, points, settings_words
from featlearn.visualize.label_sweep import label_sweep_figure
from featlearn.visualize.style import svg_text
from featlearn.wording import METHODS, caution, count, plural


def sweep_view(key: str, record: SweepRecord) -> SweepView:
    """Arrange a sweep; `key` is unique in the page."""
    arms, controls = list(record.table[0].mean), list(record.table[0].gain)
    heads = [METHODS[arm].capitalize() for arm in arms]
    return SweepView(
        key=key,
        name=record.sweep,
        words=_words(record),
        chart=_chart(key, record),
        heads=[*heads, *(f"{METHODS[arm].capitalize()} errs more, points" for arm in controls)],
        rows=[_row(row, record.test) for row in record.table],
        note=_note(record, compared=bool(controls)),
    )


def _words(record: SweepRecord) -> str:
    """Say what was swept over."""
    draws = plural(len(record.table[0].draws), "draw")
    frozen = f", {plural(record.freeze, 'stage')} frozen" if record.freeze else ""
    return f"{draws} of each number of labels{frozen}"


def _chart(key: str, record: SweepRecord) -> Chart:
    """Draw the errors."""
    figure = label_sweep_figure(
        [row.labelled for row in record.table],
        {
            arm: [[draw.error[arm] for draw in row.draws] for row in record.table]
            for arm in record.table[0].mean
        },
    )
    alt = "Test error over the number of labels, with 95 % intervals"
    below = ""
    if record.table[0].gain:
        below = " Below, how much more the control errs on the same draws, with its interval."
    return Chart(
        embed_chart(svg_text(figure), key=f"curve-{key}", alt=alt),
        f"Dots are draws, lines their means with 95\u00a0% intervals.{below}",
    )


def _row(row: SweepRowRecord, test: int) -> SweepRow:
    """Arrange one number of labels."""
    cells: list[SweepCell] = []
    for arm, mean in row.mean.items():
        low, high = (percent(max(end, 0.0), of=test) for end in row.interval[arm])
        low = low.removesuffix("\u00a0%")
        cells.append(SweepCell(percent(mean, of=test), f"{low}–{high}"))
    for gain in row.gain.values():
        low, high = (points(end, of=test) for end in gain.interval)
        cells.append(SweepCell(points(gain.mean, of=test), f"{low} to {high}"))
    return SweepRow(count(row.labelled), cells)


def _note(record: SweepRecord, *, compared: bool) -> str:
    """Say how the figures came about."""
    same = ", all methods on the same draws" if compared else ""
    error = percent(1 - record.majority)
    sentences = [
        f"Mean errors on the same {count(record.test)} test images{same}",
        f"To name the largest class every time would be wrong for {error} of them",
        "Intervals are Student's, over draws of labels and seeds of weights, of one pre-training",
    ]
    if compared:
        sentences.append("That of a difference is paired")
    coarse = caution(record.test)
    if coarse is not None:
        sentences.append(f"Figures are of {coarse}")
    given, tuning = settings_words(record.settings), record.tuning
    if tuning is not None:
        each = "Each network" if "scratch" in record.settings else "The network"
        sentences.append(
            f"{each} was given the best for it of {len(tuning.tried)} settings, chosen on "
            f"{plural(tuning.draws, 'other draw')} of {count(tuning.labels)} labels and judged by "
            f"the labels of {count(tuning.images)} other training images: {given}"
        )
    elif "scratch" in record.settings:
        sentences.append(
            "Both networks have the recipe's learning rate, chosen for neither, and from scratch "
            f"all of it in the stages, unless another share was asked for: {given}"
        )
    kept = [plural(row.validation, "label") for row in record.table if row.validation]
    if kept:
        sentences.append(f"Of the labels, {', '.join(kept)} were only measured on, to stop by")
    return ". ".join(sentences) + "."
