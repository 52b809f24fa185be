"""`finetune`: which labels, which stages, which start, and what is written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from featlearn.config.load import load_recipe
from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError, DataError, UsageError
from featlearn.files import sha256
from featlearn.heads.store import load_classifier
from featlearn.networks.store import load_stack
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.finetune import finetune
from featlearn.workflows.head_results import FinetuneResult
from featlearn.workflows.pretrain import pretrain

Tiny = Callable[..., Recipe]


def tune(run: Path, **options: Any) -> FinetuneResult:
    return finetune(run, root=run, device="cpu", **options)


def labels_file(run: Path, head: str) -> dict[str, Any]:
    return json.loads((run / "heads" / head / "labels.json").read_text())


def test_a_head_holds_what_it_should(run: Path) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    result = tune(run, name="mine", labels=40)
    head = run / "heads" / "mine"
    assert sorted(path.name for path in head.iterdir()) == [
        "identity.json",
        "labels.json",
        "metrics.jsonl",
        "model.safetensors",
        "recipe.toml",
        "results.json",
    ]
    assert (result.head, result.labels, result.labelled, result.validation) == ("mine", 40, 40, 0)
    assert result.classes == [str(digit) for digit in range(10)]
    assert result.files == {
        name: sha256(head / name) for name in ("model.safetensors", "labels.json", "recipe.toml")
    }
    written = msgspec.json.decode((head / "results.json").read_bytes(), type=FinetuneResult)
    assert written == result
    assert load_classifier(head / "model.safetensors").classes == tuple(result.classes)
    assert load_recipe(head / "recipe.toml").finetune.batch == 50
    # The pre-trained files are as they were.
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_labels_are_balanced_and_written_as_places_in_the_training_split(run: Path) -> None:
    tune(run, name="a", labels=45, label_seed=3)
    written = labels_file(run, "a")
    assert (written["labels"], written["label_seed"], written["validation"]) == (45, 3, [])
    places = written["indices"]
    assert len(set(places)) == 45
    assert max(places) < 400

    tune(run, name="b", labels=45, label_seed=3, seed=9)
    tune(run, name="c", labels=45, label_seed=4)
    assert labels_file(run, "b")["indices"] == places  # whatever the seed of the weights
    assert labels_file(run, "c")["indices"] != places


def test_the_classes_of_the_drawn_labels_are_even(tmp_path: Path, tiny: Tiny) -> None:
    recipe = tiny(data={"limit": None})
    pretrain(recipe, out=tmp_path / "run", root=tmp_path)
    tune(tmp_path / "run", labels=52)
    places = labels_file(tmp_path / "run", "default")["indices"]
    _, digits = load_digits(return_X_y=True)
    counts = np.bincount(np.asarray(digits)[:-500][places], minlength=10)
    assert sorted(counts.tolist()) == [5] * 8 + [6] * 2
    with pytest.raises(DataError, match=r"class '\d' has \d+; ask for at most"):
        tune(tmp_path / "run", name="too-many", labels=1290)


def test_all_labels_are_used_if_no_number_is_given(run: Path) -> None:
    result = tune(run, name="all", overrides=["finetune.epochs=1"])
    assert (result.labels, result.labelled) == ("all", 400)
    assert labels_file(run, "all")["indices"] is None


def test_more_labels_cost_less_error_than_chance(run: Path) -> None:
    error = tune(run, name="x", labels=200).train_error
    assert error is not None
    assert error < 0.5


@pytest.mark.parametrize(
    "overrides",
    [
        ["finetune.patience=2"],
        ["finetune.rate.kind=plateau"],
    ],
)
def test_what_follows_validation_images_gets_some_of_the_labels(
    run: Path, overrides: list[str]
) -> None:
    result = tune(run, name="v", labels=100, overrides=overrides)
    assert (result.labelled, result.validation) == (90, 10)
    written = labels_file(run, "v")
    assert len(written["indices"]) == 100
    assert len(written["validation"]) == 10
    assert set(written["validation"]) < set(written["indices"])
    lines = (run / "heads" / "v" / "metrics.jsonl").read_text().splitlines()
    held_out = [json.loads(line)["held_out"] for line in lines if "held_out" in line]
    assert all(figures.keys() == {"cross_entropy", "error", "loss"} for figures in held_out)
    assert len(held_out) == result.epochs


@pytest.mark.parametrize("freeze", [0, 1, 2])
def test_frozen_stages_keep_the_run_s_bytes(run: Path, freeze: int) -> None:
    result = tune(run, name="f", labels=50, freeze=freeze)
    assert result.freeze == freeze
    then = load_stack(run).stack
    now = load_classifier(run / "heads" / "f" / "model.safetensors").classifier.stack
    for place in range(2):
        before, after = then.stage(place).state_dict(), now.stage(place).state_dict()
        same = all(torch.equal(before[name], after[name]) for name in before)
        assert same == (place < freeze)


def test_the_control_differs_in_its_filters_alone(run: Path) -> None:
    one = tune(run, labels=50, freeze=2, overwrite=True)
    two = tune(run, labels=50, freeze=2, from_scratch=True)
    assert (one.head, two.head) == ("default", "scratch")
    assert labels_file(run, "default")["indices"] == labels_file(run, "scratch")["indices"]
    stack = load_stack(run).stack
    control = load_classifier(run / "heads/scratch/model.safetensors").classifier.stack
    x = torch.rand(5, 1, 8, 8)
    assert torch.equal(stack.prepare(x), control.prepare(x))
    assert torch.equal(
        stack.stage(0).scaler.get_buffer("centre"), control.stage(0).scaler.get_buffer("centre")
    )
    assert not torch.equal(stack.stage(0).filter.weight, control.stage(0).filter.weight)


@pytest.mark.parametrize(
    ("overrides", "share"),
    [
        ((), 1.0),
        (("finetune.stack_lr=0.3",), 0.3),
        (("finetune = { stack_lr = 0.3, epochs = 1 }",), 0.3),
    ],
    ids=["own", "asked", "in a table"],
)
def test_stages_that_know_nothing_take_the_full_rate(
    tmp_path: Path, tiny: Tiny, overrides: tuple[str, ...], share: float
) -> None:
    recipe = tiny(pretrain={"epochs": 1}, finetune={"stack_lr": 0.1, "epochs": 1})
    pretrain(recipe, out=tmp_path / "run", root=tmp_path, device="cpu")
    for name, scratch in (("default", False), ("scratch", True)):
        tune(tmp_path / "run", labels=50, from_scratch=scratch, overrides=overrides)
        used = load_recipe(tmp_path / "run/heads" / name / "recipe.toml").finetune.stack_lr
        assert used == (share if scratch or overrides else 0.1)


def test_same_seeds_same_bytes(run: Path) -> None:
    models = [
        (tune(run, name=name, labels=30, seed=seed), run / "heads" / name / "model.safetensors")[1]
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    one, two, three = (path.read_bytes() for path in models)
    assert one == two != three


def test_a_head_is_not_overwritten_unasked(run: Path) -> None:
    before = (run / "heads/default/model.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match=r"heads/default holds a finished run; add --overwr"):
        tune(run, labels=50)
    assert (run / "heads/default/model.safetensors").read_bytes() == before
    (run / "heads/default/notes.txt").write_text("mine")
    tune(run, labels=50, overwrite=True)
    assert (run / "heads/default/model.safetensors").read_bytes() != before
    assert (run / "heads/default/notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": 100}, "options.labels was 200, now it is 100"),
        ({"labels": 200, "label_seed": 1}, "options.label_seed was 0, now it is 1"),
        ({"labels": 200, "from_scratch": True}, "from_scratch was False, now it is True"),
        ({"labels": 200, "overrides": ["finetune.epochs=9"]}, "finetune.epochs was 20, now it"),
    ],
)
def test_a_head_of_other_settings_is_not_taken_for_this_one(
    run: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        tune(run, name="default", resume=True, **options)
    assert tune(run, name="default", resume=True, labels=200).labels == 200


def test_a_head_of_another_model_is_not_resumed(run: Path) -> None:
    # The run was trained anew beneath its heads.
    recipe = load_recipe(run / "recipe.toml", overrides=["seed=5"])
    pretrain(recipe, out=run.parent / "other", root=run)
    (run / "model.safetensors").write_bytes((run.parent / "other/model.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match="other settings: model was"):
        tune(run, resume=True, labels=200)


def test_only_fine_tuning_can_be_changed(run: Path) -> None:
    with pytest.raises(UsageError, match=r"only finetune.\* can be set here.*got stages.edges"):
        tune(run, name="x", overrides=["stages.edges.activation=tanh"])


def test_more_labels_than_there_are_are_refused(run: Path) -> None:
    with pytest.raises(DataError, match=r"401 labels were asked for, but there are 400 labelled"):
        tune(run, name="x", labels=401)
    assert not (run / "heads/x").exists()


@pytest.mark.parametrize("given", [{"label_seed": "3"}, {"label_seed": -1}, {"seed": 1.5}])
def test_a_seed_that_cannot_be_read_again_is_refused(run: Path, given: dict[str, Any]) -> None:
    (name,) = given
    with pytest.raises(UsageError, match=f"^{name} is a whole number of at least 0; got "):
        tune(run, name="seeded", labels=50, **given)
    assert not (run / "heads/seeded").exists()


def test_every_class_needs_a_label(run: Path) -> None:
    with pytest.raises(DataError, match=r"^9 labels cannot be shared among 10 classes.*least 10$"):
        tune(run, name="x", labels=9)
    assert not (run / "heads/x").exists()


def test_a_set_of_one_class_is_refused(tmp_path: Path, tiny: Tiny) -> None:
    images = np.random.default_rng(0).uniform(size=(30, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "one.npz", images=images, labels=np.zeros(30, np.int64))
    recipe = tiny(data={"source": str(tmp_path / "one.npz"), "limit": None})
    pretrain(recipe, out=tmp_path / "run", root=tmp_path)
    with pytest.raises(DataError, match="labelled images are all of one class"):
        tune(tmp_path / "run")


def test_images_without_labels_are_refused(tmp_path: Path, tiny: Tiny) -> None:
    images = np.random.default_rng(0).uniform(size=(30, 8, 8)).astype(np.float32)
    np.save(tmp_path / "bare.npy", images)
    recipe = tiny(data={"source": str(tmp_path / "bare.npy"), "limit": None})
    pretrain(recipe, out=tmp_path / "run", root=tmp_path)
    with pytest.raises(DataError, match=r"bare.npy has no labels; fine-tuning needs a source"):
        tune(tmp_path / "run")


def test_more_epochs_than_were_asked_for_are_said(run: Path, stopper: Callable[..., Any]) -> None:
    told = stopper(10**6)
    asked = ["finetune.steps=5", " finetune.epochs = 2"]
    assert tune(run, name="raised", labels=50, overrides=asked, progress=told).epochs == 5
    (said,) = told.notes
    assert said.startswith(
        "finetune.epochs=2 becomes 5 epochs, as finetune.steps asks for at least"
    )
    assert said.endswith("5 steps; to have fewer, add --set finetune.steps=0")
    # The recipe's own number says nothing about what is wanted here.
    told = stopper(10**6)
    result = tune(run, name="own", labels=50, overrides=["finetune.steps=21"], progress=told)
    assert result.epochs == 21
    assert tune(run, name="few", labels=50, overrides=[asked[1]], progress=told).epochs == 2
    assert told.notes == []


def test_fewer_steps_than_the_epochs_make_are_said(run: Path, stopper: Callable[..., Any]) -> None:
    told = stopper(10**6)
    asked = ["finetune.steps=3", "finetune.epochs=2"]
    tune(run, name="least", labels=100, overrides=[*asked, "finetune.batch=25"], progress=told)
    (said,) = told.notes
    assert said == (
        "finetune.steps=3 is the least, and 2 epochs make 8 steps; to have fewer, add "
        "--set finetune.epochs=N"
    )


def test_two_labels_leave_none_to_validate_on(tmp_path: Path, run: Path) -> None:
    result = tune(run, name="two", labels=20, overrides=["finetune.patience=1"])
    assert result.validation == 2
    with pytest.raises(DataError, match="labelled images to measure on, and 10 labels leave none"):
        tune(run, name="one", labels=10, overrides=["finetune.patience=1"])


def test_too_many_stages_to_freeze(run: Path) -> None:
    with pytest.raises(
        UsageError, match=r"--freeze 3: `finetune.freeze` is 3, but there are 2 stages"
    ):
        tune(run, name="x", labels=50, freeze=3)


def test_a_head_s_name_stays_within_the_run(run: Path) -> None:
    with pytest.raises(UsageError, match=r"'../../x' cannot name a head"):
        tune(run, name="../../x")


def test_there_must_be_a_finished_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist; name a run"):
        tune(tmp_path / "none")
    with pytest.raises(CheckpointError, match="is not a run"):
        tune(tmp_path)


def test_other_images_than_the_run_s_are_refused(tmp_path: Path, tiny: Tiny) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 1, 8, 8), dtype=np.uint8)
    source = tmp_path / "images.npz"
    np.savez(source, images=images, labels=np.arange(60) % 3)
    path = tmp_path / "run"
    pretrain(tiny(data={"source": str(source), "limit": None}), out=path, root=tmp_path)
    np.savez(source, images=images[:-1], labels=np.arange(59) % 3)
    with pytest.raises(CheckpointError, match=r"images.npz has other train images than when .*run"):
        finetune(path, root=tmp_path)
    assert RunDirectory(path).heads() == []
    np.savez(source, images=images, labels=np.arange(60) % 3)
    assert finetune(path, root=tmp_path).labelled > 0
