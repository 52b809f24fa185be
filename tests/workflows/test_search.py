"""Searching a recipe's keys: what is minimised is what the commands measure, and the same again."""

import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from featlearn.config.load import load_recipe
from featlearn.config.space import with_params
from featlearn.errors import Interrupted, UsageError
from featlearn.heads.labels import labels_of
from featlearn.heads.problem import logits_of
from featlearn.heads.store import load_classifier
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress
from featlearn.workflows.finetune import finetune
from featlearn.workflows.labelled import draw_labelled
from featlearn.workflows.pretrain import pretrain
from tests.workflows.searching import HEAD, RATE, Cut, Tiny, results, search, timeless

TWO = (RATE, "pretrain.optimizer.kind=adamw|sgd")
MANY: dict[str, Any] = {"trials": 14, "pruner": "halving"}


def test_the_same_search_tries_the_same_values(tmp_path: Path, tiny: Tiny) -> None:
    quick = {"epochs": 1}
    one, other, third = (
        search(tiny(seed=seed, pretrain=quick), tmp_path / str(n), trials=12, pruner="none")
        for n, seed in enumerate((0, 0, 1))
    )
    assert timeless(one.trials) == timeless(other.trials)
    assert [trial.params for trial in one.trials] != [trial.params for trial in third.trials]
    assert len({trial.params["pretrain.optimizer.lr"] for trial in one.trials}) == 12
    assert (tmp_path / "0/best.toml").read_bytes() == (tmp_path / "1/best.toml").read_bytes()
    assert (tmp_path / "0/sweep.png").read_bytes() == (tmp_path / "1/sweep.png").read_bytes()
    rates = [float(trial.params["pretrain.optimizer.lr"]) for trial in one.trials]
    assert all(1e-4 <= rate <= 0.1 for rate in rates)


def test_what_is_minimised_is_the_held_out_loss_of_pretrain(tmp_path: Path, tiny: Tiny) -> None:
    found = search(tiny(), tmp_path / "s", RATE, "pretrain.batch=16|32|64")
    assert found.minimised == "held-out loss of pre-training"
    assert found.judged == 10
    best = min(trial.value for trial in found.trials if trial.value is not None)
    assert found.best.value == best
    run = pretrain(tmp_path / "s" / "best.toml", out=tmp_path / "run", threads=1, device="cpu")
    losses = [phase.held_out["loss"] for phase in run.phases if phase.held_out is not None]
    assert sum(losses) == best
    assert run.data.held_out == found.judged


def test_with_patience_the_best_epoch_counts_and_a_joint_phase_stands_for_all(
    tmp_path: Path, tiny: Tiny
) -> None:
    schedule = {"schedule": "greedy-then-joint", "joint_epochs": 3, "patience": 1}
    recipe = tiny(pretrain={**schedule, "optimizer": {"kind": "sgd", "lr": 1e-4}})
    found = search(recipe, tmp_path / "s", "pretrain.optimizer.lr=1e-4..1e-3:log", trials=2)
    for trial in found.trials:
        joint = [point.value for point in trial.curve if point.phase == 2]
        assert trial.value == min(joint)


def unlike(folder: Path) -> Path:
    """Write images of the digits' size that are noise."""
    images = np.random.default_rng(0).integers(0, 256, (200, 1, 8, 8), dtype=np.uint8)
    np.savez(folder / "noise.npz", images=images)
    return folder / "noise.npz"


@pytest.mark.parametrize("semi", ["none", "own images", "other images"])
def test_what_is_minimised_is_the_error_of_finetune(tmp_path: Path, tiny: Tiny, semi: str) -> None:
    source = str(unlike(tmp_path)) if semi == "other images" else None
    way = {"kind": "pseudo-label", "weight": 5.0, "batch": 50, "source": source}
    recipe = tiny(
        data={"limit": 300},
        pretrain={"fit_samples": 20},
        finetune={"epochs": 15, "semi": None if semi == "none" else way},
    )
    found = search(recipe, tmp_path / "s", *HEAD, labels=50, label_seed=3)
    assert found.minimised == "validation error of fine-tuning with 50 labels"
    assert found.judged == 250
    changed = load_recipe(tmp_path / "s" / "best.toml")
    run = tmp_path / "run"
    pretrain(changed, out=run, threads=1, device="cpu")
    finetune(run, labels=50, label_seed=3, threads=1, device="cpu")
    data = draw_labelled(changed, labels=50, label_seed=3, root=None)
    rest = np.setdiff1d(np.arange(300), data.indices)
    judged = Pictures(data.splits.train.subset(rest), torch.device("cpu"))
    classifier = load_classifier(run / "heads" / "default").classifier
    wrong = logits_of(classifier, judged).argmax(1) != labels_of(judged)
    assert found.best.value == int(wrong.sum()) / 250
    # All trials began from one pre-training, as only the head's keys were searched.
    assert (tmp_path / "s" / "pretrained" / "model.safetensors").exists()


