"""The comparison in the page: what pre-training was worth when labels were few."""

from statistics import fmean

from featlearn.report.embed import embed_chart
from featlearn.report.records import Comparison, CurvePoint
from featlearn.report.views import Chart, ComparisonView, CurveRow
from featlearn.report.words import percent, points, settings_words
from featlearn.visualize.few_labels import few_labels_figure
from featlearn.visualize.style import svg_text
from featlearn.wording import count, duration, plural


def comparison_view(comparison: Comparison) -> ComparisonView:
    """Arrange a comparison: its headline, its chart, its table."""
    pretrained, scratch = comparison.accuracy["pretrained"], comparison.accuracy["scratch"]
    low, high = comparison.difference_interval
    curve = sorted(comparison.curve, key=lambda point: point.labels)
    draws = next((len(p.pretrained) for p in curve if p.labels == comparison.labels), 0)
    return ComparisonView(
        labels=count(comparison.labels),
        pretrained=percent(pretrained),
        scratch=percent(scratch),
        pixels=next((_pixels(p) for p in curve if p.labels == comparison.labels), ""),
        difference=points(pretrained - scratch),
        interval=f"{points(low)} to {points(high)}",
        verdict=_verdict(comparison),
        note=_note(comparison, draws),
        chart=_chart(curve) if curve else None,
        rows=[_row(point) for point in curve],
    )


def _verdict(comparison: Comparison) -> str:
    """Say what the interval lets one conclude."""
    low, high = comparison.difference_interval
    difference = comparison.accuracy["pretrained"] - comparison.accuracy["scratch"]
    given = f"With {plural(comparison.labels, 'labelled image')}"
    if low <= 0 <= high:
        return f"{given}, these draws do not settle whether learning from unlabelled ones helps."
    verb = "gains" if low > 0 else "loses"
    amount = points(abs(difference)).lstrip("+")
    return f"{given}, learning from unlabelled ones first {verb} {amount} points of accuracy."


def _note(comparison: Comparison, draws: int) -> str:
    """Say how the figures came about."""
    parts = ["Both are the same network, trained on the same labels"]
    if draws:
        parts.append(f"in {draws} draws")
    if comparison.test_images is not None:
        parts.append(f"and judged on the same {count(comparison.test_images)} test images")
    sentences = [" ".join(parts), "The interval is Student's, of the paired difference"]
    tuning = comparison.protocol
    if tuning is not None:
        sentences.append(
            f"Each was given the best for it of {len(tuning.tried)} settings, chosen on "
            f"{tuning.tuning_draws} other draws of {count(tuning.tuning_labels)} labels and judged "
            f"by the labels of the other {count(tuning.validation)} training images: "
            f"{settings_words(tuning.settings)}"
        )
        if tuning.steps is not None:
            sentences.append(f"Every fine-tuning took {count(tuning.steps)} steps")
    if any(point.pixels for point in comparison.curve):
        sentences.append(
            "Pixels are a linear classifier on the plain images, at the same labels and draws"
        )
    if comparison.seconds is not None:
        sentences.append(f"Everything took {duration(comparison.seconds)}")
    return ". ".join(sentences) + "."


def _chart(curve: list[CurvePoint]) -> Chart:
    """Draw accuracy over the number of labels."""
    figure = few_labels_figure(
        [point.labels for point in curve],
        [point.pretrained for point in curve],
        [point.scratch for point in curve],
        pixels=[point.pixels for point in curve] if all(p.pixels for p in curve) else None,
    )
    alt = "Accuracy over the number of labels, pre-trained and from scratch, and their difference"
    svg = embed_chart(svg_text(figure), key="few-labels", alt=alt)
    note = (
        "Dots are draws of labels, lines their means. Below, the mean paired difference with its "
        "95 % interval."
    )
    return Chart(svg, note)


def _pixels(point: CurvePoint) -> str:
    """Write the mean accuracy of the linear classifier on pixels, if it was measured."""
    return percent(fmean(point.pixels)) if point.pixels else ""


def _row(point: CurvePoint) -> CurveRow:
    """Arrange one number of labels."""
    pretrained, scratch = fmean(point.pretrained), fmean(point.scratch)
    low, high = point.difference_interval
    return CurveRow(
        labels=count(point.labels),
        pretrained=percent(pretrained),
        scratch=percent(scratch),
        difference=points(pretrained - scratch),
        interval=f"{points(low)} to {points(high)}",
        pixels=_pixels(point),
    )
