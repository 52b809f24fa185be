"""What the figures of a best-unit test do not say by themselves, in sentences."""

import numpy as np

from featlearn.wording import count, percent, plural
from featlearn.workflows.unit_images import Subject
from featlearn.workflows.unit_results import Method

_NAMED = 5
"""Classes that a sentence names, at most."""

_UNLIKE = 0.05
"""By how much shares of a class have to differ to be worth a sentence."""


def lucky(best: Method, *, images: int) -> str | None:
    """Say for which classes chance alone would explain why the best unit was chosen.

    Args:
        best: The network's best units.
        images: How many they were chosen on.

    Returns:
        A sentence without its full stop, or `None` where all were chosen by more than luck.
    """
    names: list[str] = []
    levels: list[float] = []
    for score in best.scores:
        chosen, chance = score.chosen_accuracy, score.chance_accuracy
        if chosen is not None and chance is not None and chosen <= chance:
            names.append(score.positive)
            levels += [chosen, chance]
    if not names or best.candidates is None:
        return None
    of = f"the best of {plural(best.candidates, 'unit')} on {plural(images, 'image')}"
    if len(best.scores) == 1:
        return (
            f"chance alone may explain the choice: {of} may be right about up to "
            f"{percent(levels[1])} of them with labels that mean nothing, and the unit chosen was "
            f"about {percent(levels[0])}; only images that it was not chosen on tell its worth"
        )
    which = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    return (
        f"chance alone may explain the choice for {count(len(names))} of "
        f"{count(len(best.scores))} classes ({which}): {of} may be right about as many of them "
        "with labels that mean nothing"
    )


def unlike(subject: Subject) -> str | None:
    """Say for which classes images to choose on and to score on hold them unlike often.

    A threshold that was best where a class is rare names it too seldom where it is not, most of
    all that of a unit or a control which hardly tells it.

    Returns:
        A sentence without its full stop, or `None` where shares are alike.
    """
    said: list[str] = []
    for place in subject.wanted:
        shares = [
            float(np.mean(labels == place))
            for labels in (subject.chosen_labels, subject.scored_labels)
        ]
        if abs(shares[0] - shares[1]) > _UNLIKE:
            said.append(
                f"{subject.classes[place]} is {percent(shares[0])} of the images that units "
                f"are chosen on and {percent(shares[1])} of those they are scored on"
            )
    if not said:
        return None
    more = f", and {count(len(said) - _NAMED)} more classes likewise" if len(said) > _NAMED else ""
    return (
        f"{', '.join(said[:_NAMED])}{more}: a threshold that is best for the former may name too "
        "few of the latter, which is hardest on what hardly tells a class, such as weak controls"
    )
