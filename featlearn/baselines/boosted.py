"""The rows that AdaBoost.MH fits: stumps and their products, on pixels or Haar-like features."""

import time
from typing import Literal, NamedTuple

import numpy as np

from featlearn.baselines.adaboost import Boosting, Plan, scores
from featlearn.baselines.features import Features, HaarLike, Pixels
from featlearn.baselines.store import Saved, load_boosting, save_boosting
from featlearn.baselines.task import Allowance, Fitted, Kept, Settings, Task
from featlearn.datasets.imageset import Images, Indices
from featlearn.seeds import derive
from featlearn.wording import percent

FACTORS = 3
"""Stumps of a product, as in the paper."""

_SAVE_SECONDS = 20.0
_AT_ONCE = 10_000


class Boosted(NamedTuple):
    """How a row is boosted.

    Attributes:
        plan: How base classifiers are looked for.
        features: What stumps look at.
        rounds: How many rounds, unless a budget ends them.
    """

    plan: Plan
    features: type[Pixels] | type[HaarLike]
    rounds: int


Name = Literal["boosted-stumps", "boosted-products", "haar-stumps", "haar-products"]

KINDS: dict[Name, Boosted] = {
    "boosted-stumps": Boosted(Plan(factors=1, features=800, tried=800), Pixels, 10_000),
    "boosted-products": Boosted(Plan(factors=FACTORS), Pixels, 10_000),
    "haar-stumps": Boosted(Plan(factors=1, tried=400), HaarLike, 10_000),
    "haar-products": Boosted(Plan(factors=FACTORS), HaarLike, 10_000),
}


def fit_boosted(kind: Boosted, task: Task, allowance: Allowance, kept: Kept) -> Fitted:
    """Boost until all rounds are done, the budget is spent, or nothing is left to gain.

    What is boosted is saved now and then, and gone on with; its time counts on.

    Args:
        kind: The row.
        task: What it is fitted to.
        allowance: Seconds, those of earlier rounds included.
        kept: Where rounds are saved.

    Raises:
        CheckpointError: If saved rounds cannot be read.
    """
    features = kind.features.of(task.train.images)
    seed = derive(task.seed, "boosting")
    boosting = Boosting(
        features, task.train.labels, classes=task.classes, plan=kind.plan, seed=seed
    )
    wanted = task.rounds or kind.rounds
    before = 0.0
    saved = load_boosting(kept) if kept.file is not None else None
    if saved is not None:
        boosting.restore(saved.rounds, saved.margins, ended=saved.ended)
        before = saved.seconds
    clock = Allowance(allowance.seconds, spent=before + allowance.spent)
    last = time.monotonic()
    while not boosting.ended and len(boosting.rounds) < wanted:
        if boosting.rounds and not clock.left:
            break
        boosting.advance(most=wanted - len(boosting.rounds))
        done = len(boosting.rounds)
        task.progress.count("rounds of boosting", done=done, of=wanted, words=_words(boosting))
        if time.monotonic() - last > _SAVE_SECONDS:
            save_boosting(kept, Saved.of(boosting, clock.spent))
            last = time.monotonic()
    save_boosting(kept, Saved.of(boosting, clock.spent))

    def predict(images: Images) -> Indices:
        return _predict(kind, boosting, task.classes, images)

    return Fitted(
        predict,
        _settings(kind),
        None,
        len(task.train),
        clock.spent,
        rounds=len(boosting.rounds),
        wanted=len(boosting.rounds) if boosting.ended else wanted,
    )


def _predict(kind: Boosted, boosting: Boosting, classes: int, images: Images) -> Indices:
    """Name the classes of images, some thousands at a time."""
    named: list[Indices] = []
    for first in range(0, len(images), _AT_ONCE):
        features: Features = kind.features.of(images[first : first + _AT_ONCE])
        named.append(scores(boosting.rounds, features, classes=classes).argmax(1).numpy())
    return np.concatenate(named)


def _settings(kind: Boosted) -> Settings:
    """Say how base classifiers are looked for."""
    return kind.plan._asdict()


def _words(boosting: Boosting) -> str:
    """Say how many images are named wrong that are learned from."""
    return f"{percent(boosting.training_error)} of the training images wrong"
