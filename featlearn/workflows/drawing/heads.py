"""Pictures of heads, and of the course of training: curves, mistakes, saliency."""

import torch

from featlearn.errors import UsageError
from featlearn.evaluate.confused import most_confused
from featlearn.report.evaluations import EvaluationRecord, read_evaluation
from featlearn.visualize.confused import confused_figure
from featlearn.visualize.confusion import confusion_figure
from featlearn.visualize.curves import curves_figure, read_metrics
from featlearn.visualize.reliability import reliability_figure
from featlearn.visualize.saliency import draw_answers
from featlearn.visualize.tiles import spread
from featlearn.workflows.drawing.subject import Named, Subject

_PAIRS = 8
_ASKED = 8


def draw_curves(subject: Subject) -> Named:
    """Draw the losses of the run, or of a head."""
    if subject.head is None:
        yield "curves", curves_figure(read_metrics(subject.run.metrics_file))
        return
    name, folder = subject.run.open_head(subject.head)
    yield f"{name}-curves", curves_figure(read_metrics(folder.metrics_file))


def draw_confusion(subject: Subject) -> Named:
    """Draw the confusion matrix of a head."""
    name, folder = subject.run.open_head(subject.head)
    if not folder.evaluation_file.exists():
        raise UsageError(
            f"head {name!r} has no figures yet; run "
            f"`featlearn evaluate {subject.run.path} --head {name}` first"
        )
    record = read_evaluation(folder)
    if not isinstance(record, EvaluationRecord):
        raise UsageError(f"head {name!r} names no classes, so there are none to confuse")
    figure = confusion_figure(record.confusion, record.classes, name=name)
    yield f"{name}-confusion", figure


def draw_reliability(subject: Subject) -> Named:
    """Draw how often a head is right where it is so sure."""
    name, folder = subject.run.open_head(subject.head)
    record = read_evaluation(folder) if folder.evaluation_file.exists() else None
    found = record.calibration if isinstance(record, EvaluationRecord) else None
    if found is None:
        raise UsageError(
            f"head {name!r} has no figures of how reliable its probabilities are; run "
            f"`featlearn evaluate {subject.run.path} --head {name} --calibrate` first"
        )
    panels = [("temperature 1", found.before.ece, found.before.bins)]
    if found.after is not None:
        title = f"temperature {found.temperature:.3g}"
        panels.append((title, found.after.ece, found.after.bins))
    yield f"{name}-reliability", reliability_figure(panels)


def draw_confused(subject: Subject) -> Named:
    """Draw the test images behind a head's most frequent mistakes."""
    judged = subject.judged
    found = most_confused(judged.logits, judged.labels, pairs=_PAIRS)
    name = judged.head.name
    if not found:
        count = len(judged.pictures)
        raise UsageError(f"head {name!r} names all {count} test images right; nothing is confused")
    images = [judged.pictures.at(pair.places) for pair in found]
    yield f"{name}-confused", confused_figure(found, images, judged.head.classes, name=name)


def draw_saliency(subject: Subject) -> Named:
    """Draw which pixels a head's answers to test images depend on."""
    judged = subject.judged
    places = torch.from_numpy(spread(len(judged.pictures), _ASKED)).to(subject.device)
    figure = draw_answers(
        judged.head.classifier,
        judged.pictures.at(places),
        judged.logits[places],
        judged.labels[places],
        classes=judged.head.classes,
        name=judged.head.name,
    )
    yield f"{judged.head.name}-saliency", figure
