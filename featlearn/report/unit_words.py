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

_Told = tuple[ScoreRecord, ScoreRecord | None, str]
"""How well a class is told, what guessing comes to, and its name."""


def found_words(record: UnitTestRecord) -> str:
    """Name the best units, what guessing comes to, and the best of the controls."""
    best, images = record.rows[0], record.scored_on
    if _one_question(record):
        return _one_found(record)
    told: list[_Told] = []
    rest: list[_Told] = []
    for name, score, guess in zip(record.positives, best.scores, guesses(record), strict=True):
        ahead = guess is None or score.interval[0] > guess.accuracy
        (told if ahead else rest).append((score, guess, name))
    said = [_told(told, images), _not_told(rest, images), _nearest(record, several=True)]
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
    last, best = _last(record), record.rows[0].scores[0]
    if last is not None and last.behind_interval is not None and last.behind_interval[0] > 0:
        said.append(
            f"In this test the last stage, {last.name}, does not help: the best unit of "
            f"{best.stage} is clearly ahead of its best."
        )
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


def guesses(record: UnitTestRecord) -> Sequence[ScoreRecord | None]:
    """Give what guessing comes to for each class, where that is known."""
    guess = _guessing(record)
    return guess.scores if guess else [None] * len(record.positives)


def furthest(
    scores: Sequence[ScoreRecord], guessed: Sequence[ScoreRecord | None]
) -> list[ScoreRecord]:
    """Sort scores by how far they are ahead of guessing."""
    pairs = sorted(zip(scores, guessed, strict=True), key=lambda pair: -_gain(*pair))
    return [score for score, _ in pairs]


def _guessing(record: UnitTestRecord) -> MethodRecord | None:
    """Find the row of guessing."""
    return next((row for row in record.rows if row.kind == "majority"), None)


def _one_question(record: UnitTestRecord) -> bool:
    """Say whether there is one class, or two that one unit tells apart, equally well."""
    scores = record.rows[0].scores
    return len({(score.stage, score.unit, score.accuracy) for score in scores}) == 1 and (
        len(scores) <= 2
    )


def _last(record: UnitTestRecord) -> MethodRecord | None:
    """Find the row of the last stage where there is one question, and the best unit is below."""
    rows = [row for row in record.rows if row.kind == "stage"]
    if not rows or not _one_question(record):
        return None
    return None if rows[-1].name == record.rows[0].scores[0].stage else rows[-1]


def _one_found(record: UnitTestRecord) -> str:
    """Say of one question which unit answers it, or that none clearly does."""
    score, images = record.rows[0].scores[0], record.scored_on
    guess, row, last = guesses(record)[0], _guessing(record), _last(record)
    name = " from ".join(record.positives)
    ahead = guess is None or score.interval[0] > guess.accuracy
    if row is not None and row.behind_interval is not None:  # of the same images, in pairs
        ahead = row.behind_interval[0] > 0
    said = [_told([(score, guess, name)], images)]
    if not ahead:
        worse = f"is not clearly better than guessing ({_against(score, guess, images)})"
        said = [f"The unit chosen to tell {name}, {score.stage} {score.unit}, {worse}."]
    if last is not None:
        unit = f"{last.name} {last.scores[0].unit}"
        share = percent(last.scores[0].accuracy, of=images)
        said.append(f"The best of the last stage, {unit}, reaches {share}.")
    return " ".join(filter(None, [*said, _nearest(record, several=False)]))


def _told(told: Sequence[_Told], images: int) -> str:
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


def _not_told(rest: Sequence[_Told], images: int) -> str:
    """Name the classes whose unit is not clearly better than guessing."""
    if not rest:
        return ""
    shown = [f"{name} ({_against(score, guess, images)})" for score, guess, name in rest[:_NAMED]]
    if len(rest) == 1:
        ((score, guess, name),) = rest
        worse = f"not clearly better than guessing ({_against(score, guess, images)})"
        return f"The unit chosen for {name} is {worse}."
    more = len(rest) - len(shown)
    shown += [_more(more)] if more else []
    return f"The units chosen for {listed(shown)} are not clearly better than guessing."


def _against(score: ScoreRecord, guess: ScoreRecord | None, images: int) -> str:
    """Write an accuracy beside that of guessing."""
    own = percent(score.accuracy, of=images)
    return own if guess is None else f"{own} against {percent(guess.accuracy, of=images)}"


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
