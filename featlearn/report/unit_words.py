"""What the best-unit test of a run says, in sentences for the first screen."""

from collections.abc import Sequence

from featlearn.report.unit_records import MethodRecord, ScoreRecord, UnitTestRecord
from featlearn.report.words import listed, names_only, percent
from featlearn.wording import count, plural

FEW_GROUPS = 20
"""Of fewer groups an interval is too narrow as a rule."""

_CONTROLS = {
    "random-weights": "random weights",
    "statistics": "image statistics",
    "templates": "the best linear filter",
    "k-means": "k-means templates",
    "majority": "guessing",
}
"""Kinds of methods that the best units must be better than, in words."""

_NAMED = 3
"""Units that the first screen names, at most."""


def found_words(record: UnitTestRecord) -> str:
    """Name the best units, what guessing comes to, and the best of the controls."""
    best, images = record.rows[0], record.scored_on
    guess = next((row for row in record.rows if row.kind == "majority"), None)
    guesses: Sequence[ScoreRecord | None] = guess.scores if guess else [None] * len(best.scores)
    one, *others = best.scores
    if len(others) == 1 and _same_unit(one, others[0]):  # two classes are one question
        pairs = [(one, guesses[0])]
        names = [f"{one.positive} from {others[0].positive}"]
    else:
        pairs = list(zip(best.scores, guesses, strict=True))
        names = record.positives
    told = [(*pair, name) for pair, name in zip(pairs, names, strict=True) if _ahead(*pair)]
    rest = [name for pair, name in zip(pairs, names, strict=True) if not _ahead(*pair)]
    said = [_told(told, images), _not_told(rest), _nearest(record, several=len(pairs) > 1)]
    return " ".join(filter(None, said))


def doubt_words(record: UnitTestRecord) -> str:
    """Name the controls that the best units are not clearly ahead of, and say if groups are few."""
    names = [
        f"the run {method_name(row)}" if row.kind == "run" else _CONTROLS[row.kind]
        for row in record.rows[1:]
        if row.kind == "run" or row.kind in _CONTROLS
        if row.behind_interval is not None and row.behind_interval[0] <= 0
    ]
    said = [f"Single units are not clearly ahead of {listed(names, word='or')}."] if names else []
    if record.groups and record.groups < FEW_GROUPS:
        of = plural(record.groups, "group")
        said.append(f"Single units were scored on only {of} of images: their intervals are rough.")
    return " ".join(said)


def method_name(row: MethodRecord) -> str:
    """Name a method; a run by its folder."""
    if row.kind == "stage":
        return f"best of stage {row.name}"
    return names_only(row.name) if "/" in row.name else row.name


def classes_words(number: int) -> str:
    """Write how many classes there are."""
    return "1 class" if number == 1 else f"{count(number)} classes"


def _same_unit(one: ScoreRecord, other: ScoreRecord) -> bool:
    """Say whether two classes are told by one unit, equally well."""
    return (one.stage, one.unit, one.accuracy) == (other.stage, other.unit, other.accuracy)


def _ahead(score: ScoreRecord, guess: ScoreRecord | None) -> bool:
    """Say whether a unit is clearly better than guessing."""
    return guess is None or score.interval[0] > guess.accuracy


def _told(told: Sequence[tuple[ScoreRecord, ScoreRecord | None, str]], images: int) -> str:
    """Name the units that are furthest ahead of guessing."""
    if not told:
        return ""
    first = sorted(told, key=lambda each: -_gain(each[0], each[1]))[:_NAMED]
    if len(told) == 1:
        ((score, guess, name),) = told
        return (
            f"A single unit, {score.stage} {score.unit}, tells {name} with an accuracy of "
            f"{percent(score.accuracy, of=images)}{_guess(guess, images)}."
        )
    each = [
        f"{name} by {score.stage} {score.unit} with {percent(score.accuracy, of=images)}"
        + _guess(guess, images)
        for score, guess, name in first
    ]
    more = len(told) - len(first)
    each += [_more(more)] if more else []
    return f"Single units tell {listed(each)}."


def _guess(guess: ScoreRecord | None, images: int) -> str:
    """Say what guessing comes to."""
    return "" if guess is None else f" (guessing {percent(guess.accuracy, of=images)})"


def _more(number: int) -> str:
    """Count the classes that are not named."""
    return "1 more class" if number == 1 else f"{count(number)} more classes"


def _gain(score: ScoreRecord, guess: ScoreRecord | None) -> float:
    """Say how far a unit is ahead of guessing."""
    return score.accuracy - (guess.accuracy if guess is not None else 0.0)


def _not_told(names: Sequence[str]) -> str:
    """Name the classes that no unit tells."""
    if not names:
        return ""
    shown = [*names[:_NAMED]]
    more = len(names) - len(shown)
    shown += [_more(more)] if more else []
    return f"No single unit tells {listed(shown, word='or')} better than guessing."


def _nearest(record: UnitTestRecord, *, several: bool) -> str:
    """Give the best of the controls that look at images."""
    images = record.scored_on
    rows = [row for row in record.rows if row.kind in _CONTROLS and row.kind != "majority"]
    if not rows:
        return ""
    control = max(rows, key=lambda row: row.accuracy)
    name, share = _CONTROLS[control.kind], percent(control.accuracy, of=images)
    if not several:
        return f"The best of the controls, {name}, reaches {share}."
    own = percent(record.rows[0].accuracy, of=images)
    classes = classes_words(len(record.positives))
    means = f"On average over {classes} they reach {own}"
    return f"{means}, and the best of the controls, {name}, {share}."
