"""Several tasks of a run: data that carry some labels, heads that are kept, a control, resuming."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.datasets import load_digits

from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError, DataError, ShapeError, UsageError
from featlearn.geometry import MapShape
from featlearn.heads.store import load_classifier
from featlearn.training.locks import writing_in
from featlearn.training.progress import Progress
from featlearn.training.rundir import RunDirectory
from featlearn.workflows.evaluate import evaluate, evaluate_targets
from featlearn.workflows.head_plan import head_recipe
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.report import report
from featlearn.workflows.task_data import open_tasks
from featlearn.workflows.task_figures import task_figures
from featlearn.workflows.tasks import TasksResult, finetune_tasks

Tiny = Callable[..., Recipe]
SHAPE = MapShape(1, 8, 8)


def digits() -> tuple[np.ndarray, np.ndarray]:
    values, labels = load_digits(return_X_y=True)
    images = np.rint(np.asarray(values).reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    return images, np.asarray(labels)


def partly(path: Path, *, none: tuple[int, ...] = ()) -> Path:
    """Write digits of which odd places have a size, and places that 3 divides know if even."""
    images, labels = digits()
    targets = np.stack([labels * 10.0, labels % 2 == 0], axis=1)
    places = np.arange(len(labels))
    targets[places % 2 == 0, 0] = np.nan
    targets[(places % 3 != 0) & (places % 2 == 1), 1] = np.nan
    targets[(places % 6 == 2) | (places % 6 == 4), 1] = (
        labels[(places % 6 == 2) | (places % 6 == 4)] % 2 == 0
    )
    targets[list(none)] = np.nan
    names = np.array(["size", "even"])
    np.savez(
        path,
        images=images[:300],
        targets=targets[:300],
        target_names=names,
        test_images=images[1500:],
        test_targets=targets[1500:],
    )
    return path


def tasks(source: Path) -> list[dict[str, Any]]:
    return [
        {"name": "digit", "labels": 100},
        {
            "name": "size",
            "source": str(source),
            "targets": ["size"],
            "head": {"kind": "regression"},
        },
        {
            "name": "even",
            "source": str(source),
            "targets": ["even"],
            "head": {"kind": "multi-label"},
        },
    ]


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, tiny: Tiny) -> Path:
    folder = tmp_path_factory.mktemp("several")
    source = partly(folder / "partly.npz")
    recipe = tiny(
        data={"limit": 300},
        tasks=tasks(source),
        finetune={"epochs": 10, "batch": 25, "ema": 0.9, "weighting": "uncertainty"},
    )
    pretrain(recipe, out=folder / "run", root=folder)
    return folder


def tune(run: Path, **options: Any) -> TasksResult:
    return finetune_tasks(run, root=run, device="cpu", **options)


@pytest.fixture
def run(several: Path, tmp_path: Path) -> Path:
    path = tmp_path / "run"
    shutil.copytree(several / "run", path)
    return path


def test_images_are_learned_from_where_they_have_the_label(several: Path, tiny: Tiny) -> None:
    recipe = tiny(data={"limit": 300}, tasks=tasks(several / "partly.npz"))
    digit, size, even = open_tasks(recipe, root=several, shape=SHAPE, label_seed=3)
    assert (len(digit.train), len(size.train)) == (100, 150)
    places = np.arange(300)
    expected = places[(places % 3 == 0) | (places % 2 == 0)]
    assert even.indices.tolist() == expected.tolist()
    _, labels = digits()
    assert even.train.targets is not None
    assert even.train.targets[:, 0].tolist() == (labels[expected] % 2 == 0).tolist()
    assert size.train.target_names == ("size",)


def test_each_task_is_a_head_of_the_run(run: Path, tmp_path: Path) -> None:
    before = (run / "model.safetensors").read_bytes()
    found = tune(run)
    assert [head.head for head in found.heads] == ["digit", "size", "even"]
    assert list(found.weights) == ["digit", "size", "even"]
    assert set(found.weights.values()) != {1.0}
    assert evaluate(run, root=run, head="digit").error < 0.7
    size = evaluate_targets(run, root=run, head="size")
    assert size.kind == "regression"
    assert size.images == 148  # the odd places of 1500 to 1796
    assert evaluate_targets(run, root=run, head="even").kind == "multi-label"
    stacks = [load_classifier(run / "heads" / name).classifier for name in ("digit", "size")]
    for one, other in zip(*(net.stack.state_dict().values() for net in stacks), strict=True):
        assert (one == other).all()
    assert (run / "model.safetensors").read_bytes() == before
    rows = task_figures(run)
    assert [(row.task, row.measure) for row in rows] == [
        ("digit", "error"),
        ("size", "R²"),
        ("even", "mAP"),
    ]
    assert [row.alone for row in rows] == [None] * 3
    assert rows[1].together == size.r2
    alone = tune(run, alone="digit")
    error = evaluate(run, root=run, head="digit-alone").error
    assert [row.alone for row in task_figures(run)] == [error, None, None]
    file = run / "heads/digit-alone/evaluation.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "tta": 4}))
    assert [row.alone for row in task_figures(run)] == [None] * 3
    assert [head.head for head in alone.heads] == ["digit-alone"]
    assert alone.heads[0].files["labels.json"] == found.heads[0].files["labels.json"]
    report([run], out=tmp_path / "page", root=run)
    assert "digit-alone" in (tmp_path / "page/index.html").read_text()


def test_a_head_scales_features_alike_alone_and_in_company(run: Path) -> None:
    """By the images of the run, also where the task has images of its own."""
    tune(run, overrides=["finetune.epochs=1"])
    tune(run, alone="size", overrides=["finetune.epochs=1"])
    both = [
        load_classifier(run / "heads" / name).classifier.scaler.state_dict()
        for name in ("size", "size-alone")
    ]
    assert both[0]
    for name, value in both[0].items():
        assert (value == both[1][name]).all()


def test_it_goes_on_after_a_crash(
    run: Path,
    several: Path,
    tmp_path: Path,
    stopper: Callable[..., Progress],
    crash: type[BaseException],
) -> None:
    other = tmp_path / "other"
    shutil.copytree(several / "run", other)
    tune(run)
    with pytest.raises(crash):
        tune(other, save_seconds=0.0, progress=stopper(at=7))
    tune(other, resume=True)
    for name in ("digit", "size", "even"):
        one, two = (path / "heads" / name / "model.safetensors" for path in (run, other))
        assert one.read_bytes() == two.read_bytes()


def test_a_head_that_is_there_is_not_trained_for_in_vain(
    run: Path, stopper: Callable[..., Progress], monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(run, alone="digit", overrides=["finetune.epochs=1"])
    (run / "heads/digit-alone").rename(run / "heads/digit")
    kept = (run / "heads/digit/model.safetensors").read_bytes()
    with monkeypatch.context() as patched:
        patched.delattr("featlearn.workflows.tasks.open_tasks")  # no image is read before
        with pytest.raises(CheckpointError, match="heads/digit holds a finished run; add --over"):
            tune(run)
    assert not (run / "tasks/together").exists()
    assert not (run / "heads/size").exists()
    with (
        writing_in(run / "heads/even"),
        pytest.raises(CheckpointError, match="heads/even is in use by another training"),
    ):
        tune(run, overwrite=True, progress=stopper(at=1))
    assert (run / "heads/digit/model.safetensors").read_bytes() == kept


def test_a_resumed_training_replaces_only_heads_of_its_own(
    run: Path, stopper: Callable[..., Progress], crash: type[BaseException]
) -> None:
    tune(run, alone="digit", overrides=["finetune.epochs=1"])
    shutil.copytree(run / "heads/digit-alone", run / "heads/digit")
    with pytest.raises(crash):
        tune(run, overwrite=True, save_seconds=0.0, progress=stopper(at=7))
    shutil.rmtree(run / "heads/digit")
    (run / "heads/digit-alone").rename(run / "heads/digit")
    kept = (run / "heads/digit/model.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match=r"holds a head that .*/together did not make; move"):
        tune(run, resume=True)
    assert (run / "heads/digit/model.safetensors").read_bytes() == kept
    (run / "heads/digit").rename(run / "heads/mine")
    found = tune(run, resume=True)
    assert [head.head for head in found.heads] == ["digit", "size", "even"]
    # As after a crash between the last head and the end of the training: all are its own.
    (run / "tasks/together/results.json").unlink()
    assert tune(run, resume=True).heads[0].files == found.heads[0].files


def test_the_labels_of_a_head_are_written_down(run: Path, several: Path) -> None:
    changes = ["finetune.patience=5", "finetune.epochs=1"]
    recipe = head_recipe(RunDirectory(run), changes, freeze=None)
    opened = open_tasks(recipe, root=several, shape=SHAPE, label_seed=0)
    tune(run, overrides=changes)
    for task in opened:
        written = json.loads((run / "heads" / task.spec.name / "labels.json").read_text())
        learned = sorted({*written["indices"]} - {*written["validation"]})
        whole = task.splits.train
        assert task.validation is not None
        assert (whole.images[written["validation"]] == task.validation.images).all()
        assert len(learned) == len(task.train)
        assert (whole.images[learned].sum(0) == task.train.images.sum(0)).all()


def test_tasks_that_cannot_be_learned_are_refused(
    several: Path, tmp_path: Path, tiny: Tiny
) -> None:
    def opened(*changes: dict[str, Any]) -> object:
        recipe = tiny(data={"limit": 300}, tasks=list(changes))
        return open_tasks(recipe, root=several, shape=SHAPE, label_seed=0)

    bare = partly(tmp_path / "bare.npz", none=(7, 9))
    digit, size, even = tasks(bare)
    with pytest.raises(DataError, match=r"image 7 has no label for any task \(2 images in all\)"):
        opened(digit, size, even)
    with pytest.raises(DataError, match="no target 'age'; it has size, even"):
        opened({**size, "targets": ["age"]})
    with pytest.raises(DataError, match=r"task 'x': digits.* has no targets"):
        opened({"name": "x", "head": {"kind": "regression"}})
    with pytest.raises(DataError, match=r"task 'x': .*bare\.npz has no labels for its classes"):
        opened({"name": "x", "source": str(bare)})
    with pytest.raises(DataError, match="task 'digit': 5 labels cannot be shared among 10"):
        opened({**digit, "labels": 5})
    images, labels = digits()
    few = tmp_path / "few.npz"
    np.savez(few, images=images[labels < 9], labels=labels[labels < 9], classes=np.arange(10))
    with pytest.raises(DataError, match=r"task 'x': the class '9' has no image to learn from"):
        opened({"name": "x", "source": str(few)})
    wide = tmp_path / "wide.npz"
    np.savez(wide, images=np.zeros((20, 9, 9), np.uint8), labels=np.arange(20) % 2)
    with pytest.raises(ShapeError, match=r"task 'x': .* the network takes"):
        opened({"name": "x", "source": str(wide)})


def test_options_that_do_not_fit_are_refused(run: Path) -> None:
    with pytest.raises(UsageError, match="no task 'dog'; the recipe has digit, size, even"):
        tune(run, alone="dog")
    with pytest.raises(UsageError, match=r"only finetune\.\* and tasks\.\* can be set here"):
        tune(run, overrides=["seed=3"])
    few = tune(run, alone="digit", overrides=["tasks.0.labels=20", "finetune.epochs=1"])
    assert few.heads[0].labelled == 20
    written = (run / "tasks/digit-alone/results.json").read_bytes()
    assert msgspec.json.decode(written, type=TasksResult) == few
