"""What the study compares: methods, what each chooses from, and what was published."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.datasets.known_digits import Variant

Method = Literal["svm", "sdae", "sae", "scratch", "dbn"]

METHODS: dict[Method, str] = {
    "svm": "SVM, Gaussian kernel",
    "sdae": "stacked denoising auto-encoder",
    "sae": "stacked auto-encoder",
    "scratch": "the same network, from random weights",
    "dbn": "deep belief network",
}
"""What each method is called, in the order in which they are made."""

WORDS: dict[Variant, str] = {
    "rotated": "rotated",
    "random-background": "random background",
    "image-background": "image background",
}
"""What each set is called."""

PUBLISHED: Mapping[tuple[Variant, Method], float] = MappingProxyType(
    {
        ("rotated", "svm"): 11.11,
        ("rotated", "sae"): 10.30,
        ("rotated", "dbn"): 10.30,
        ("rotated", "sdae"): 9.53,
        ("random-background", "svm"): 14.58,
        ("random-background", "sae"): 11.28,
        ("random-background", "dbn"): 6.73,
        ("random-background", "sdae"): 10.30,
        ("image-background", "svm"): 22.61,
        ("image-background", "sae"): 23.00,
        ("image-background", "dbn"): 16.31,
        ("image-background", "sdae"): 16.68,
    }
)
"""Test error in % of Vincent et al. (JMLR 2010), on the files of Larochelle et al. (ICML 2007)."""

STAGES = ("first", "second", "third")
"""Names of the stages in the recipes that the networks come from."""

UNITS = 1000
"""Units of each of them, in every network."""


class Trial(NamedTuple):
    """A network to train, one of those that a method chooses from.

    Attributes:
        name: Of its run, or of the head of a run.
        words: What is tried, for people.
        pretrain: Changes of the recipe before the stages learn, as `key=value` texts.
        finetune: Changes of fine-tuning.
        head: Name of the head; that of a network from random weights is one of another run.
    """

    name: str
    words: str
    pretrain: tuple[str, ...] = ()
    finetune: tuple[str, ...] = ()
    head: str = "default"


def _masked(rate: float) -> Trial:
    """Try a share of the inputs that noise sets to zero."""
    keys = (f"stages.{stage}.objective.corruption.rate={rate}" for stage in STAGES)
    return Trial(f"sdae-{rate:g}", f"noise {rate:g}", tuple(keys))


def _plain(epochs: int) -> Trial:
    """Try how long stages learn without noise."""
    spec = '{ kind = "plain", reconstruction = "cross-entropy" }'
    keys = (f"stages.{stage}.objective={spec}" for stage in STAGES)
    return Trial(f"sae-{epochs}", f"{epochs} epochs", (*keys, f"pretrain.epochs={epochs}"))


def _random(lr: float) -> Trial:
    """Try a rate for a network that begins with random weights."""
    changes = (f"finetune.optimizer.lr={lr}",)
    return Trial(_masked(NOISES[0]).name, f"rate {lr:g}", (), changes, f"scratch-{lr:.0e}")


def _machines(lr: float) -> Trial:
    """Try a rate for stacked Boltzmann machines."""
    units = (f"stages.{stage}.filter.maps={UNITS}" for stage in STAGES)
    return Trial(f"dbn-{lr:g}", f"rate {lr:g}", (*units, f"pretrain.optimizer.lr={lr}"))


NOISES = (0.25, 0.4)
"""Shares of inputs that the denoising auto-encoders lose."""

TRIALS: Mapping[Method, tuple[Trial, ...]] = MappingProxyType(
    {
        "sdae": tuple(map(_masked, NOISES)),
        "sae": tuple(map(_plain, (30, 10))),
        "scratch": tuple(map(_random, (1e-3, 3e-4))),
        "dbn": tuple(map(_machines, (0.05, 0.1))),
    }
)
"""What each network chooses from: as many candidates for every one of them."""

_TRAINING = (
    "pretrain.epochs=30",
    "pretrain.precision=bfloat16",
    "finetune.epochs=80",
    "finetune.precision=bfloat16",
)
"""How all networks are trained, beyond what their recipes say and a trial changes: these digits are
fewer, and harder, than those that the recipes are for."""


def recipe_of(
    method: Method, trial: Trial, *, source: str, seed: int, changes: tuple[str, ...] = ()
) -> Recipe:
    """Give the recipe of a trial: `mnist-sdae` or `mnist-dbn`, on other digits.

    Args:
        method: Which method.
        trial: What is tried.
        source: The images.
        seed: Of everything drawn.
        changes: Changes of every recipe, as `key=value` texts; a trial's own come first.

    Raises:
        UsageError: If a change does not fit.
    """
    base = "mnist-dbn" if method == "dbn" else "mnist-sdae"
    data = (f"data.source={source}", "data.hold_out=0", f"seed={seed}")
    given = (*data, *_TRAINING, *trial.pretrain, *changes)
    return load_recipe(base, overrides=given)
