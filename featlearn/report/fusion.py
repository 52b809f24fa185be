"""Heads over several modalities in the page."""

from dataclasses import replace

import msgspec

from featlearn.config.base import Count
from featlearn.networks.formats import read_figures
from featlearn.report.charts import loss_charts
from featlearn.report.evaluations import EvaluationRecord, FiguresRecord
from featlearn.report.heads import evaluation_view, interval, majority
from featlearn.report.records import FusionHeadRecord, Share
from featlearn.report.tables import Table
from featlearn.report.views import EvaluationView, Fact, HeadView
from featlearn.report.words import percent
from featlearn.training.rundir import HeadFolder
from featlearn.visualize.curves import read_metrics
from featlearn.wording import count, duration, plural

_PAIRED = {
    "class": "test pairs of one class each",
    "key": "test pairs of one name each",
    "order": "test pairs in order",
}


class FusionRecord(msgspec.Struct, frozen=True):
    """`evaluation.json` of a head over several modalities."""

    pairs: Count
    paired_by: str
    together: FiguresRecord
    alone: dict[str, FiguresRecord]
    intervals: dict[str, tuple[Share, Share]] = {}


def fusion_view(key: str, folder: HeadFolder) -> HeadView:
    """Gather a head over several modalities.

    Args:
        key: Unique in the page.
        folder: The trained head.

    Raises:
        CheckpointError: If a file of it is damaged.
    """
    record = read_figures(folder.results_file, FusionHeadRecord)
    found = None
    if folder.evaluation_file.exists():
        found = read_fusion(folder)
    return HeadView(
        key=key,
        name=record.head,
        words=_words(record),
        error="–" if found is None else percent(found.together.error, of=found.pairs),
        interval="" if found is None else _widest(found),
        images="" if found is None else count(found.pairs),
        share=None if found is None else found.together.error,
        tested=0 if found is None else found.pairs,
        scratch=False,
        facts=[
            Fact("labelled pairs", count(record.labelled)),
            *(Fact(f"labelled, {name}", count(size)) for name, size in record.alone.items()),
            Fact("training took", duration(record.seconds)),
        ],
        evaluation=None if found is None else _view(found),
        charts=loss_charts(f"curve-{key}", read_metrics(folder.metrics_file)),
        parts="" if found is None else _missing(found),
        few="" if found is None else _repeated(found),
    )


def read_fusion(folder: HeadFolder) -> FusionRecord:
    """Read the figures that `evaluate` wrote beside a head over several modalities.

    Raises:
        CheckpointError: If they are missing, of another format version, or damaged.
    """
    return read_figures(folder.evaluation_file, FusionRecord)


def _words(record: FusionHeadRecord) -> str:
    """Say how a head fuses, and what it was trained on."""
    labels = "all labels"
    if record.labels != "all":
        labels = f"{plural(record.labels, 'labelled pair')}, draw {record.label_seed}"
    return f"{record.kind} fusion, {labels}, on the pre-trained code"


def _missing(record: FusionRecord) -> str:
    """Say what the head errs with the other modalities missing."""
    each = ", ".join(
        f"{percent(part.error, of=part.images)} ({name} only)"
        for name, part in record.alone.items()
    )
    return f"With the others missing {each}."


def _repeated(record: FusionRecord) -> str:
    """Say that few samples of a modality stand in many pairs, if they do."""
    name, part = min(record.alone.items(), key=lambda item: item[1].images)
    if part.images >= record.pairs:
        return ""
    pairs, samples = plural(record.pairs, "test pair"), plural(part.images, "sample")
    return f"The {pairs} hold only {samples} of {name}, again and again."


def _view(record: FusionRecord) -> EvaluationView:
    """Arrange the figures of all modalities together, and of each by itself."""
    whole = _judged(record.together, source="")
    facts = [
        Fact("error", percent(whole.error, of=record.pairs), f"95\u00a0% interval {_all(record)}"),
        Fact("accuracy", percent(whole.accuracy, of=record.pairs)),
        *(
            Fact(f"error, {name} only", percent(each.error, of=each.images))
            for name, each in record.alone.items()
        ),
        Fact(
            "always the largest class",
            percent(majority(whole), of=record.pairs),
            "accuracy of naming it every time",
        ),
        Fact("pairs", count(record.pairs), _PAIRED.get(record.paired_by, "")),
    ]
    parts = {
        f"{name} only": evaluation_view(
            _judged(each, source=f"the test split of {name}"), noun="sample"
        )
        for name, each in record.alone.items()
    }
    view = evaluation_view(whole, noun="pair")
    return replace(view, facts=facts, table=_table(record), parts=parts)


def _judged(part: FiguresRecord, *, source: str) -> EvaluationRecord:
    """Write figures as those of a head of one stack."""
    return EvaluationRecord(source=source, split="", **msgspec.structs.asdict(part))


def _table(record: FusionRecord) -> Table:
    """Set the figures of what may be there beside each other."""
    rows = [["together", count(record.pairs), *_figures(record.together), _all(record)]]
    for name, each in record.alone.items():
        rows.append([f"{name} only", count(each.images), *_figures(each), interval(each)])
    heads = [
        "There",
        "Samples",
        "Error",
        "Of the largest class",
        "95\u00a0% interval of the error",
    ]
    return Table("All modalities together, and each with the others missing", heads, rows)


def _figures(part: FiguresRecord) -> list[str]:
    """Write an error, and that of naming the largest class every time."""
    baseline = 1 - majority(part)
    return [percent(part.error, of=part.images), percent(baseline, of=part.images)]


def _all(record: FusionRecord) -> str:
    """Write the intervals of the error of pairs, by the samples of each modality."""
    ends = {name: _ends(pair, record.pairs) for name, pair in record.intervals.items()}
    return "; ".join(f"{text} by {name}" for name, text in ends.items()) or "–"


def _widest(record: FusionRecord) -> str:
    """Write the widest of the intervals, and by what it is."""
    if not record.intervals:
        return ""
    name, ends = max(record.intervals.items(), key=lambda item: item[1][1] - item[1][0])
    return f"{_ends(ends, record.pairs)} by {name}"


def _ends(ends: tuple[float, float], of: int) -> str:
    """Write an interval."""
    low, high = (percent(end, of=of) for end in ends)
    return f"{low.removesuffix(chr(0xA0) + '%')}–{high}"
