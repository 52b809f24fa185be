"""Figures of heads that predict numbers or sets of labels, in the page."""

from featlearn.report.evaluations import LabelsRecord, NumbersRecord
from featlearn.report.tables import Table
from featlearn.report.views import EvaluationView, Fact
from featlearn.report.words import names_only, percent
from featlearn.wording import count, plural


def numbers_view(record: NumbersRecord) -> EvaluationView:
    """Arrange the figures of a regression."""
    facts = [
        Fact("R²", shown(record.r2), "0 is what always naming the mean gets, 1 is perfect"),
        Fact("images", count(record.images), where(record)),
    ]
    rows = [
        [
            score.name,
            *(f"{figure:.4g}" for figure in (score.mae, score.rmse, score.deviation)),
            shown(score.r2),
        ]
        for score in record.per_target
    ]
    caption = f"Each target in its own unit, on {plural(record.images, 'image')}"
    heads = ["Target", "Mean absolute error", "RMSE", "RMSE of the mean", "R²"]
    return _view(facts, Table(caption, heads, rows))


def labels_view(record: LabelsRecord) -> EvaluationView:
    """Arrange the figures of a multi-label head."""
    facts = [
        Fact("mean average precision", shown(record.map), "over labels that some image has"),
        Fact("mean F1", shown(record.f1), "named where more likely than not"),
        Fact("wrong decisions", percent(record.error), "one for each image and label"),
        Fact("all labels right", percent(record.exact, of=record.images)),
        Fact("images", count(record.images), where(record)),
    ]
    rows = [
        [
            score.name,
            count(score.images),
            shown(score.ap),
            percent(score.images / record.images),
            shown(score.f1),
        ]
        for score in record.per_label
    ]
    caption = f"Each label, on {plural(record.images, 'image')}"
    heads = ["Label", "Images with it", "Average precision", "Of knowing nothing", "F1"]
    return _view(facts, Table(caption, heads, rows))


def where(record: LabelsRecord | NumbersRecord) -> str:
    """Say which images a head was judged on, and how, if not plainly."""
    source = names_only(record.source)
    named = f"test split of {source}" if record.split == "test" else source
    return "; ".join([named, *averaged(record.tta)])


def averaged(copies: int) -> list[str]:
    """Say so where answers are means over changed copies."""
    return [f"means over each and {plural(copies, 'changed image')}"] if copies else []


def shown(share: float | None) -> str:
    """Write a figure, or a dash where there is none."""
    return "–" if share is None else f"{share:.3f}"


def _view(facts: list[Fact], table: Table) -> EvaluationView:
    return EvaluationView(facts=facts, rows=[], matrix=None, confused=[], words="", table=table)