def test_keys_of_stages_are_pretrained_anew_for_each_trial(tmp_path: Path, tiny: Tiny) -> None:
    recipe = tiny(finetune={"epochs": 30})
    found = search(recipe, tmp_path / "s", "stages.parts.filter.maps=1|12", labels=30, trials=6)
    assert not (tmp_path / "s" / "pretrained").exists()
    values = {trial.params["stages.parts.filter.maps"]: trial.value for trial in found.trials}
    assert set(values) == {1, 12}
    assert found.best.params == {"stages.parts.filter.maps": 12}
    assert len(found.trials[0].curve) == 9  # the tenth is the last, which is the value
    again = [trial for trial in found.trials if trial.repeats is not None]
    assert len(again) == 4
    assert all(
        trial.value == found.trials[trial.repeats - 1].value for trial in again if trial.repeats
    )


def test_unlabelled_images_that_are_not_there_end_it_before_anything_is_trained(
    tmp_path: Path, tiny: Tiny
) -> None:
    semi = {"kind": "pseudo-label", "source": str(tmp_path / "none.npz")}
    with pytest.raises(UsageError, match=r"none\.npz"):
        search(tiny(finetune={"semi": semi}), tmp_path / "s", *HEAD, labels=30)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    "average", [{"ema": 0.98}, {"semi": {"kind": "mean-teacher", "ramp": 0.0, "batch": 32}}]
)
def test_what_is_measured_on_the_way_is_what_ending_there_would_give(
    tmp_path: Path, tiny: Tiny, average: dict[str, Any]
) -> None:
    """The average of the weights, where one is kept, and not the weights."""
    plain = {
        "batch": 10,
        "steps": 0,
        "rate": {"kind": "constant"},
        "augment": [{"kind": "shift", "pixels": 1}],
        "optimizer": {"kind": "sgd"},
    }
    options: dict[str, Any] = {"labels": 50, "trials": 1, "pruner": "none"}
    long, short = (
        search(
            tiny(data={"limit": 300}, finetune={**plain, **average, "epochs": epochs}),
            tmp_path / str(epochs),
            "finetune.optimizer.lr=0.1|0.2",
            **options,
        ).trials[0]
        for epochs in (5, 3)
    )
    assert [point.epoch for point in long.curve] == [1, 2, 3, 4]
    assert long.curve[2].value == short.value
    assert long.curve[:2] == short.curve


def test_all_labels_leave_some_to_measure_on(tmp_path: Path, tiny: Tiny) -> None:
    found = search(tiny(), tmp_path / "s", *HEAD, labels="all", trials=1)
    assert (found.labels, found.judged) == ("all", 10)


def test_the_test_split_is_never_looked_at(tmp_path: Path, tiny: Tiny) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    images = rng.integers(0, 99, (120, 1, 8, 8), dtype=np.uint8)
    images[np.arange(120), 0, labels] += 120
    found = []
    for number, noise in enumerate((0, 77)):
        source = tmp_path / f"images{number}.npz"
        np.savez(
            source,
            images=images[:90],
            labels=labels[:90],
            test_images=images[90:] + np.uint8(noise),
            test_labels=np.roll(labels[90:], number),
        )
        recipe = tiny(data={"source": str(source), "limit": None})
        out = tmp_path / str(number)
        found.append(search(recipe, out, *HEAD, labels=30, trials=3))
    assert timeless(found[0].trials) == timeless(found[1].trials)
    assert found[0].fingerprints == found[1].fingerprints
    assert set(found[0].fingerprints) == {"train"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny: Tiny) -> Path:
    """Search without a stop."""
    out = tmp_path_factory.mktemp("whole") / "s"
    search(tiny(), out, *TWO, **MANY)
    return out


