"""Heads in the page: how each was trained, and its figures."""

import itertools

from scipy import stats

from featlearn.networks.formats import read_figures
from featlearn.report.charts import loss_charts
from featlearn.report.embed import EmbeddedImage, embed_png
from featlearn.report.evaluations import (
    AnyEvaluation,
    CalibratedRecord,
    EvaluationRecord,
    FiguresRecord,
    LabelsRecord,
    NumbersRecord,
    read_evaluation,
)
from featlearn.report.mistakes import Looking, mistakes_of
from featlearn.report.records import HeadRecord
from featlearn.report.target_heads import averaged, labels_view, numbers_view, shown
from featlearn.report.views import Cell, Chart, ClassRow, EvaluationView, Fact, HeadView
from featlearn.report.words import names_only, percent
from featlearn.training.rundir import HeadFolder
from featlearn.visualize.confusion import confusion_figure
from featlearn.visualize.curves import read_metrics
from featlearn.visualize.reliability import reliability_figure
from featlearn.visualize.style import png_bytes
from featlearn.wording import caution, count, duration, plural

_TABLE = 20
"""Up to this many classes the confusion matrix is a table."""


def head_view(key: str, folder: HeadFolder, looking: Looking) -> HeadView:
    """Gather a head.

    Args:
        key: Unique in the page.
        folder: The trained head.
        looking: How its answers to test images may be looked at.

    Raises:
        CheckpointError: If a file of it is damaged.
    """
    record = read_figures(folder.results_file, HeadRecord)
    evaluation = read_evaluation(folder) if folder.evaluation_file.exists() else None
    judged = evaluation if isinstance(evaluation, EvaluationRecord) else None
    return HeadView(
        key=key,
        name=record.head,
        words=head_words(record),
        error=_headline(evaluation),
        interval=interval(judged) if judged else "",
        images=count(evaluation.images) if evaluation else "",
        share=judged.error if judged else None,
        tested=judged.images if judged else 0,
        scratch=record.from_scratch,
        facts=_facts(record),
        evaluation=None if evaluation is None else _any_view(evaluation),
        charts=_charts(key, folder),
        mistakes=None if judged is None else mistakes_of(folder, judged, looking),
    )


def _headline(record: AnyEvaluation | None) -> str:
    """Write the one figure of a head that stands in the table of heads."""
    match record:
        case None:
            return "–"
        case EvaluationRecord():
            return percent(record.error, of=record.images)
        case NumbersRecord():
            return f"R² {shown(record.r2)}"
        case LabelsRecord():
            return f"mAP {shown(record.map)}"


def _any_view(record: AnyEvaluation) -> EvaluationView:
    """Arrange the figures of a head of any kind."""
    match record:
        case EvaluationRecord():
            return evaluation_view(record)
        case NumbersRecord():
            return numbers_view(record)
        case LabelsRecord():
            return labels_view(record)


def head_words(record: HeadRecord) -> str:
    """Say what a head was trained on, and from where."""
    if record.labels == "all":
        labels = "all labels"
    else:
        labels = f"{plural(record.labels, 'label')}, draw {record.label_seed}"
    if record.kind != "classification":
        labels = f"{record.kind}, {labels}"
    start = "from random weights" if record.from_scratch else "on the pre-trained stages"
    if record.semi is not None:
        labels = f"{labels} and unlabelled images ({record.semi})"
    frozen = f", {plural(record.freeze, 'stage')} frozen" if record.freeze else ""
    return f"{labels}, {start}{frozen}"


def evaluation_view(record: EvaluationRecord, *, noun: str = "image") -> EvaluationView:
    """Arrange figures on images that training never saw, or on what else `noun` says."""
    wide = len(record.classes) > _TABLE
    facts = [
        Fact(
            "error",
            percent(record.error, of=record.images),
            f"95\u00a0% interval {interval(record)}",
        ),
        Fact("accuracy", percent(record.accuracy, of=record.images)),
        Fact(
            "always the largest class",
            percent(majority(record), of=record.images),
            "accuracy of naming it every time",
        ),
        Fact(f"{noun}s", count(record.images), _where(record)),
        *_reliability_facts(record.calibration),
    ]
    return EvaluationView(
        facts=facts,
        rows=[
            _row(record, place, noun=noun, cells=not wide) for place in range(len(record.classes))
        ],
        matrix=_matrix(record) if wide else None,
        confused=_confused(record),
        words=(
            f"Rows are the true classes, {count(record.images)} "
            f"{' '.join(filter(None, [record.split, noun]))}s in all."
        ),
        noun=noun,
        reliability=_reliability(record.calibration),
    )


