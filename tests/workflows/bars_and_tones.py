"""Bars that are seen and tones that are heard, in folders, with keys in common."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import wavfile

from featlearn.config.load import load_any_recipe
from featlearn.config.modalities import MultimodalRecipe

RECIPE = """
title = "bars and tones"

[[modalities]]
name = "image"
data = { source = "images", colour = "grey", hold_out = 0.1 }
augment = [{ kind = "shift", pixels = 1 }]
copies = 2
[[modalities.stages]]
name = "bars"
filter = { kind = "dense", maps = 12 }
objective = { kind = "denoising", corruption = { kind = "mask" } }
[modalities.pretrain]
epochs = 2
batch = 16

[[modalities]]
name = "sound"
data = { source = "sounds", audio = { kind = "log-mel", frames = 6, window = 64, hop = 48, bands = 8 }, hold_out = 0.1 }
[[modalities.stages]]
name = "tones"
filter = { kind = "dense", maps = 12 }
objective = { kind = "denoising", corruption = { kind = "mask" } }
[modalities.pretrain]
epochs = 2
batch = 16

[pairs]
by = "class"

[shared]
code = 6
hidden = [12]
views = 0.5
epochs = 6
batch = 16
optimizer = { kind = "adam", lr = 5e-3 }

[finetune]
epochs = 8
batch = 16
optimizer = { kind = "adam", lr = 1e-2 }
"""  # noqa: E501 - a table is one line


def make_samples(folder: Path, *, split: str, count: int) -> None:
    """Write bars and tones of one key: three classes, by their place and pitch."""
    rng = np.random.default_rng(len(split))
    for number in range(count):
        place = number % 3
        pixels = rng.integers(0, 60, (6, 6), np.uint8)
        pixels[2 * place : 2 * place + 2] += 150
        wave = 9000 * np.sin(2 * np.pi * (400 + 900 * place) * np.arange(400) / 8000)
        wave += rng.normal(0, 300, 400)
        for kind, ending in (("images", "png"), ("sounds", "wav")):
            path = folder / kind / split / "abc"[place] / f"{number}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if ending == "png":
                Image.fromarray(pixels).save(path)
            else:
                wavfile.write(path, 8000, wave.astype(np.int16))


def make_folder(path: Path) -> Path:
    """Write samples to learn from and for test, and the recipe `av.toml`."""
    make_samples(path, split="train", count=60)
    make_samples(path, split="test", count=12)
    (path / "av.toml").write_text(RECIPE, encoding="utf-8")
    return path


def recipe(folder: Path, *sets: str) -> MultimodalRecipe:
    """Read the recipe of a folder, changed."""
    found = load_any_recipe(folder / "av.toml", overrides=sets)
    assert isinstance(found, MultimodalRecipe)
    return found
