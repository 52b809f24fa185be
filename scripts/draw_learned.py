#!/usr/bin/env python3
"""Train on what comes with scikit-learn, and draw the pictures of docs/ that need it.

Writes PNG files into docs/pictures/; less than a minute on two cores. `scripts/draw_diagrams.py`
draws the others.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from draw_diagrams import PICTURES, photograph, save
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from torch import Tensor

from featlearn.autoencoders.autoencoder import corrupt
from featlearn.config.autoencoding import GaussianNoiseSpec, MaskNoiseSpec, SaltPepperSpec
from featlearn.config.load import load_recipe, recipe_text
from featlearn.files import write_bytes
from featlearn.networks.stack import Stack
from featlearn.networks.store import load_stack
from featlearn.visualize.filters import filter_pictures
from featlearn.visualize.picture import picture_png
from featlearn.visualize.projections import projection_picture, response_picture
from featlearn.visualize.style import MUTED, bare, new_figure, styled
from featlearn.visualize.tiles import image_tiles, mosaic
from featlearn.workflows.pretrain import pretrain

OBJECTIVES = {
    "plain": '{ kind = "plain" }',
    "sparse": '{ kind = "sparse", penalty = { kind = "l1", weight = 0.5 } }',
    "denoising": '{ kind = "denoising", corruption = { kind = "mask", rate = 0.3 } }',
}
NOISES = {
    "mask": MaskNoiseSpec(rate=0.3),
    "gaussian": GaussianNoiseSpec(std=0.5),
    "salt-pepper": SaltPepperSpec(rate=0.2),
}
SHOWN = 12

CONTOURS = """
[[stages]]
name = "contours"
filter = { kind = "dense", maps = 48 }
objective = { kind = "sparse", penalty = { kind = "l1", weight = 1.0 } }
"""
"""A second stage for the recipe `photographs`."""

PLACES = """
title = "Local filters on two photographs"
data = { source = "photographs", colour = "grey", size = [16, 16], fit = "crop", crops = 8000 }
preprocess = [{ kind = "contrast", floor = 0.2 }]

[[stages]]
name = "places"
filter = { kind = "local", size = 9, maps = 2 }
objective = { kind = "denoising", corruption = { kind = "gaussian", std = 0.8 } }

[pretrain]
epochs = 15
batch = 64
optimizer = { kind = "adamw", lr = 1e-2, weight_decay = 0.6 }
rate = { kind = "cosine" }
"""

PARTS = """
title = "One convolutional stage on two photographs"
data = { source = "photographs", colour = "grey", size = [48, 48], fit = "crop", crops = 1000 }

[[stages]]
name = "parts"
filter = { kind = "conv", size = 7, maps = 4, padding = "same" }
pool = { kind = "l2", size = 5, stride = 3, padding = "same" }
norm = { kind = "lcn", size = 9, padding = "same" }
patches = { size = 21, per_image = 2 }
objective = { kind = "denoising", corruption = { kind = "gaussian", std = 0.5 } }

[pretrain]
epochs = 10
optimizer = { kind = "adamw", lr = 3e-3 }
"""


def learned(text: str, *changes: str) -> Stack:
    """Train a recipe with changes."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder, "mine.toml")
        recipe.write_text(text, encoding="utf-8")
        run = Path(folder, "run")
        pretrain(load_recipe(recipe, overrides=changes), out=run, threads=1, device="cpu")
        return load_stack(run).stack


def digits(count: int) -> Tensor:
    """Give digits of the test split, `(count, 1, 8, 8)` in [0, 1]."""
    rows, _ = load_digits(return_X_y=True)
    return torch.tensor(np.asarray(rows)[-count:] / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)


@torch.no_grad()
def stage(stack: Stack) -> Figure:
    """Draw what a convolutional stage makes of a photograph, part by part."""
    it, image = stack.stage(0), photograph()
    output = it(image)
    assert output.pooled is not None
    assert output.normalised is not None
    parts = [
        ("x: the image", image),
        ("filter, activation: code", output.code),
        ("pooling: pooled", output.pooled),
        ("normalisation: normalised", output.normalised),
        ("decoder: x̂, from the code", it.rebuild(image)),
    ]
    with styled():
        figure = new_figure(9.6, 1.6)
        panels = figure.subplots(1, len(parts))
        for axes, (title, maps) in zip(panels, parts, strict=True):
            bare(axes)
            axes.set_title(title, fontsize=8)
            planes = maps[0].unsqueeze(1).numpy()  # each on a scale of its own
            low, high = (np.quantile(planes, share, axis=(1, 2, 3)) for share in (0.005, 0.995))
            tiles = image_tiles(planes, low=low, high=high)
            columns = 1 if len(tiles) == 1 else 2
            axes.imshow(mosaic(tiles, columns=columns, gap=max(1, maps.shape[-1] // 50)))
    return figure


def objectives(*fewer: str) -> Figure:
    """Draw digits, three kinds of noise on them, and what three objectives rebuild."""
    images = digits(SHOWN)
    stacks = {
        name: learned(
            recipe_text("dense"),
            'stages.features.activation="relu"',
            f"stages.features.objective={table}",
            *fewer,
        )
        for name, table in OBJECTIVES.items()
    }
    one = next(iter(stacks.values())).stage(0)
    x = one.scaler(images)
    draw = torch.Generator().manual_seed(0)
    noisy = {kind: corrupt(x, spec, generator=draw)[0] for kind, spec in NOISES.items()}
    rows = {"x": images}
    rows |= {f"x̃, {kind}": one.scaler.invert(values) for kind, values in noisy.items()}
    for name, stack in stacks.items():
        it = stack.stage(0)
        rows[f"x̂, {name}"] = it.scaler.invert(it.decode(it.code(noisy["mask"])))
    with styled():
        figure = new_figure(7.2, 4.2)
        panels = figure.subplots(len(rows), 1)
        for axes, (title, values) in zip(panels, rows.items(), strict=True):
            _mosaic(axes, values[:, 0], columns=SHOWN)
            axes.set_ylabel(title, rotation=0, ha="right", va="center", color=MUTED, fontsize=8)
    return figure


def _mosaic(axes: Axes, maps: Tensor, *, columns: int) -> None:
    """Draw maps as tiles on one scale, ink dark on white."""
    maps = maps.detach()
    bare(axes)
    low, high = float(maps.min()), float(maps.max())
    tiles = image_tiles(-maps.unsqueeze(1).numpy(), low=-high, high=-low)
    axes.imshow(mosaic(tiles, columns=columns), interpolation="nearest")


def main() -> None:
    """Train, and draw all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PICTURES, help="folder (default: %(default)s)")
    parser.add_argument("--epochs", type=int, help="instead of the recipes', for a quick try")
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    fewer = [] if options.epochs is None else [f"pretrain.epochs={options.epochs}"]
    save(stage(learned(PARTS, *fewer)), out / "stage.png")
    save(objectives(*fewer), out / "objectives.png")
    photographs = learned(recipe_text("photographs") + CONTOURS, *fewer)
    pictures = {
        "edges": response_picture(photographs),
        "contours": projection_picture(photographs, 1),
        "places": filter_pictures(learned(PLACES, *fewer).stage(0))[1],
    }
    for name, picture in pictures.items():
        write_bytes(out / f"{name}.png", picture_png(picture, width=800))
        print(out / f"{name}.png")


if __name__ == "__main__":
    main()
