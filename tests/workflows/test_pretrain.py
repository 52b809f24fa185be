"""`pretrain`: the run directory, repeatability, and what is never overwritten."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError, DataError, Interrupted, RecipeError
from featlearn.files import sha256
from featlearn.networks.store import load_stack
from featlearn.report.run import run_view
from featlearn.stages.stage import Stage
from featlearn.training.progress import Progress, Silent, StepReport
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.curves import curves_figure, phases_of, read_metrics
from featlearn.workflows.pretrain import PretrainResult, pretrain, settings

Tiny = Callable[..., Recipe]


def run(recipe: Recipe, out: Path, **options: Any) -> PretrainResult:
    return pretrain(recipe, out=out, root=out, device="cpu", **options)


def model(path: Path) -> bytes:
    return RunDirectory(path).model_file.read_bytes()


def test_a_run_holds_what_it_should(tmp_path: Path, tiny: Tiny) -> None:
    recipe, out = tiny(), tmp_path / "run"
    result = run(recipe, out)
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md",
        "identity.json",
        "metrics.jsonl",
        "model.safetensors",
        "recipe.toml",
        "results.json",
    ]
    assert load_recipe(out / "recipe.toml") == recipe
    assert load_stack(out).recipe == recipe
    assert msgspec.json.decode((out / "results.json").read_bytes(), type=PretrainResult) == result
    assert result.files == {
        name: sha256(out / name) for name in ("model.safetensors", "recipe.toml")
    }
    assert (result.data.source, result.data.train, result.data.held_out) == ("digits", 90, 10)
    assert result.input_shape == (1, 8, 8)
    assert [(p.name, p.epochs, p.steps) for p in result.phases] == [
        ("edges", 2, 6),
        ("parts", 2, 6),
    ]
    assert result.parameters == 41 + 6 * 36 + 6 + 36
    assert result.environment.threads == torch.get_num_threads()
    assert "Tiny" in (out / "README.md").read_text()


def test_metrics_have_the_lines_that_were_promised(tmp_path: Path, tiny: Tiny) -> None:
    run(tiny(), tmp_path / "run")
    text = (tmp_path / "run" / "metrics.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["phase"], line["epoch"], line["step"]) for line in lines] == [
        (name, *place)
        for name in ("edges", "parts")
        for place in ((0, 1), (0, 3), (0, 3), (1, 6), (1, 6))
    ]
    assert list(lines[0]) == ["phase", "epoch", "step", "lr", "loss", "terms"]
    assert lines[0]["loss"] == lines[0]["terms"]["reconstruction"]
    assert list(lines[1]) == list(lines[0])  # the last step of an epoch
    assert lines[2]["held_out"].keys() == {"reconstruction", "loss"}


def test_every_epoch_ends_with_a_line_where_nothing_is_held_out(tmp_path: Path, tiny: Tiny) -> None:
    run(tiny(data={"hold_out": 0.0}), tmp_path / "run")
    metrics = read_metrics(tmp_path / "run" / "metrics.jsonl")
    ends = [(line["phase"], line["epoch"]) for line in metrics if "held_out" in line]
    assert ends == [(name, epoch) for name in ("edges", "parts") for epoch in (0, 1)]
    assert [phase.held_out for phase in phases_of(metrics)] == [{}, {}]
    assert curves_figure(metrics).axes[0].get_title("left") == "edges"


def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path: Path, tiny: Tiny) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(tiny(seed=seed), tmp_path / name)
    assert model(tmp_path / "a") == model(tmp_path / "b") != model(tmp_path / "c")
    metrics = [(tmp_path / name / "metrics.jsonl").read_bytes() for name in "abc"]
    assert metrics[0] == metrics[1] != metrics[2]


def test_held_out_images_are_never_learned_from(tmp_path: Path, tiny: Tiny) -> None:
    rng = np.random.default_rng(0)
    images = rng.uniform(0.2, 0.8, (40, 1, 8, 8)).astype(np.float32)

    def trained(name: str, pixels: Any) -> bytes:
        np.save(tmp_path / "images.npy", pixels)
        data = {"source": str(tmp_path / "images.npy"), "limit": None, "hold_out": 0.25}
        recipe = tiny(data=data, preprocess=[{"kind": "standardize"}])
        held_out: list[float] = []

        class Watch:
            def start(self, phase: str, *, epochs: int, steps: int) -> None: ...
            def note(self, text: str) -> None: ...
            def stop(self) -> None: ...
            def step(self, report: StepReport) -> None:
                if report.held_out is not None:
                    held_out.append(report.held_out["loss"])

        run(recipe, tmp_path / name, progress=Watch())
        figures.append(held_out)
        return model(tmp_path / name)

    figures: list[list[float]] = []
    once = trained("once", images)
    changed, same = 0, 0
    for place in range(12):
        other = images.copy()
        other[place] = 1 - other[place]
        if trained(f"other-{place}", other) == once:
            same += 1
            # It was held out, or set apart for the test: at most the figures moved.
            changed += figures[-1] != figures[0]
    assert 0 < same < 12
    assert changed > 0


def test_the_recipe_in_the_run_makes_the_same_run(tmp_path: Path, tiny: Tiny) -> None:
    recipe = tiny(
        preprocess=[{"kind": "pca", "keep": 0.9}],
        stages=[tiny().stages[1]],
        pretrain={"rate": {"kind": "one-cycle"}},
    )
    run(recipe, tmp_path / "a")
    again = load_recipe(tmp_path / "a" / "recipe.toml")
    assert settings(again) == settings(recipe)
    run(again, tmp_path / "b")
    assert model(tmp_path / "a") == model(tmp_path / "b")


def test_nothing_is_overwritten_unasked(tmp_path: Path, tiny: Tiny) -> None:
    run(tiny(), tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(CheckpointError, match="holds a finished run; add --overwrite to replace"):
        run(tiny(seed=1), tmp_path / "run")
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_overwriting_leaves_a_user_s_own_files(tmp_path: Path, tiny: Tiny) -> None:
    out = tmp_path / "run"
    run(tiny(), out)
    (out / "notes.txt").write_text("mine")
    (out / "heads" / "old").mkdir(parents=True)
    run(tiny(seed=1), out, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine"
    assert not (out / "heads").exists()
    run(tiny(seed=1), tmp_path / "other")
    assert model(out) == model(tmp_path / "other")


def test_a_folder_with_a_user_s_recipe_is_not_taken_for_a_run(tmp_path: Path, tiny: Tiny) -> None:
    (tmp_path / "recipe.toml").write_text("mine")
    for options in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(CheckpointError, match="holds other files"):
            run(tiny(), tmp_path, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.toml"]
    assert (tmp_path / "recipe.toml").read_text() == "mine"


def test_what_does_not_fit_leaves_no_folder(tmp_path: Path, tiny: Tiny) -> None:
    first = msgspec.to_builtins(tiny().stages[0]) | {"pool": {"kind": "max", "size": 9}}
    with pytest.raises(RecipeError, match=r"stage 'edges': pool.size 9 does not fit into 6x6"):
        run(tiny(stages=[first]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


class Shrink:
    """A caller's own objective."""

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        return {"size": stage.code(x).square().sum() / len(x)}

    def after_step(self, stage: Stage) -> None: ...


