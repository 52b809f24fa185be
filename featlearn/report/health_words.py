"""What is wrong with a stage, and what to try, a sentence each."""

from collections.abc import Sequence
from itertools import pairwise

from featlearn.config.autoencoding import KSparseSpec, SparseSpec
from featlearn.config.clusters import KMeansSpec
from featlearn.config.pieces import BatchTopKSpec, TopKSpec
from featlearn.config.stages import StageSpec
from featlearn.evaluate.health import ACTIVITY_EDGES, StageHealth
from featlearn.report.objective_words import dead_remedies
from featlearn.report.words import percent
from featlearn.wording import count, plural

MANY_DEAD = 0.05
"""Share of dead units that is spoken of: a few fall out of any training."""

_BARS = "▁▂▃▄▅▆▇█"
_MANY_ALIKE = 0.1
_LITTLE_EXPLAINED = 0.1
_FEW_DIRECTIONS = 0.05
_ENOUGH_DIRECTIONS = 20  # from which on a small share of them tells something
_BADLY_SPANNED = 1e4


def health_faults(spec: StageSpec, health: StageHealth, *, dead: bool = True) -> list[str]:
    """Say what is wrong with a stage that has learned, each with what to try in the recipe.

    Args:
        spec: The stage.
        health: Its figures.
        dead: Whether to speak of dead units too.

    Returns:
        Sentences without the stage's name, of which each could follow it and a colon; none
        for a stage in good health.
    """
    found: list[str] = []
    if dead and health.dead >= MANY_DEAD:
        tries = ", ".join([*dead_remedies(spec), "or fewer maps"])
        seen = plural(health.images, "image")
        found.append(
            f"{percent(health.dead)} of the units are dead, of one value for all of {seen}: "
            f"try {tries}"
        )
    if health.duplicates is not None and health.duplicates >= _MANY_ALIKE:
        found.append(
            f"{percent(health.duplicates)} of the filters repeat an earlier one (cosine above "
            f"0.95): try fewer maps, {_against_copies(spec)}"
        )
    explained = health.explained_variance
    if explained is not None and explained < _LITTLE_EXPLAINED:
        found.append(
            f"the code explains {percent(explained)} of its input's variance: try "
            f"{_for_more_explained(spec)}"
        )
    few = health.effective_rank < _FEW_DIRECTIONS * health.directions
    if few and health.directions >= _ENOUGH_DIRECTIONS:
        found.append(
            f"codes vary in {health.effective_rank:.1f} of {count(health.directions)} directions: "
            "try an input that is whitened, or a smaller pretrain.optimizer.lr"
        )
    if health.condition is not None and health.condition > _BADLY_SPANNED:
        found.append(
            f"some direction of the input is hardly spanned (condition {health.condition:.0e} of "
            "the dictionary): try an input that is whitened to fewer components, or more epochs"
        )
    return found


def activity_words(activity: Sequence[float]) -> tuple[str, str]:
    """Draw how many images units answer to as a row of bars, and say it in numbers.

    Args:
        activity: Shares of units, as in `StageHealth`.

    Returns:
        The bars, from units that answer to none to those that answer to most, and the numbers;
        ranges without units are not said.
    """
    most = max(activity)
    bars = "".join(_BARS[round((len(_BARS) - 1) * share / most)] for share in activity)
    ranges = [f"{100 * low:g}–{100 * high:g}\u00a0%" for low, high in pairwise(ACTIVITY_EDGES)]
    ranges = ["none", *ranges]
    shares = [(percent(share), of) for share, of in zip(activity, ranges, strict=True) if share]
    (share, of), *others = shares
    first = f"{share} of the units answer to {of} of the images"
    return bars, ", ".join([first, *(f"{share} to {of}" for share, of in others)])


def _against_copies(spec: StageSpec) -> str:
    """Say what keeps filters apart beside fewer of them."""
    if isinstance(spec.objective, KMeansSpec):
        return "or a smaller optimizer.lr"
    if isinstance(spec.activation, TopKSpec | BatchTopKSpec):
        return "or a smaller activation.k"
    return "or another seed with a smaller pretrain.optimizer.lr"


def _for_more_explained(spec: StageSpec) -> str:
    """Say what lets a code rebuild more."""
    if isinstance(spec.objective, SparseSpec):
        return "a smaller objective.penalty.weight, or more pretrain.epochs"
    if isinstance(spec.objective, KSparseSpec):
        return "a larger activation.k, or more pretrain.epochs"
    if getattr(spec.objective, "weight", 0):
        return "a smaller objective.weight, or more pretrain.epochs"
    return "more pretrain.epochs, or more maps"
