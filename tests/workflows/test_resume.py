"""A run that was cut off anywhere ends with the bytes of one that was not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from featlearn.config.recipe import Recipe
from featlearn.errors import Interrupted
from featlearn.training import driver
from featlearn.training.checkpoints import CheckpointStore
from featlearn.training.folder import Folder
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.finetune import finetune
from featlearn.workflows.pretrain import pretrain

Tiny = Callable[..., Recipe]
Stopper = Callable[..., Any]


def stages(tiny: Tiny, **own: Any) -> list[dict[str, Any]]:
    """Take the two stages with everything that has a state of its own."""
    first, second = map(msgspec.to_builtins, tiny().stages)
    sparse = {"kind": "sparse", "penalty": {"kind": "l1", "weight": 0.1}, "decoder": "untied"}
    norm = {"kind": "batch"}
    return [
        first | {"norm": norm, "patches": {"size": 5, "per_image": 2}},
        second | {"norm": norm, "objective": sparse, "activation": "relu", **own},
    ]


RECIPES: dict[str, dict[str, Any]] = {
    "greedy": {"rate": {"kind": "one-cycle"}},
    "joint": {"schedule": "joint", "through": True},
    "greedy-then-joint": {"schedule": "greedy-then-joint", "joint_epochs": 1},
    "plateau": {"rate": {"kind": "plateau", "patience": 1, "factor": 0.1}, "epochs": 3},
    "patience": {"patience": 1, "epochs": 3, "optimizer": {"kind": "sgd", "lr": 0.05}},
    "clusters": {},
    "coding": {},
    "components": {"schedule": "greedy-then-joint", "joint_epochs": 1, "through": True},
    "points": {},
    "points-full": {},
    "clusters drawn anew": {"resample": {"every": 2, "images": 20}},
    "competition": {},
    "competition drawn anew": {"resample": {"every": 2, "images": 20}},
    "competition together": {"schedule": "joint"},
    "chains": {},
    "augmented": {
        "augment": [
            {"kind": "shift", "pixels": 1},
            {"kind": "flip"},
            {"kind": "cut-out", "size": 3},
            {"kind": "colour"},
        ],
        "optimizer": {"kind": "adagrad", "lr": 0.05},
        "precision": "bfloat16",
        "clip": 1.0,
    },
}


CLUSTERS: dict[str, Any] = {
    "input": {"kind": "whiten", "keep": 6, "unit_length": True},
    "filter": {"kind": "dense", "maps": 5, "bias": False},
    "norm": None,
    "objective": {"kind": "k-means"},
    "optimizer": {"kind": "sgd", "lr": 0.5},
}


CODING: dict[str, Any] = {
    "filter": {"kind": "dense", "maps": 5, "bias": False},
    "activation": "soft-threshold",
    "norm": None,
    "objective": {"kind": "sparse-coding", "update": "on-line", "codes": {"kind": "fista"}},
}
COMPONENTS: list[dict[str, Any]] = [
    {"activation": "identity", "objective": {"kind": "rica"}},
    {
        "filter": {"kind": "dense", "maps": 6, "bias": False},
        "activation": "identity",
        "pool": {"kind": "sheet", "rows": 2, "columns": 3, "size": 2},
        "objective": {"kind": "orthonormal-tica"},
    },
]
POINTS: dict[str, Any] = {
    "filter": {"kind": "conv", "size": 3, "maps": 5, "bias": False},
    "activation": "triangle",
    "objective": {"kind": "k-means", "distance": "squared"},
}
COMPETITION: dict[str, Any] = {
    "activation": {"kind": "batch-top-k", "k": 1},
    "norm": None,
    "objective": {"kind": "top-k", "dead_after": 2, "aux_k": 2},
}
CHAINS: dict[str, Any] = {
    "input": "unit",
    "norm": None,
    "objective": {"kind": "rbm", "chains": 3, "k": 2, "sampled": True},
    "activation": "sigmoid",
    "optimizer": {"kind": "sgd", "lr": 0.05},
}


def recipe_of(tiny: Tiny, name: str) -> Recipe:
    own = {} if RECIPES[name].get("schedule") == "joint" else {"epochs": 3}
    chosen = stages(tiny, **own)
    if name.startswith("clusters"):
        chosen[1] |= CLUSTERS
    if name == "coding":
        chosen[1] |= CODING
    if name == "components":
        chosen = [stage | own for stage, own in zip(chosen, COMPONENTS, strict=True)]
    if name.startswith("points"):
        update = "full" if name == "points-full" else "mini-batch"
        chosen[0] |= {**POINTS, "objective": {**POINTS["objective"], "update": update}}
    if name.startswith("competition"):
        chosen[1] |= COMPETITION
    if name == "chains":
        chosen[1] |= CHAINS
    return tiny(
        stages=chosen,
        pretrain=RECIPES[name],
        preprocess=[{"kind": "contrast"}, {"kind": "zca"}],
    )


def run(recipe: Recipe, out: Path, **options: Any) -> None:
    pretrain(recipe, out=out, root=out, device="cpu", **options)


def outcome(folder: Folder) -> tuple[bytes, bytes]:
    return folder.model_file.read_bytes(), folder.metrics_file.read_bytes()


def health_of(folder: Folder) -> Any:
    return json.loads(folder.results_file.read_text())["health"]


def steps_of(folder: Folder) -> int:
    return sum(phase["steps"] for phase in json.loads(folder.results_file.read_text())["phases"])


# How it is cut off is nothing to do with what is learned by: politely, by schedule alone.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "politely"),
    [*((name, False) for name in RECIPES), ("greedy", True), ("joint", True), ("patience", True)],
)
def test_pretraining_cut_off_at_any_step_ends_the_same(
    tmp_path: Path,
    tiny: Tiny,
    stopper: Stopper,
    crash: type[BaseException],
    name: str,
    politely: bool,
) -> None:
    recipe, whole = recipe_of(tiny, name), RunDirectory(tmp_path / "whole")
    run(recipe, whole.path)
    expected, total = outcome(whole), steps_of(whole)
    # Every phase has a first, a middle and a last step among these.
    for at in range(1 + politely, total + 1, 3):
        cut = RunDirectory(tmp_path / f"cut-{at}")
        with pytest.raises(Interrupted if politely else crash):
            run(recipe, cut.path, progress=stopper(at, politely=politely), save_seconds=0)
        assert not cut.finished
        run(recipe, cut.path, resume=True)
        assert outcome(cut) == expected
        assert health_of(cut) == health_of(whole)
        assert cut.finished
        assert not cut.checkpoints.exists()
        assert steps_of(cut) == total


def test_a_run_may_be_cut_off_at_every_step(
    tmp_path: Path, tiny: Tiny, stopper: Stopper, crash: type[BaseException]
) -> None:
    recipe, whole = recipe_of(tiny, "greedy-then-joint"), RunDirectory(tmp_path / "whole")
    run(recipe, whole.path)
    cut, times = RunDirectory(tmp_path / "cut"), 0
    while not cut.finished:
        try:
            run(recipe, cut.path, resume=times > 0, progress=stopper(2), save_seconds=0)
        except crash:
            times += 1
    # Of two steps the first was saved, the second lost.
    assert times >= steps_of(whole) - 1
    assert outcome(cut) == outcome(whole)


@pytest.mark.parametrize("saves", [1, 2, 3, 4])
def test_a_crash_between_phases_ends_the_same(
    tmp_path: Path,
    tiny: Tiny,
    monkeypatch: pytest.MonkeyPatch,
    crash: type[BaseException],
    saves: int,
) -> None:
    recipe, whole = recipe_of(tiny, "greedy-then-joint"), RunDirectory(tmp_path / "whole")
    run(recipe, whole.path)
    cut, left = RunDirectory(tmp_path / "cut"), [saves]
    real = CheckpointStore.save

    def save(store: CheckpointStore, *given: Any, **_named: Any) -> Path:
        left[0] -= 1
        if left[0] == 0:
            raise crash
        return real(store, *given)

    with monkeypatch.context() as broken:
        broken.setattr(CheckpointStore, "save", save)
        if saves == 4:  # there are three phases; the fourth crash comes after the last one
            broken.setattr("featlearn.workflows.pretrain.save_stack", save)
        with pytest.raises(crash):
            run(recipe, cut.path)
    run(recipe, cut.path, resume=True)
    assert outcome(cut) == outcome(whole)


def test_a_crash_before_the_first_checkpoint_starts_anew(
    tmp_path: Path, tiny: Tiny, stopper: Stopper, crash: type[BaseException]
) -> None:
    run(tiny(), tmp_path / "whole")
    cut = RunDirectory(tmp_path / "cut")
    with pytest.raises(crash):
        run(tiny(), cut.path, progress=stopper(2))
    told = stopper(0)
    run(tiny(), cut.path, resume=True, progress=told)
    assert told.warnings == ["there is no checkpoint to go on from; starting from the beginning"]
    assert outcome(cut) == outcome(RunDirectory(tmp_path / "whole"))


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
def test_a_broken_checkpoint_is_named_and_the_older_one_used(
    tmp_path: Path, tiny: Tiny, stopper: Stopper, crash: type[BaseException], damage: str
) -> None:
    run(tiny(), tmp_path / "whole")
    cut = RunDirectory(tmp_path / "cut")
    with pytest.raises(crash):
        run(tiny(), cut.path, progress=stopper(9), save_seconds=0)
    older, newest = sorted(cut.checkpoints.glob("checkpoint-*"))
    path = newest / "training.safetensors"
    data = path.read_bytes()
    match damage:
        case "truncate":
            path.write_bytes(data[:-1])
        case "flip":
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 128]))
        case _:
            path.unlink()
    told = stopper(0)
    run(tiny(), cut.path, resume=True, progress=told)
    (note,) = told.warnings
    assert note.startswith("skipping a broken checkpoint: ")
    assert str(path) in note
    assert older.name not in note
    assert outcome(cut) == outcome(RunDirectory(tmp_path / "whole"))


def test_where_every_checkpoint_is_broken_a_new_one_is_gone_on_from(
    tmp_path: Path, tiny: Tiny, stopper: Stopper, crash: type[BaseException]
) -> None:
    run(tiny(), tmp_path / "whole")
    cut, told = RunDirectory(tmp_path / "cut"), stopper(3, politely=True)
    with pytest.raises(crash):
        run(tiny(), cut.path, progress=stopper(9), save_seconds=0)
    for broken in cut.checkpoints.glob("checkpoint-*"):
        (broken / "state.json").unlink()
    with pytest.raises(Interrupted):
        run(tiny(), cut.path, resume=True, progress=told)
    assert told.warnings[-1].endswith("starting from the beginning")
    told = stopper(0)
    run(tiny(), cut.path, resume=True, progress=told)
    assert told.warnings == []
    assert outcome(cut) == outcome(RunDirectory(tmp_path / "whole"))


def test_a_kill_at_the_very_end_leaves_nothing_behind(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, crash: type[BaseException]
) -> None:
    cut = RunDirectory(tmp_path / "cut")

    def power_cut(_store: CheckpointStore) -> None:
        raise crash

    with monkeypatch.context() as broken:
        broken.setattr(CheckpointStore, "clear", power_cut)
        with pytest.raises(crash):
            run(tiny(), cut.path)
    assert cut.finished
    assert cut.checkpoints.exists()
    before = outcome(cut)
    run(tiny(), cut.path, resume=True)
    assert not cut.checkpoints.exists()
    assert outcome(cut) == before


def test_time_is_counted_over_all_parts(
    tmp_path: Path, tiny: Tiny, stopper: Stopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]

    def tick() -> float:
        clock[0] += 1.0
        return clock[0]

    monkeypatch.setattr(driver.time, "monotonic", tick)
    cut = tmp_path / "cut"
    with pytest.raises(Interrupted):
        run(tiny(), cut, progress=stopper(5, politely=True))
    result = pretrain(tiny(), out=cut, root=cut, resume=True)
    assert result.seconds >= sum(phase.seconds for phase in result.phases)
    assert result.phases[0].seconds > 5  # five steps of a second each, and more
    options: dict[str, Any] = {"root": cut, "labels": 60, "overrides": {"finetune.epochs": 6}}
    with pytest.raises(Interrupted):
        finetune(cut, name="cut", progress=stopper(10, politely=True), **options)
    head = finetune(cut, name="cut", resume=True, **options)
    assert head.seconds > 12  # of whose steps two came after


MIXED: list[dict[str, Any]] = [
    {"kind": "mixup", "alpha": 0.4},
    {"kind": "cut-out", "size": 3},
    {"kind": "contrast"},
    {"kind": "blur"},
    {"kind": "colour"},
]
HEADS: dict[str, dict[str, Any]] = {
    "whole": {"finetune": {"augment": [{"kind": "shift", "pixels": 1}]}},
    "mixed": {"finetune": {"augment": MIXED}},
    "mixed-half": {"finetune": {"augment": MIXED, "precision": "bfloat16"}, "freeze": 2},
    "frozen": {"freeze": 2},
    "scratch": {"from_scratch": True},
    "patience": {"finetune": {"patience": 2, "epochs": 4, "optimizer": {"kind": "sgd", "lr": 0.3}}},
}


@pytest.mark.parametrize("name", HEADS)
def test_fine_tuning_cut_off_at_any_step_ends_the_same(
    tmp_path: Path, tiny: Tiny, stopper: Stopper, crash: type[BaseException], name: str
) -> None:
    head = {"kind": "classification", "hidden": [8], "dropout": 0.4}
    options = dict(HEADS[name])
    spec = {"head": head, "epochs": 3, **options.pop("finetune", {})}
    path = tmp_path / "run"
    run(tiny(stages=stages(tiny), finetune=spec), path)
    before = (path / "model.safetensors").read_bytes()

    def tune(head: str, **more: Any) -> Folder:
        finetune(path, name=head, root=tmp_path, labels=60, **options, **more)
        return RunDirectory(path).head(head)

    whole = outcome(tune("whole"))
    for at, politely in ((1, False), (2, False), (3, True), (4, False), (5, True)):
        folder = RunDirectory(path).head(f"cut-{at}")
        with pytest.raises(Interrupted if politely else crash):
            tune(
                folder.path.name,
                progress=stopper(at, politely=politely),
                save_seconds=0,
            )
        tune(folder.path.name, resume=True)
        assert outcome(folder) == whole
        assert not folder.checkpoints.exists()
    assert (path / "model.safetensors").read_bytes() == before