def test_a_caller_s_own_objective_trains(tmp_path: Path, tiny: Tiny) -> None:
    out = tmp_path / "run"
    result = run(tiny(pretrain={"epochs": 6}), out, objectives={"edges": Shrink()})
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    sizes = [line["held_out"]["size"] for line in lines if "size" in line.get("held_out", {})]
    assert len(sizes) == 6
    assert sizes[-1] < 0.8 * sizes[0]
    assert "reconstruction" in (result.phases[1].held_out or {})
    with pytest.raises(CheckpointError, match=r"objectives was .*Shrink.*, now it is the default"):
        run(tiny(pretrain={"epochs": 6}), out, resume=True)


@dataclass
class Weighted(Shrink):
    """One that writes its number, and a function, whose address is another in every process."""

    weight: float
    shape: Callable[[Tensor], Tensor] = torch.square


def test_an_own_objective_is_known_by_its_numbers(tmp_path: Path, tiny: Tiny) -> None:
    out = tmp_path / "run"
    result = run(tiny(), out, objectives={"edges": Weighted(0.5)})
    said = result.own_objectives["edges"]
    assert said.startswith("Weighted(weight=0.5, shape=<")
    assert "0x" not in said
    assert "the caller's own objective, Weighted(weight=0.5" in (out / "README.md").read_text()
    (shown,) = (
        line
        for line in run_view("x", RunDirectory(out), name="run", root=None, device="cpu").protocol
        if "objective" in line
    )
    assert shown.startswith("Stage edges learned by the caller's own objective, Weighted(")
    run(tiny(), out, objectives={"edges": Weighted(0.5)}, resume=True)
    with pytest.raises(CheckpointError, match=r"objectives.edges was .*0\.5.*, now it is .*0\.25"):
        run(tiny(), out, objectives={"edges": Weighted(0.25)}, resume=True)


def test_patches_are_not_called_images(tmp_path: Path, tiny: Tiny) -> None:
    np.save(tmp_path / "pictures.npy", np.random.default_rng(0).random((3, 9, 9)))
    data = {"source": str(tmp_path / "pictures.npy"), "size": [8, 8], "fit": "crop", "crops": 10}
    found = run(
        tiny(data={**data, "test": 0, "hold_out": 0.3, "limit": None}), tmp_path / "run"
    ).data
    assert (found.train, found.held_out, found.pictures) == (20, 10, 2)
    said = "20 patches cut from 2 pictures"
    assert f"from {said} of " in (tmp_path / "run/README.md").read_text()
    view = run_view("x", RunDirectory(tmp_path / "run"), name="run", root=None, device="cpu")
    assert view.protocol[0].startswith(f"Pre-training saw {said} of pictures.npy")
    assert "unlabelled patches" in [fact.name for fact in view.facts]


