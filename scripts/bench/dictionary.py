#!/usr/bin/env python3
"""Measure dictionary learning against scikit-learn's, on patches of natural scenes.

    python scripts/bench/dictionary.py --rounds 3 --json

All learn from the same 8x8 patches, at the same λ, in batches of the same size, in turns, on one
thread: featlearn's on-line sparse coding, and `MiniBatchDictionaryLearning` by coordinate
descent, as often over the patches, and until it stops by itself. Dictionaries are compared at the
same price: patches of a scene that none has seen are coded by the Lasso, at the λ that makes
`--active` units of a patch active, and the share of their variance that is rebuilt is told.
Beside it stands what one pass of filters rebuilds with as many units, for the dictionary itself
and for an encoder that learned to predict codes (PSD).
"""

import argparse
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import MiniBatchDictionaryLearning
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits
from torch import Tensor

from featlearn.config.data import DataSpec
from featlearn.config.recipe import Recipe
from featlearn.datasets.source import open_splits
from featlearn.estimator.learner import FeatureLearner
from featlearn.ops.memory import keep_freed_memory
from featlearn.ops.random import generator
from featlearn.ops.sparse_codes import fista, largest_eigenvalue
from featlearn.training.device import processor

SIDE = 8
SOURCE = "natural-olshausen-field"
OURS = "featlearn, on-line"
_JUDGED_STEPS = 100
_HALVINGS = 12

Rows = NDArray[np.float64]


class Dictionary(NamedTuple):
    """What a way came to: atoms as rows of length 1, and the seconds it took."""

    atoms: Tensor
    seconds: float


def main() -> None:
    """Measure, and print a table, or one JSON object."""
    options = _options()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    learned, judged = patches(options.patches, seed=options.seed)
    ways: dict[str, Callable[[int], Tensor]] = {
        OURS: lambda seed: by_featlearn(learned, options, seed),
        "scikit-learn, cd": lambda seed: by_scikit_learn(learned, options, seed),
        "scikit-learn, cd, until it stops": lambda seed: by_scikit_learn(
            learned, options, seed, stops=True
        ),
    }
    found: dict[str, list[Dictionary]] = {name: [] for name in ways}
    with threadpool_limits(options.threads):
        for turn in range(options.rounds):
            for name, way in ways.items():
                begun = time.perf_counter()
                atoms = way(turn)
                found[name].append(Dictionary(_unit(atoms), time.perf_counter() - begun))
        rows = [_row(name, fits, judged, options) for name, fits in found.items()]
        quick = _feed_forward(learned, judged, found[OURS][0].atoms, options)
    report = {
        "processor": processor(),
        "source": SOURCE,
        **{name: getattr(options, name) for name in _TOLD},
        "rows": rows,
        "times_as_fast": min(row["seconds"] for row in rows[1:]) / rows[0]["seconds"],
        "feed_forward": quick,
    }
    print(json.dumps(report, indent=2) if options.json else _table(report))