def _reliability_facts(record: CalibratedRecord | None) -> list[Fact]:
    """Say how reliable probabilities are."""
    if record is None:
        return []
    before = percent(record.before.ece)
    if record.after is None:
        return [Fact("calibration error", before, "ECE; not calibrated")]
    note = f"ECE at temperature {record.temperature:.3g}; {before} before"
    return [Fact("calibration error", percent(record.after.ece), note)]


def _reliability(record: CalibratedRecord | None) -> EmbeddedImage | None:
    """Draw the reliability diagram."""
    if record is None:
        return None
    named = [("before" if record.after else "not calibrated", record.before)]
    named += [("after", record.after)] if record.after else []
    figure = reliability_figure([(name, part.ece, part.bins) for name, part in named])
    width = round(100 * float(figure.get_size_inches()[0]))
    return embed_png(png_bytes(figure), alt="Accuracy over confidence.", most=width)


def majority(record: FiguresRecord) -> float:
    """Give the share of the largest class, which knowing nothing else would get right."""
    return max(map(sum, record.confusion)) / record.images


def _where(record: EvaluationRecord) -> str:
    """Say which images a head was judged on, and that they are few, if so."""
    source, coarse = names_only(record.source), caution(record.images)
    parts = [f"test split of {source}" if record.split == "test" else source]
    return "; ".join([*parts, *([] if coarse is None else [coarse]), *averaged(record.tta)])


def _facts(record: HeadRecord) -> list[Fact]:
    """Write what training a head took."""
    used = count(record.labelled) if record.labelled is not None else str(record.labels)
    note = f"and {count(record.validation)} for validation" if record.validation else ""
    facts = [Fact("labelled images", used, note), Fact("training took", duration(record.seconds))]
    if record.train_error is not None:
        facts.append(Fact("training error", percent(record.train_error), "on those images"))
    elif record.train_loss is not None:
        facts.append(Fact("training loss", f"{record.train_loss:.4g}", "on those images"))
    return facts


def _charts(key: str, folder: HeadFolder) -> list[Chart]:
    """Draw the losses of a head's training."""
    return loss_charts(f"curve-{key}", read_metrics(folder.metrics_file))


def _row(record: EvaluationRecord, place: int, *, noun: str, cells: bool) -> ClassRow:
    """Arrange one class."""
    score, row = record.per_class[place], record.confusion[place]
    total = max(sum(row), 1)
    return ClassRow(
        name=score.name,
        images=count(score.images),
        accuracy="–" if score.accuracy is None else percent(score.accuracy),
        share=score.accuracy or 0.0,
        cells=[
            Cell(
                number,
                number / total,
                f"{plural(number, noun)} of {score.name} taken for {other}",
            )
            for number, other in zip(row, record.classes, strict=True)
        ]
        if cells
        else [],
    )


def _confused(record: EvaluationRecord, most: int = 5) -> list[str]:
    """Name the pairs of classes that are confused most often."""
    size = range(len(record.classes))
    pairs = [
        (record.confusion[a][b], record.classes[a], record.classes[b])
        for a, b in itertools.permutations(size, 2)
        if record.confusion[a][b]
    ]
    pairs.sort(key=lambda pair: -pair[0])
    return [f"{true} for {taken} ({number})" for number, true, taken in pairs[:most]]


def _matrix(record: EvaluationRecord) -> EmbeddedImage:
    """Draw a confusion matrix of many classes."""
    figure = confusion_figure(record.confusion, record.classes)
    width = round(100 * float(figure.get_size_inches()[0]))
    return embed_png(png_bytes(figure), alt="Confusion matrix, true by predicted.", most=width)


def interval(record: FiguresRecord) -> str:
    """Write the Wilson interval of an error: what another test set of this size could say."""
    wrong = round(record.error * record.images)
    ends = stats.binomtest(wrong, record.images).proportion_ci(0.95, method="wilson")
    low = percent(ends.low, of=record.images).removesuffix("\u00a0%")
    return f"{low}–{percent(ends.high, of=record.images)}"
