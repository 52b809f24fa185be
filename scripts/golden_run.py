#!/usr/bin/env python3
"""Make the golden runs of the present format version, in tests/golden/format-N.

Every later featlearn must load them to the same bytes: tests/workflows/test_old_runs.py. So
they are made once, when the version is raised, and what is there is never made again.
"""

import argparse
import contextlib
import hashlib
import json
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

from featlearn.config.load import parse_recipe
from featlearn.datasets.source import open_images
from featlearn.errors import Interrupted
from featlearn.heads.problem import logits_of
from featlearn.heads.store import load_classifier
from featlearn.networks.formats import FORMAT
from featlearn.networks.stack import What
from featlearn.networks.store import load_stack
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Silent, StepReport
from featlearn.workflows.encode import encode
from featlearn.workflows.evaluate import evaluate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.label_sweep import sweep_labels
from featlearn.workflows.pretrain import pretrain

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden"
IMAGES = "images.npz"

HEAD = """\
title = "A golden run of format version {version}: {name}"
data = {{ source = "digits", size = [6, 6], fit = "crop", limit = 60, hold_out = 0.1 }}
"""

TAIL = """
[finetune]
epochs = 30
batch = 10
optimizer = { kind = "adamw", lr = 0.03 }
head = { kind = "classification", hidden = [8] }
"""

LOCAL = """
preprocess = [{ kind = "contrast" }, { kind = "zca" }]
pretrain = { epochs = 1, batch = 18 }

[[stages]]
name = "strokes"
filter = { kind = "local", size = 3, maps = 4 }
pool = { kind = "l2", size = 2 }
norm = { kind = "lcn", size = 3, padding = "same", window = "gaussian" }
objective = { kind = "denoising", corruption = { kind = "mask", rate = 0.3 } }

[[stages]]
name = "parts"
filter = { kind = "tiled", size = 2, maps = 4, tile = 2, groups = 2 }
activation = { kind = "soft-threshold", threshold = 0.05 }
pool = { kind = "max", size = 2 }
norm = { kind = "lrn" }
objective = { kind = "sparse", penalty = { kind = "l1" }, decoder = "untied" }
"""

SHARED = """
preprocess = [{ kind = "standardize" }]

[[stages]]
name = "patches"
filter = { kind = "conv", size = 3, maps = 4, padding = "same" }
activation = { kind = "leaky-relu", slope = 0.1 }
patches = { size = 4, per_image = 2 }
pool = { kind = "avg", size = 2, stride = 2 }
norm = { kind = "lcn", size = 3, padding = "same", across = true, constant = 0.01 }
objective = { kind = "denoising", corruption = { kind = "gaussian" }, average_positions = true }

[[stages]]
name = "units"
filter = { kind = "dense", maps = 6 }
activation = "sigmoid"
input = "unit"
norm = { kind = "batch" }

[stages.objective]
kind = "sparse"
penalty = { kind = "kl" }
reconstruction = "cross-entropy"
decoder = "untied"

[pretrain]
schedule = "greedy-then-joint"
epochs = 1
batch = 18
optimizer = { kind = "sgd", lr = 0.001 }
"""

COMPONENTS = """
preprocess = [{ kind = "pca", keep = 0.8 }]

[[stages]]
name = "code"
filter = { kind = "dense", maps = 6, bias = false }
activation = "tanh"
norm = { kind = "batch" }
objective = { kind = "plain" }

[[stages]]
name = "mix"
filter = { kind = "conv", size = 1, maps = 5 }
activation = { kind = "elu", alpha = 0.5 }
dropout = 0.2

[pretrain]
schedule = "joint"
epochs = 2
batch = 18
"""

RECIPES = {"local": LOCAL, "shared": SHARED, "components": COMPONENTS, "unfinished": COMPONENTS}
"""Of them `unfinished` is stopped in the middle: resumed, it ends where `components` did."""


class StopAt(Silent):
    """Asks a training to stop, as a signal does, after so many steps."""

    def __init__(self, step: int) -> None:
        """Take how many steps there shall be."""
        self.left = step

    def step(self, report: StepReport) -> None:
        """Count, and press Ctrl-C."""
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


def make(version: int) -> None:
    """Make all runs, and what they give, in the current folder."""
    pixels, labels = load_digits(return_X_y=True)
    images = (np.asarray(pixels)[:12] * 15).astype(np.uint8).reshape(12, 8, 8)
    np.savez_compressed(IMAGES, images=images, labels=np.asarray(labels)[:12])
    for name, text in RECIPES.items():
        recipe = parse_recipe(HEAD.format(version=version, name=name) + text + TAIL)
        with contextlib.suppress(Interrupted):
            told = StopAt(4) if name == "unfinished" else None
            pretrain(recipe, out=name, device="cpu", threads=1, progress=told)
    finetune("local", labels=20, device="cpu", threads=1)
    finetune("shared", name="frozen", freeze=1, device="cpu", threads=1)
    for name in ("local", "shared"):
        evaluate(name, device="cpu", threads=1)
    sweep_labels("components", labels=[10, 20], draws=2, controls=["scratch"], threads=1)
    for trained in (Path(name) for name in RECIPES if name != "unfinished"):
        expect(trained)
        for head in sorted(trained.glob("heads/*")):
            expect(head)


def expect(trained: Path) -> None:
    """Write what a run or a head of it holds and gives, below `expected/`."""
    if trained.parent.name == "heads":
        probabilities(trained)
    else:
        features(trained)
    tensors = load_file(trained / "model.safetensors")
    sums = {name: digest(array) for name, array in tensors.items()}
    text = json.dumps(sums, indent=2, sort_keys=True)
    (Path("expected") / trained / "tensors.json").write_text(text + "\n", encoding="utf-8")


def probabilities(head: Path) -> None:
    """Write the probability of every class."""
    loaded = load_classifier(head)
    shown = open_images(IMAGES, loaded.recipe.data, root=None)
    logits = logits_of(loaded.classifier, Pictures(shown, torch.device("cpu")))
    out = Path("expected") / head / "probabilities.npy"
    out.parent.mkdir(parents=True)
    np.save(out, torch.softmax(logits, dim=1).numpy())


def features(run: Path) -> None:
    """Write the features of every stage."""
    stack = load_stack(run).stack
    for name in stack.names:
        stage = stack.stage(name)
        kinds: list[What] = (
            ["code", "output"] if stage.spec.pool is None else ["code", "pooled", "output"]
        )
        for what in kinds:
            out = Path("expected") / run / f"{name}.{what}.npy"
            encode(run, IMAGES, out=out, stage=name, what=what, device="cpu", threads=1)
            out.with_suffix(".index.csv").unlink()


def digest(array: NDArray[np.generic]) -> str:
    """Hash type, shape and bytes of an array."""
    head = f"{array.dtype.name} {array.shape} ".encode()
    return hashlib.sha256(head + array.tobytes()).hexdigest()


def main() -> None:
    """Make the folder, whole or not at all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=GOLDEN, help="folder for format-N")
    folder = parser.parse_args().out / f"format-{FORMAT}"
    if folder.exists():
        sys.exit(f"{folder} is there: golden runs are for ever, and never made again")
    folder.mkdir(parents=True)
    try:
        with contextlib.chdir(folder):
            make(FORMAT)
    except BaseException:
        shutil.rmtree(folder)
        raise
    print(folder)


if __name__ == "__main__":
    main()