def patches(count: int, *, seed: int) -> tuple[Rows, Tensor]:
    """Cut patches out of the scenes, each without its mean, all on one scale.

    Returns:
        `(count, 64)` of nine scenes to learn from, and 1000 to judge by, of the one whose contrast
        is nearest the mean.
    """
    each = max(count // 9 + 1, 1000)
    spec = DataSpec(source=SOURCE, size=(SIDE, SIDE), fit="crop", crops=each, hold_out=0)
    root = Path(__file__).resolve().parents[2] / "data"
    named = os.environ.get("FEATLEARN_DATA")
    images = open_splits(spec, root=None if named else root, seed=seed).train.images
    scenes = np.asarray(images, np.float64).reshape(-1, each, SIDE * SIDE)
    scenes -= scenes.mean(2, keepdims=True)
    scenes /= scenes.std()
    contrast = scenes.var((1, 2))
    judged = int(np.abs(contrast - contrast.mean()).argmin())
    rows = np.delete(scenes, judged, axis=0).reshape(-1, SIDE * SIDE)
    chosen = np.random.default_rng(seed).permutation(len(rows))[:count]
    return rows[chosen], torch.from_numpy(scenes[judged][:1000]).float()


def by_featlearn(rows: Rows, options: argparse.Namespace, seed: int) -> Tensor:
    """Learn atoms by on-line sparse coding."""
    coding = {
        "kind": "sparse-coding",
        "weight": options.weight,
        "update": "on-line",
        "codes": {"kind": "fista", "steps": options.steps},
    }
    learner = _learner(coding, options, seed, activation="soft-threshold").fit(rows)
    return learner.stack_.stage(0).filter.weight.detach().flatten(1)


def by_scikit_learn(
    rows: Rows, options: argparse.Namespace, seed: int, *, stops: bool = False
) -> Tensor:
    """Learn atoms by scikit-learn, for as many passes, or until it stops as it would by itself."""
    own: dict[str, Any] = {"max_iter": options.epochs, "tol": 0.0, "max_no_improvement": None}
    solver = MiniBatchDictionaryLearning(
        options.units,
        alpha=options.weight,
        batch_size=options.batch,
        fit_algorithm="cd",
        random_state=seed,
        **({} if stops else own),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return torch.from_numpy(solver.fit(rows).components_).float()


def at_equal_price(atoms: Tensor, rows: Tensor, *, active: float) -> dict[str, float]:
    """Code rows by the Lasso with so many active units on average; say what that rebuilds."""
    gram = atoms @ atoms.T
    responses = rows @ atoms.T
    bound = largest_eigenvalue(lambda z: z @ gram, responses[:1], generator=generator(0))
    low, high = 1e-3, float(responses.abs().max())
    weight, codes = high, torch.zeros_like(responses)
    for _ in range(_HALVINGS):
        weight = (low * high) ** 0.5
        codes = fista(
            responses,
            lambda z: (z @ atoms) @ atoms.T,
            weight=weight,
            bound=bound,
            steps=_JUDGED_STEPS,
            start=codes,
        )
        many = float((codes != 0).sum()) > active * len(rows)
        low, high = (weight, high) if many else (low, weight)
    rebuilt = codes @ atoms
    return {
        "explained_variance": _explained(rows, rebuilt),
        "scaled": _explained(rows, _scaled(rebuilt, rows)),
        "active": float((codes != 0).sum()) / len(rows),
        "weight": weight,
    }


def in_one_pass(codes: Tensor, atoms: Tensor, rows: Tensor, *, active: int) -> float:
    """Say what the largest of some codes rebuild, on the one scale that suits all best."""
    largest = codes.abs().topk(active, dim=1).indices
    kept = torch.zeros_like(codes).scatter(1, largest, codes.gather(1, largest))
    return _explained(rows, _scaled(kept @ atoms, rows))


def _feed_forward(
    learned: Rows, judged: Tensor, atoms: Tensor, options: argparse.Namespace
) -> dict[str, Any]:
    """Compare one pass of filters with inference, at as many active units."""
    psd = {
        "kind": "psd",
        "weight": 2 * options.weight,
        "prediction": 1.0,
        "steps": options.steps,
    }
    activation = {"kind": "scaled-tanh", "gain": 3.0}
    learner = _learner(psd, options, 0, activation=activation, epochs=options.psd_epochs)
    stage = learner.fit(learned).stack_.stage(0)
    assert stage.decoder is not None
    assert stage.decoder.weight is not None
    own = _unit(stage.decoder.weight.detach().flatten(1))
    with torch.no_grad():
        predicted = stage.code(judged.view(-1, 1, SIDE, SIDE)).flatten(1)
    active = options.active
    return {
        "dictionary": {
            "inferred": at_equal_price(atoms, judged, active=active)["scaled"],
            "one_pass": in_one_pass(judged @ atoms.T, atoms, judged, active=active),
        },
        "psd": {
            "inferred": at_equal_price(own, judged, active=active)["scaled"],
            "one_pass": in_one_pass(predicted, own, judged, active=active),
        },
    }


def _learner(
    objective: dict[str, Any],
    options: argparse.Namespace,
    seed: int,
    *,
    activation: Any,
    epochs: int | None = None,
) -> FeatureLearner:
    """Make what learns from rows by one dense stage, as a user would."""
    recipe = {
        "title": "dictionary",
        "data": {"source": SOURCE, "hold_out": 0.0},
        "stages": [
            {
                "name": "atoms",
                "filter": {"kind": "dense", "maps": options.units, "bias": False},
                "activation": activation,
                "objective": objective,
                "input": "none",
            }
        ],
        "pretrain": {
            "epochs": epochs or options.epochs,
            "batch": options.batch,
            "optimizer": {"kind": "sgd", "lr": 0.02},
            "rate": {"kind": "cosine"},
        },
    }
    return FeatureLearner(
        msgspec.convert(recipe, Recipe), image_shape=(SIDE, SIDE), random_state=seed, device="cpu"
    )


def _row(
    name: str, fits: list[Dictionary], judged: Tensor, options: argparse.Namespace
) -> dict[str, Any]:
    """Give the medians of a way's rounds."""
    prices = [at_equal_price(fit.atoms, judged, active=options.active) for fit in fits]
    medians = {key: statistics.median(price[key] for price in prices) for key in prices[0]}
    return {"way": name, "seconds": statistics.median(fit.seconds for fit in fits), **medians}


def _explained(rows: Tensor, rebuilt: Tensor) -> float:
    return float(1 - (rows - rebuilt).square().sum() / rows.square().sum())


def _scaled(rebuilt: Tensor, rows: Tensor) -> Tensor:
    """Scale what was rebuilt by the one number that suits all rows best."""
    return rebuilt * (rebuilt * rows).sum() / rebuilt.square().sum()


def _unit(atoms: Tensor) -> Tensor:
    return torch.nn.functional.normalize(atoms, dim=1)


def _table(report: dict[str, Any]) -> str:
    """Write the figures for people."""
    lines = [f"{'way':34}{'seconds':>9}{'explained':>11}{'active':>8}{'λ':>7}"]
    lines += [
        f"{row['way']:34}{row['seconds']:9.1f}{row['explained_variance']:11.4f}"
        f"{row['active']:8.2f}{row['weight']:7.2f}"
        for row in report["rows"]
    ]
    lines += [f"{report['times_as_fast']:.1f} times as fast as the faster of scikit-learn's"]
    lines += [
        f"{name}: {gap['inferred']:.4f} inferred, {gap['one_pass']:.4f} in one pass"
        for name, gap in report["feed_forward"].items()
    ]
    return "\n".join(lines)


_TOLD = (
    "patches",
    "units",
    "weight",
    "batch",
    "epochs",
    "steps",
    "psd_epochs",
    "rounds",
    "threads",
    "seed",
)


def _options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure dictionary learning.")
    whole = {
        "patches": (20_000, "to learn from"),
        "units": (256, "of the dictionaries"),
        "active": (10, "active units of a patch, at which dictionaries are judged"),
        "batch": (256, "patches in a batch"),
        "epochs": (1, "times that all patches are gone through"),
        "steps": (10, "of FISTA, in learning"),
        "psd-epochs": (6, "of the encoder that learns to predict"),
        "rounds": (3, "of all ways in turns"),
        "threads": (1, "of the processor"),
    }
    for name, (default, said) in whole.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=said)
    parser.add_argument("--weight", type=float, default=1.3, help="λ, in learning")
    parser.add_argument("--seed", type=int, default=0, help="of the patches")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    for name in whole:
        value = getattr(options, name.replace("-", "_"))
        if value < 1:
            parser.error(f"--{name} must be at least 1; got {value}")
    if options.weight <= 0:
        parser.error(f"--weight must be above 0; got {options.weight:g}")
    if options.active > options.units:
        parser.error(f"--active must be at most --units ({options.units}); got {options.active}")
    return options


if __name__ == "__main__":
    main()