def test_a_stopped_run_with_an_own_objective_goes_on_from_python(
    tmp_path: Path, tiny: Tiny, stopper: Callable[..., Progress]
) -> None:
    out, own = tmp_path / "run", {"edges": Shrink()}
    with pytest.raises(Interrupted, match="Go on from Python, with resume=True and the same"):
        run(tiny(), out, objectives=own, progress=stopper(at=2, politely=True))
    run(tiny(), out, objectives={"edges": Shrink()}, resume=True)
    run(tiny(), tmp_path / "whole", objectives=own)
    assert model(out) == model(tmp_path / "whole")


class Weary(Shrink):
    """Loses interest with every step that it has seen."""

    def begin(self, stage: Stage, *, generator: torch.Generator) -> nn.Module:
        self.seen = nn.BatchNorm1d(1)
        assert self.seen.num_batches_tracked is not None
        self.count = self.seen.num_batches_tracked
        return self.seen

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Weigh less what is seen late; held-out images count for nothing."""
        self.count += torch.is_grad_enabled()
        found = super().terms(stage, x, target=target, generator=generator)
        return {name: term / self.count.clamp_min(1) for name, term in found.items()}


@pytest.mark.parametrize("schedule", ["greedy", "joint"])
def test_what_an_objective_keeps_is_in_checkpoints_and_not_in_the_model(
    tmp_path: Path, tiny: Tiny, stopper: Callable[..., Progress], schedule: str
) -> None:
    recipe, out, own = tiny(pretrain={"schedule": schedule}), tmp_path / "run", Weary()
    with pytest.raises(Interrupted):
        run(recipe, out, objectives={"edges": Weary()}, progress=stopper(at=3, politely=True))
    run(recipe, out, objectives={"edges": own}, resume=True)
    steps = json.loads((out / "results.json").read_text())["phases"][0]["steps"]
    assert int(own.count) == steps > 3
    run(recipe, tmp_path / "whole", objectives={"edges": Weary()})
    assert model(out) == model(tmp_path / "whole")
    assert b"num_batches_tracked" not in model(out)


def test_what_is_kept_is_not_for_what_is_computed_twice(tmp_path: Path, tiny: Tiny) -> None:
    recipe = tiny(pretrain={"schedule": "joint", "recompute": True})
    with pytest.raises(RecipeError, match=r"'edges'.* `pretrain.recompute` would count twice"):
        run(recipe, tmp_path / "run", objectives={"edges": Weary()})
    assert not (tmp_path / "run").exists()


def test_a_threshold_is_not_measured_of_what_is_computed_twice(tmp_path: Path, tiny: Tiny) -> None:
    stages = [msgspec.to_builtins(stage) for stage in tiny().stages]
    stages[1]["activation"] = {"kind": "batch-top-k", "k": 2}
    recipe = tiny(stages=stages, pretrain={"schedule": "joint", "recompute": True})
    with pytest.raises(RecipeError, match=r"'parts'.* measures a threshold, in which"):
        run(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_custom_stage_without_decoder_can_be_loaded_again(tmp_path: Path, tiny: Tiny) -> None:
    stage = msgspec.to_builtins(tiny().stages[0])
    recipe = tiny(stages=[{**stage, "objective": None}])
    run(recipe, tmp_path / "run", objectives={"edges": Shrink()})
    assert load_stack(tmp_path / "run").stack.stage(0).decoder is None


def test_images_that_are_all_constant_are_refused(tmp_path: Path, tiny: Tiny) -> None:
    levels = np.linspace(0, 1, 30, dtype=np.float32).reshape(-1, 1, 1, 1)
    np.save(tmp_path / "flat.npy", np.broadcast_to(levels, (30, 1, 8, 8)))
    recipe = tiny(data={"source": str(tmp_path / "flat.npy"), "limit": None})
    with pytest.raises(DataError, match=r"all 22 images of .*flat.npy.* are constant, each of one"):
        run(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    # One that is not is enough to go on.
    images = np.broadcast_to(levels, (30, 1, 8, 8)).copy()
    images[:, :, 0, 0] = 0.5
    np.save(tmp_path / "flat.npy", images)
    assert run(recipe, tmp_path / "run").phases[0].steps > 0


class Told(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_training_that_was_over_at_once_is_noted(tmp_path: Path, tiny: Tiny) -> None:
    few, enough = Told(), Told()
    run(tiny(pretrain={"epochs": 1}), tmp_path / "few", progress=few)
    said = [note for note in few.notes if "hardly more than its random start" in note]
    assert len(said) == 2
    assert said[0].startswith("edges learned for ")
    assert "raise pretrain.epochs (now 1)" in said[0]
    run(tiny(pretrain={"epochs": 60}), tmp_path / "enough", progress=enough)
    assert not [note for note in enough.notes if "hardly more" in note]