@pytest.mark.parametrize("at", [1, 3, 60])
def test_a_search_that_was_killed_ends_as_one_that_was_not(
    tmp_path: Path, whole: Path, tiny: Tiny, crash: type[BaseException], at: int
) -> None:
    def killed() -> None:
        raise crash

    out, told = tmp_path / "s", Cut()
    with pytest.raises(crash):
        search(tiny(), out, *TWO, **MANY, progress=Cut(at, killed))
    assert not (out / "results.json").exists()
    search(tiny(), out, *TWO, **MANY, resume=True, progress=told)
    assert 0 < told.seen[0][0] < 14 if at == 60 else told.seen[0][0] == 0
    one, other = (
        [{**trial, "seconds": 0.0} for trial in results(path)["trials"]] for path in (out, whole)
    )
    assert one == other
    assert {trial["state"] for trial in one} >= {"complete", "pruned"}
    for name in ("best.toml", "sweep.png", "recipe.toml"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_a_signal_leaves_whole_trials_and_the_command_that_resumes(
    tmp_path: Path, tiny: Tiny
) -> None:
    out = tmp_path / "a b"
    told = Cut(40, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(Interrupted) as stopped:
        search(tiny(), out, RATE, trials=9, sampler="random", progress=told)
    kept = told.seen[-1][0]
    assert 0 < kept < 9
    assert stopped.value.signal_number == signal.SIGINT
    assert str(stopped.value).startswith(f"stopped; {kept} of 9 trials are kept. Go on with: ")
    words = str(stopped.value)
    assert f"featlearn sweep '{out}/recipe.toml' --out '{out}' --resume --search" in words
    assert "pretrain.optimizer.lr=0.0001..0.1:log" in words
    assert "--sampler random --pruner median --trials 9" in words
    ended = search(tiny(), out, RATE, trials=9, sampler="random", resume=True)
    assert len(ended.trials) == 9


def test_a_signal_in_the_pre_training_that_all_share(
    tmp_path: Path, tiny: Tiny, stopper: Callable[..., Progress]
) -> None:
    out, labels = tmp_path / "s", {"labels": 30, "trials": 2}
    with pytest.raises(Interrupted, match=r"stopped; 0 of 2 .* Go on with: featlearn sweep .*"):
        search(tiny(), out, *HEAD, **labels, progress=stopper(at=5, politely=True))
    ended = search(tiny(), out, *HEAD, **labels, resume=True)
    whole = search(tiny(), tmp_path / "whole", *HEAD, **labels)
    assert timeless(ended.trials) == timeless(whole.trials)


def test_more_trials_go_on_from_a_finished_search(tmp_path: Path, tiny: Tiny) -> None:
    few = search(tiny(), tmp_path / "s", trials=3)
    more = search(tiny(), tmp_path / "s", trials=5, resume=True)
    assert timeless(more.trials)[:3] == timeless(few.trials)
    assert (more.asked, len(more.trials)) == (5, 5)
    done = search(tiny(), tmp_path / "s", trials=2, resume=True)
    assert (done.asked, done.trials) == (5, more.trials)
    assert results(tmp_path / "s")["best"]["number"] == done.best.number
    whole = search(tiny(), tmp_path / "whole", trials=5)
    assert timeless(whole.trials) == timeless(more.trials)


def test_a_bad_trial_is_stopped_before_its_end(tmp_path: Path, tiny: Tiny) -> None:
    recipe = tiny(pretrain={"epochs": 6})
    told = Cut()
    found = search(recipe, tmp_path / "s", RATE, trials=14, sampler="random", progress=told)
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert pruned
    for trial in pruned:
        assert trial.value is None
        assert 1 <= len(trial.curve) < 12
        steps = [words for _, _, words in told.seen if words.startswith(f"trial {trial.number}: ")]
        whole = [w for _, _, w in told.seen if w.startswith(f"trial {found.best.number}: ")]
        assert len(steps) < len(whole)
    free = search(recipe, tmp_path / "n", RATE, trials=14, sampler="random", pruner="none")
    assert all(trial.state == "complete" for trial in free.trials)
    assert [trial.params for trial in free.trials] == [trial.params for trial in found.trials]
    assert free.best.value == found.best.value


def test_trials_are_kept_in_sqlite_that_optuna_reads(tmp_path: Path, tiny: Tiny) -> None:
    import optuna

    found = search(tiny(), tmp_path / "s", RATE, trials=4)
    shutil.copy(tmp_path / "s" / "sweep.db", tmp_path / "copy.db")
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/copy.db")
    study = optuna.load_study(study_name=None, storage=storage)
    assert study.best_value == found.best.value
    assert study.best_trial.number == found.best.number - 1
    assert len(study.trials[0].intermediate_values) == len(found.trials[0].curve)
    storage.engine.dispose()
    with sqlite3.connect(tmp_path / "copy.db") as database:
        ((count,),) = database.execute("SELECT COUNT(*) FROM trials").fetchall()
    database.close()
    assert count == 4


def test_the_best_recipe_is_the_one_with_the_best_values(tmp_path: Path, tiny: Tiny) -> None:
    recipe = tiny()
    found = search(recipe, tmp_path / "s", RATE, trials=3)
    params = {key: repr(value) for key, value in found.best.params.items()}
    assert load_recipe(tmp_path / "s" / "best.toml") == with_params(recipe, params)
    assert load_recipe(tmp_path / "s" / "recipe.toml") == recipe
