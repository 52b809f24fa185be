"""AdaBoost.MH: all classes boosted together, by stumps or products of stumps."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from featlearn.baselines.binned import Binned
from featlearn.baselines.features import Feature, Features
from featlearn.baselines.stumps import Cut, best_product
from featlearn.datasets.imageset import Indices
from featlearn.errors import CheckpointError
from featlearn.seeds import derive

_ROUNDING = 1e-9
"""Edges nearer than this to nothing, or to everything, end the boosting."""


class Plan(NamedTuple):
    """How base classifiers are looked for.

    Attributes:
        factors: Stumps of each product; 1 boosts stumps.
        images: Images that searches look at, drawn anew for each period by their weights.
        features: Features that searches look at, drawn anew for each period.
        tried: Those of them that one search looks at.
        period: Rounds between two draws.
    """

    factors: int
    images: int = 8000
    features: int = 400
    tried: int = 60
    period: int = 25


class Stump(NamedTuple):
    """One where a feature is above a threshold, minus one elsewhere."""

    feature: Feature
    threshold: float


class Round(NamedTuple):
    """One base classifier: what it says of class l is `weight * votes[l] * product of stumps`.

    Attributes:
        stumps: The factors.
        votes: -1 or 1 for each class.
        weight: Its share in the sum.
    """

    stumps: tuple[Stump, ...]
    votes: tuple[int, ...]
    weight: float


class Boosting:
    """Boosting in progress.

    Every round is exact AdaBoost.MH on all images: votes and weight are. Only the search for
    the stumps looks at a draw of images and features, whose expected edges are the true ones.

    Attributes:
        rounds: The base classifiers so far.
        margins: `(images, classes)` double, what they add up to on the images they learn from.
        ended: Whether no further round would change anything.

    Source:
        Schapire & Singer, Machine Learning 1999; Kégl & Busa-Fekete, ICML 2009. Searching
        a draw by weight: akin to the weight trimming of Friedman, Hastie & Tibshirani, Annals
        of Statistics 2000, without its bias.
    """

    def __init__(
        self, features: Features, labels: Indices, *, classes: int, plan: Plan, seed: int
    ) -> None:
        """Begin without any round.

        Args:
            features: Features of the images to learn from.
            labels: `(n,)`, in [0, classes).
            classes: How many classes, at least two.
            plan: How to look for base classifiers.
            seed: Of the draws.
        """
        self.rounds: list[Round] = []
        self.ended = False
        self.margins = torch.zeros(len(labels), classes, dtype=torch.float64)
        self._features, self._plan, self._seed = features, plan, seed
        self._signs = _signs(labels, classes)
        self._begin = _first_weights(labels, classes)

    @property
    def training_error(self) -> float:
        """The share of the images to learn from that are named wrong, in [0, 1]."""
        named = self.margins.argmax(1)
        return float((named != self._signs.argmax(1)).double().mean())

    def restore(self, rounds: list[Round], margins: Tensor, *, ended: bool) -> None:
        """Go on from where boosting stood between two periods.

        Raises:
            CheckpointError: If the margins are of other images or classes.
        """
        if margins.shape != self.margins.shape or margins.dtype != self.margins.dtype:
            raise CheckpointError(
                f"saved rounds are of {tuple(margins.shape)} images and classes; "
                f"expected {tuple(self.margins.shape)}"
            )
        self.rounds, self.margins, self.ended = [*rounds], margins.clone(), ended

    def advance(self, *, most: int | None = None) -> None:
        """Add a period of rounds, fewer if boosting ends.

        Args:
            most: Rounds to add at most.
        """
        if self.ended:
            return
        rng = np.random.default_rng(derive(self._seed, "boosting", len(self.rounds)))
        search = _Search(self._features, self._weights().sum(1), self._plan, rng)
        for _ in range(min(self._plan.period, self._plan.period if most is None else most)):
            weights = self._weights()
            signed = self._signs * (weights / weights.sum())
            if not self._add(search.stumps(signed), signed):
                break

    def _weights(self) -> Tensor:
        """Weigh images and classes, `(images, classes)`, up to a factor that all share.

        That factor keeps the largest from vanishing or growing without bounds with the margins.
        """
        signed = self._signs * self.margins
        return self._begin * torch.exp(signed.min() - signed)

    def _add(self, stumps: tuple[Stump, ...], signed: Tensor) -> bool:
        """Add a round, and say whether there may be more.

        Args:
            stumps: The factors of its product.
            signed: Weights of all images and classes, times labels; their sizes add up to 1.
        """
        product = product_of(stumps, self._features).double()
        agreement = product @ signed
        votes = torch.where(agreement < 0, -1.0, 1.0).double()
        edge = float(agreement.abs().sum())
        if edge < _ROUNDING:
            self.ended = True
            return False
        self.ended = edge > 1 - _ROUNDING
        edge = min(edge, 1 - _ROUNDING)
        weight = 0.5 * float(np.log((1 + edge) / (1 - edge)))
        self.margins += weight * product[:, None] * votes
        self.rounds.append(Round(stumps, tuple(int(vote) for vote in votes), weight))
        return not self.ended


class _Search:
    """A draw of images and features, in which the stumps of a period are looked for."""

    def __init__(
        self, features: Features, weights: Tensor, plan: Plan, rng: np.random.Generator
    ) -> None:
        """Draw images by their weights, `(n,)`, and features."""
        self._plan, self._rng = plan, rng
        self._names = features.draw(plan.features, rng)
        self._places, shares = draw_by_weight(weights.numpy(), plan.images, rng)
        self._counts = torch.from_numpy(1 / shares)[:, None]
        self._drawn = features.some(self._places)
        self._binned = Binned(self._drawn.column(name) for name in self._names)

    def stumps(self, signed: Tensor) -> tuple[Stump, ...]:
        """Find the stumps of a product for weights of all images, times labels."""
        cuts = best_product(
            self._binned,
            (signed[torch.from_numpy(self._places)] * self._counts).float(),
            factors=self._plan.factors,
            pick=self._pick,
            answers=lambda cut: answers(self._named(cut), self._drawn),
        )
        return tuple(map(self._named, cuts))

    def _named(self, cut: Cut) -> Stump:
        """Name the feature of a stump."""
        return Stump(self._names[cut.place], cut.threshold)

    def _pick(self) -> Sequence[int]:
        """Pick the features of one search."""
        tried, every = self._plan.tried, len(self._names)
        if tried >= every:
            return range(every)
        return self._rng.choice(every, tried, replace=False).tolist()


def answers(stump: Stump, features: Features) -> Tensor:
    """Give the values of a stump, `(n,)` float32 in {-1, 1}."""
    above = features.column(stump.feature) > np.float32(stump.threshold)
    return torch.from_numpy(above).float().mul_(2).sub_(1)


def product_of(stumps: Sequence[Stump], features: Features) -> Tensor:
    """Give the product of some stumps, `(n,)` float32 in {-1, 1}."""
    return torch.stack([answers(stump, features) for stump in stumps]).prod(0)


def scores(rounds: Sequence[Round], features: Features, *, classes: int) -> Tensor:
    """Add up what all rounds say.

    Returns:
        `(n, classes)` double; the largest names the class.
    """
    total = torch.zeros(len(features), classes, dtype=torch.float64)
    for one in rounds:
        votes = torch.tensor(one.votes, dtype=torch.float64)
        total += one.weight * product_of(one.stumps, features).double()[:, None] * votes
    return total


def draw_by_weight(
    weights: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[Indices, np.ndarray]:
    """Draw items, each with a probability in proportion to its weight, at most 1.

    Args:
        weights: `(n,)`, at least 0.
        count: How many to draw, in expectation to within one; all if there are no more.
        rng: Of the draw.

    Returns:
        Their places, ascending, and the probability of each: a sum over the drawn items, each
        divided by its probability, is in expectation that over all.
    """
    if count >= len(weights):
        return np.arange(len(weights)), np.ones(len(weights))
    shares = _shares(weights, count)
    # One random number for all: the count varies by no more than one.
    marks = np.floor(np.cumsum(shares) + rng.random())
    places = np.flatnonzero(np.diff(marks, prepend=0) >= 1)
    return places, shares[places]


def _shares(weights: np.ndarray, count: int) -> np.ndarray:
    """Scale weights to probabilities that add up to a count."""
    certain = np.zeros(len(weights), bool)
    while True:
        rest = np.where(certain, 0.0, weights)
        left = rest.sum()
        # Divided first: the inverse of a sum that is next to nothing is not finite.
        shares = rest / left * (count - certain.sum()) if left > 0 else rest
        above = shares >= 1
        if not above.any():
            return np.where(certain, 1.0, shares)
        certain |= above


def _signs(labels: Indices, classes: int) -> Tensor:
    """Give 1 for each image's class, -1 for all others."""
    signs = torch.full((len(labels), classes), -1.0, dtype=torch.float64)
    signs[torch.arange(len(labels)), torch.from_numpy(labels)] = 1.0
    return signs


def _first_weights(labels: Indices, classes: int) -> Tensor:
    """Share the weight of each image between its class, which gets half, and all others."""
    count = len(labels)
    weights = torch.full((count, classes), 0.5 / count / (classes - 1), dtype=torch.float64)
    weights[torch.arange(count), torch.from_numpy(labels)] = 0.5 / count
    return weights
