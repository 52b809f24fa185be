"""`data inspect`: what a recipe says, what options say instead, and what the sheet leaves out."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ("", [1, 6, 5]),
        ("--colour rgb", [3, 6, 5]),
        ("--size 7x7", [1, 7, 7]),
        ("--size 9x9 --fit pad", [1, 9, 9]),
        ("--fit resize", [1, 6, 5]),
    ],
)
def test_only_what_is_given_replaces_the_recipe_s(
    run: Run, tiny: Path, given: str, shape: list[int]
) -> None:
    text = tiny.read_text().replace("[finetune]", '[finetune]\naugment = [{ kind = "flip" }]')
    tiny.write_text(text.replace("[data]", '[data]\nsize = [6, 5]\nfit = "crop"'))
    words = ("data", "inspect", "digits", "--augment", tiny, "--out", "x.png", "--json")
    assert json.loads(run(*words, *given.split()).stdout)["shape"] == shape


def test_exact_is_given_too(run: Run, tiny: Path) -> None:
    text = tiny.read_text().replace("[finetune]", '[finetune]\naugment = [{ kind = "flip" }]')
    tiny.write_text(text.replace("[data]", '[data]\nsize = [6, 5]\nfit = "crop"'))
    words = ("data", "inspect", "digits", "--augment", tiny, "--out", "x.png")
    refused = run(*words, "--fit", "exact")
    assert refused.exit_code == 1
    assert "each image is 8 x 8, but `data.size` is 6 x 5" in refused.stderr


@pytest.mark.parametrize(("classes", "said"), [(20, "s.png"), (23, "without 3 of 23 classes")])
def test_classes_without_a_row_are_counted(run: Run, classes: int, said: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2 * classes, 4, 4)).astype(np.uint8)
    np.savez("many.npz", x=images, y=np.arange(2 * classes) % classes)
    shown = run("data", "inspect", "many.npz", "--out", "s.png")
    (line,) = [line for line in shown.stdout.splitlines() if line.startswith("sheet")]
    assert line.endswith(said)
    found = run("data", "inspect", "many.npz", "--out", "t.png", "--json")
    assert json.loads(found.stdout)["left_out"] == classes - 20
