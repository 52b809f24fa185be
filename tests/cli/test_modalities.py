"""Commands on a recipe and a run of two modalities, made of arrays that are paired by order."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

Run = Callable[..., Result]

RECIPE = """
title = "Two arrays"
[[modalities]]
name = "first"
data = { source = "first.npz" }
[[modalities.stages]]
name = "one"
filter = { kind = "dense", maps = 4 }
objective = { kind = "plain" }
[modalities.pretrain]
epochs = 1
[[modalities]]
name = "second"
data = { source = "second.npz" }
[[modalities.stages]]
name = "two"
filter = { kind = "dense", maps = 4 }
objective = { kind = "plain" }
[modalities.pretrain]
epochs = 1
[pairs]
by = "order"
[shared]
code = 4
hidden = []
epochs = 1
[finetune]
epochs = 2
"""

GIVEN = ("predict", "run", "first.npz", "--modality", "first")


@pytest.fixture
def recipe(empty_folder: Path) -> Path:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    for name, side in (("first", 3), ("second", 4)):
        images = rng.integers(0, 90, (60, side, side)) + 120 * labels[:, None, None]
        split = {"x_train": images[:48], "y_train": labels[:48]}
        split |= {"x_test": images[48:], "y_test": labels[48:]}
        kinds: dict[str, Any] = {
            k: v.astype(np.uint8 if k[0] == "x" else np.int64) for k, v in split.items()
        }
        np.savez(empty_folder / f"{name}.npz", **kinds)
    (empty_folder / "two.toml").write_text(RECIPE, encoding="utf-8")
    return empty_folder / "two.toml"


def test_from_pretraining_to_evaluation(run: Run, recipe: Path) -> None:
    learned = run("pretrain", recipe, "--out", "run", "-q", "--json")
    assert learned.exit_code == 0, learned.output
    assert json.loads(learned.stdout)["modalities"]["second"]["input_shape"] == [1, 4, 4]
    again = run("pretrain", recipe, "--out", "again")
    assert again.exit_code == 0, again.output
    assert "first: one" in again.stdout  # the table of phases
    assert "second: two: 1 epoch" in again.stderr
    tuned = run("finetune", "run", "-q")
    assert tuned.exit_code == 0, tuned.output
    assert "late fusion" in tuned.stdout
    judged = run("evaluate", "run", "--json")
    assert judged.exit_code == 0, judged.output
    found = json.loads(judged.stdout)
    assert found["pairs"] == 12
    assert set(found["alone"]) == {"first", "second"}
    coded = run("encode", "run", "first.npz", "--modality", "first", "--out", "c.npy")
    assert coded.exit_code == 0, coded.output
    assert np.load("c.npy").shape == (60, 4)
    named = run(*GIVEN, "--with", "second=second.npz", "--json")
    assert named.exit_code == 0, named.output
    assert json.loads(named.stdout)["there"] == {"first+second": 60}
    alone = run("predict", "run", "second.npz", "--modality", "second", "--out", "p.csv")
    assert alone.exit_code == 0, alone.output
    assert "samples, second" in alone.stdout
    assert Path("p.csv").read_text().startswith("sample,modalities,prediction,p(0),p(1)\n0,second,")
    drawn = run("visualize", "run", "--what", "curves", "--what", "filters", "--out", "pictures")
    assert drawn.exit_code == 0, drawn.output
    assert "first-one-filters.png" in drawn.stdout
    assert run("report", "run").exit_code == 0
    for words, said in (
        (("evaluate", "run", "--probe"), "several modalities, which --probe is not for"),
        (("evaluate", "run", "first.npz"), "which SOURCE is not for"),
        (("evaluate", "run", "--labels", "5"), "which --labels is not for"),
        (("evaluate", "run", "--calibrate-on", "first.npz"), "which --calibrate-on is not for"),
        (("finetune", "run", "--freeze", "1"), "which --freeze is not for"),
        (("finetune", "run", "--labels", "4,8"), "which several --labels is not for"),
        (("finetune", "run", "--out", "pictures"), "which --out is not for"),
        (("pretrain", recipe, "--out", "new", "--weights", "first.npz"), "--weights is not for"),
        (("encode", "run", "first.npz", "--out", "d.npy"), "with --modality: first, second"),
        (("predict", "run", "first.npz"), "name that of first.npz with --modality: first, second"),
        ((*GIVEN, "--with", "first=first.npz"), "the modality 'first' is named twice"),
        ((*GIVEN, "--with", "second"), "'second' is not NAME=SOURCE, such as sound=fsdd:test"),
        ((*GIVEN, "--with", "smell=first.npz"), "there is no modality 'smell'"),
        ((*GIVEN, "--tta", "3"), "several modalities, which --tta is not for"),
        (("visualize", "run", "--what", "saliency", "--out", "p"), "choose from filters"),
        (("encode", "run", "x.npz", "--out", "d.npy", "--stage", "one"), "--stage is not for"),
    ):
        refused = run(*words)
        assert refused.exit_code == 2
        assert said in refused.stderr or "x.npz" in refused.stderr


def test_layers_for_people(run: Run, recipe: Path) -> None:
    result = run("describe", recipe)
    assert result.exit_code == 0, result.output
    assert "second.encoder1" in result.stdout
    assert "weights and biases in all" in result.stdout
    assert "in the stacks' decoders alone" in result.stdout


def test_modalities_of_different_lengths_are_refused(run: Run, recipe: Path) -> None:
    np.savez("second.npz", x_train=np.zeros((9, 4, 4), np.uint8), y_train=np.arange(9) % 2)
    result = run("pretrain", recipe, "--out", "run")
    assert result.exit_code == 1
    assert "first has 48, second has 7; pair them by key or by class" in result.stderr
    assert not Path("run").exists()


def test_draws_are_for_the_study_that_draws(run: Run) -> None:
    result = run("study", "face-unit", "--out", "x", "--draws", "3")
    assert result.exit_code == 2
    assert "No such option '--draws'" in result.stderr


def test_what_is_about_one_stack_says_so(run: Run) -> None:
    result = run("check", "digits-av")
    assert result.exit_code == 1
    assert "describes several modalities (image, sound)" in result.stderr
