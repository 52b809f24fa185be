#!/usr/bin/env python3
"""Train Bernoulli RBMs of 256 units on MNIST beside scikit-learn's, for the same time.

    python scripts/bench/rbm.py --seconds 600 --rounds 3
    python scripts/bench/rbm.py --seconds 120 --rounds 1 --processor-time --json

Both learn from the same binary images, on one thread each, in turns: the recipe `mnist-rbm` with
its epochs made to fit, and `BernoulliRBM` in single precision, under every setting that
`--settings` names. The models are judged by one and the same code: the log-likelihood of binary
test images, by annealed importance sampling, and the pseudo-likelihood. Prints a table, or one
JSON object.
"""

import argparse
import json
import statistics
import time
from typing import Any

import numpy as np
import sklearn
import torch
from rbm_sides import OURS, Rows, Setting, Trained, sides
from torch import Tensor

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.datasets.source import open_splits
from featlearn.evaluate.likelihood import log_likelihood, pseudo_log_likelihood
from featlearn.evaluate.partition import base_rates, estimate_log_partition
from featlearn.ops.memory import keep_freed_memory
from featlearn.ops.random import generator
from featlearn.seeds import derive
from featlearn.training.device import processor

RECIPE = "mnist-rbm"
MEASURES = ("log_likelihood", "pseudo_likelihood")


def main() -> None:
    """Train in turns, and judge."""
    options = _options()
    torch.set_num_threads(1)
    keep_freed_memory()
    clock = time.process_time if options.processor_time else time.perf_counter
    recipe = load_recipe(RECIPE)
    train, test = _binary_images(recipe, options)
    rows: list[dict[str, Any]] = []
    for number in range(options.rounds):
        both = list(sides(recipe, train, number, options.seconds, clock, options.settings))
        for name, side in both if number % 2 == 0 else reversed(both):
            found = side()
            rows.append({"round": number, "side": name, **_judged(found, train, test, options)})
    about: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("seconds", "rounds", "processor_time", "train", "ais_chains", "ais_steps")
    }
    versions = {"torch": torch.__version__, "sklearn": sklearn.__version__}
    result = {**about, **versions, "processor": processor(), "rows": rows, **_summary(rows)}
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        _print(result)


def _options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train RBMs beside scikit-learn's.")
    add = parser.add_argument
    add("--seconds", type=float, default=600.0, help="time of each training [600]")
    add("--rounds", type=int, default=3, help="trainings of each side, by other seeds [3]")
    add(
        "--settings",
        nargs="+",
        type=_setting,
        default=[Setting(10, 0.1), Setting(10, 0.01), Setting(100, 0.1), Setting(100, 0.02)],
        metavar="BATCH:RATE",
        help="of scikit-learn's machine [10:0.1, its defaults, 10:0.01 100:0.1 100:0.02]",
    )
    add("--train", type=int, default=60_000, help="training images [60000]")
    add("--ais-chains", type=int, default=100, help="annealed chains [100]")
    add("--ais-steps", type=int, default=14_500, help="steps of each chain [14500]")
    add(
        "--processor-time",
        action="store_true",
        help="count the time that the processor gave, for a machine that does other work",
    )
    add("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    least = {"seconds": 1, "rounds": 1, "train": 100, "ais_chains": 2, "ais_steps": 1}
    for name, bound in least.items():
        if getattr(options, name) < bound:
            word = name.replace("_", "-")
            parser.error(f"--{word} must be at least {bound}; got {getattr(options, name)}")
    return options


def _setting(text: str) -> Setting:
    """Read a batch size and a learning rate."""
    try:
        batch, lr = text.split(":")
        setting = Setting(int(batch), float(lr))
    except ValueError:
        raise argparse.ArgumentTypeError(f"a setting is BATCH:RATE; got {text!r}") from None
    if setting.batch < 1 or setting.lr <= 0:
        raise argparse.ArgumentTypeError(f"batch and rate must be above 0; got {text!r}")
    return setting


def _binary_images(recipe: Recipe, options: argparse.Namespace) -> tuple[Rows, Rows]:
    """Draw every pixel once, from its grey value as a probability; `(n, 784)` zeros and ones."""
    splits = open_splits(recipe.data, root=None, seed=recipe.seed)
    assert splits.test is not None
    found: list[Rows] = []
    chosen = {"train": splits.train.subset(np.arange(options.train)), "test": splits.test}
    for name, images in chosen.items():
        draw = np.random.default_rng(derive(0, "binary", name))
        grey = images.images.reshape(len(images), -1)
        found.append((draw.random(grey.shape, np.float32) * 255 < grey).astype(np.float32))
    return found[0], found[1]


def _judged(
    trained: Trained, train: Rows, test: Rows, options: argparse.Namespace
) -> dict[str, Any]:
    """Estimate the likelihoods of test images, by the same draws for all."""
    machine = trained.machine
    found = estimate_log_partition(
        machine,
        base_rates(machine, [_as_units(train)]),
        chains=options.ais_chains,
        steps=options.ais_steps,
        generator=generator(0, "chains"),
    )
    v = _as_units(test)
    pseudo = pseudo_log_likelihood(machine, v, generator=generator(0, "units"))
    return {
        "seconds": round(trained.seconds, 2),
        "epochs": round(trained.epochs, 2),
        "log_likelihood": float(log_likelihood(machine, v, log_z=found.log_z).mean()),
        "log_z_error": found.error,
        "effective_chains": found.effective,
        "pseudo_likelihood": float(pseudo.mean()),
    }


def _as_units(rows: Rows) -> Tensor:
    return torch.from_numpy(rows).view(-1, 1, 28, 28)


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Average over rounds, and set ours beside the best of the others by each measure."""
    sides = list(dict.fromkeys(row["side"] for row in rows))
    means = {
        side: {
            measure: statistics.mean(row[measure] for row in rows if row["side"] == side)
            for measure in MEASURES
        }
        for side in sides
    }
    gains = {
        measure: means[OURS][measure]
        - max(found[measure] for side, found in means.items() if side != OURS)
        for measure in MEASURES
    }
    return {"means": means, "gain_over_best": gains}


def _print(result: dict[str, Any]) -> None:
    """Print every training, the means, and what is gained."""
    print(_line("side", "seconds", "epochs", "log-lik.", "± (AIS)", "pseudo-lik."))
    for row in result["rows"]:
        print(
            _line(
                row["side"],
                f"{row['seconds']:.1f}",
                f"{row['epochs']:.1f}",
                f"{row['log_likelihood']:.2f}",
                f"{row['log_z_error']:.2f}",
                f"{row['pseudo_likelihood']:.2f}",
            )
        )
    for measure, gain in result["gain_over_best"].items():
        print(f"{measure}: {gain:+.2f} nats over the best setting of scikit-learn, in the mean")


def _line(*cells: str) -> str:
    widths = (36, 9, 8, 10, 9, 0)
    return " ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


if __name__ == "__main__":
    main()
