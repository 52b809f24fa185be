"""Heads of other kinds through every command: train, judge, predict, show; and a temperature."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.datasets import load_digits

from featlearn.config.recipe import Recipe
from featlearn.datasets.augment import build_augment
from featlearn.datasets.source import open_images
from featlearn.errors import CheckpointError, DataError, RecipeError, UsageError
from featlearn.evaluate.calibration import fit_temperature, reliability
from featlearn.heads.store import load_classifier
from featlearn.ops.random import generator
from featlearn.training.progress import Progress
from featlearn.workflows.calibrate import calibrate
from featlearn.workflows.evaluate import evaluate, evaluate_targets, measure
from featlearn.workflows.find_rate import find_rate
from featlearn.workflows.finetune import finetune
from featlearn.workflows.judging import EvaluateResult
from featlearn.workflows.label_sweep import sweep_labels
from featlearn.workflows.predict import predict
from featlearn.workflows.pretrain import pretrain
from featlearn.workflows.report import report
from featlearn.workflows.visualize import visualize

pytestmark = pytest.mark.usefixtures("few_units")

Tiny = Callable[..., Recipe]
SET = "finetune.head"


@pytest.fixture(scope="module")
def aimed(tmp_path_factory: pytest.TempPathFactory, tiny: Tiny) -> Path:
    """Train runs on digits with targets: the digit as a number, whether it is even or small."""
    folder = tmp_path_factory.mktemp("aimed")
    values, digits = load_digits(return_X_y=True)
    images = np.rint(np.asarray(values).reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    sets = np.stack([digits % 2 == 0, digits < 5], axis=1)
    for name, targets, names in (
        ("numbers", digits.astype(float) + 100, ["digit"]),
        ("sets", sets, ["even", "small"]),
    ):
        np.savez(
            folder / f"{name}.npz",
            images=images[:400],
            targets=targets[:400],
            target_names=np.array(names),
            test_images=images[1500:],
            test_targets=targets[1500:],
        )
        recipe = tiny(
            data={"source": str(folder / f"{name}.npz"), "limit": None},
            finetune={"epochs": 25, "batch": 50, "augment": [{"kind": "shift", "pixels": 0.5}]},
        )
        pretrain(recipe, out=folder / name, root=folder)
    finetune(
        folder / "numbers",
        root=folder,
        overrides=[f"{SET}={{kind='regression', hidden=[16]}}", "finetune.patience=30"],
    )
    finetune(folder / "sets", root=folder, overrides=[f"{SET}={{kind='multi-label'}}"])
    return folder


def page_of(run: Path, out: Path, root: Path) -> str:
    report([run], out=out / "page", root=root)
    return (out / "page/index.html").read_text()


@pytest.mark.slow
def test_a_regression_from_end_to_end(aimed: Path, tmp_path: Path) -> None:
    run = aimed / "numbers"
    labels = json.loads((run / "heads/default/labels.json").read_text())
    assert (labels["kind"], labels["classes"]) == ("regression", ["digit"])
    found = evaluate_targets(run, root=aimed)
    loaded = load_classifier(run / "heads/default")
    test = open_images(f"{aimed / 'numbers.npz'}:test", loaded.recipe.data, root=aimed)
    head = loaded.classifier
    with torch.no_grad():
        said = head.answers(head(torch.tensor(test.images / np.float32(255)))).numpy()
    assert test.targets is not None
    off = said - test.targets
    assert found.kind == "regression"
    assert found.per_target[0].mae == pytest.approx(float(np.abs(off).mean()), rel=1e-4)
    assert found.per_target[0].rmse == pytest.approx(float(np.sqrt((off**2).mean())), rel=1e-4)
    assert found.r2 is not None
    assert found.r2 > 0.2
    table = predict(run, str(aimed / "numbers.npz:test"), root=aimed)
    rows = list(csv.reader(io.StringIO(table.csv)))
    assert rows[0] == ["image", "digit"]
    assert float(rows[1][1]) == pytest.approx(float(said[0, 0]), rel=1e-4)
    assert table.means["digit"] == pytest.approx(float(said.mean()), rel=1e-5)
    page = page_of(run, tmp_path, aimed)
    assert "Mean absolute error" in page
    assert f"{found.r2:.3f}" in page


def test_a_set_of_labels_from_end_to_end(aimed: Path, tmp_path: Path) -> None:
    run = aimed / "sets"
    found = evaluate_targets(run, root=aimed)
    assert found.kind == "multi-label"
    assert [score.name for score in found.per_label] == ["even", "small"]
    assert found.map is not None
    assert found.map > 0.7
    table = predict(run, str(aimed / "sets.npz:test"), root=aimed)
    rows = list(csv.reader(io.StringIO(table.csv)))
    assert rows[0] == ["image", "p(even)", "p(small)"]
    shares = np.array([[float(cell) for cell in row[1:]] for row in rows[1:]])
    assert table.counts == {
        "even": int((shares[:, 0] > 0.5).sum()),
        "small": int((shares[:, 1] > 0.5).sum()),
    }
    page = page_of(run, tmp_path, aimed)
    assert "Average precision" in page


def test_what_is_for_classes_refuses_other_heads(aimed: Path, tmp_path: Path) -> None:
    run = aimed / "numbers"
    evaluate_targets(run, root=aimed)
    with pytest.raises(UsageError, match="of the kind 'regression': evaluate_targets measures"):
        evaluate(run, root=aimed)
    with pytest.raises(UsageError, match="is no classification; it has no temperature"):
        calibrate(run, root=aimed)
    for kind in ("confusion", "saliency"):
        with pytest.raises(UsageError, match="names no classes"):
            visualize(run, out=tmp_path, root=aimed, what=[kind])
    with pytest.raises(UsageError, match=r"finetune\.head is of the kind 'regression'"):
        sweep_labels(run, labels=[50], draws=2, root=aimed, overrides=[f"{SET}.kind=regression"])
    with pytest.raises(DataError, match="has no labels"):
        finetune(run, root=aimed, name="classes")
    with pytest.raises(DataError, match=r"target 'digit' of .* takes 0 or 1"):
        finetune(run, root=aimed, name="sets", overrides=[f"{SET}={{kind='multi-label'}}"])
    assert not (run / "heads/sets/model.safetensors").exists()
    with pytest.raises(DataError, match="has no target 'even'"):
        evaluate_targets(aimed / "sets", root=aimed, source=str(aimed / "numbers.npz"))


def test_the_mean_over_changed_copies(aimed: Path) -> None:
    run = aimed / "numbers"
    table = predict(run, str(aimed / "numbers.npz:test"), root=aimed, tta=3)
    loaded = load_classifier(run / "heads/default")
    test = open_images(f"{aimed / 'numbers.npz'}:test", loaded.recipe.data, root=aimed)
    augment, head = build_augment(loaded.recipe.finetune.augment), loaded.classifier
    images = torch.tensor(test.images / np.float32(255)).split(256)
    rounds: list[torch.Tensor] = []
    with torch.no_grad():
        for copy in range(4):
            draws = [generator(0, "test-time", copy, k) for k in range(len(images))]
            changed = [
                augment(x, draw) if copy else x for x, draw in zip(images, draws, strict=True)
            ]
            rounds.append(torch.cat([head.answers(head(x)) for x in changed]))
    expected = torch.stack(rounds).mean(0)
    rows = list(csv.reader(io.StringIO(table.csv)))
    found = [float(row[1]) for row in rows[1:]]
    assert found == pytest.approx(expected[:, 0].tolist(), rel=1e-5)
    assert measure(run, root=aimed, tta=2).tta == 2


def test_copies_need_changes(run: Path) -> None:
    with pytest.raises(RecipeError, match="the head was trained without any"):
        evaluate(run, root=run, tta=2)
    finetune(
        run, root=run, name="mixed", labels=50, overrides=["finetune.augment=[{kind='mixup'}]"]
    )
    with pytest.raises(RecipeError, match="test-time augmentation"):
        predict(run, "digits", root=run, head="mixed", tta=1)


def test_a_temperature_is_fitted_on_held_out_labels_and_used(run: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="head 'default' held out no labelled images"):
        calibrate(run, root=run)
    finetune(run, root=run, name="kept", overrides=["finetune.patience=30"])
    before = evaluate(run, root=run, head="kept")
    assert before.calibration is not None
    assert (before.calibration.temperature, before.calibration.after) == (1.0, None)
    made = calibrate(run, root=run, head="kept")
    loaded = load_classifier(run / "heads/kept")
    from featlearn.workflows.labelled import draw_labelled

    kept = draw_labelled(loaded.recipe, labels=None, label_seed=0, root=run).validation
    assert kept is not None
    assert made.images == len(kept)
    with torch.no_grad():
        logits = loaded.classifier(torch.tensor(kept.images / np.float32(255))).double().numpy()
    assert made.temperature == pytest.approx(fit_temperature(logits, np.array(kept.labels)))
    assert made.nll <= made.nll_before

    after = evaluate(run, root=run, head="kept")
    assert after.accuracy == before.accuracy
    assert after.calibration is not None
    assert after.calibration.before == before.calibration.before
    table = predict(run, "digits:test", root=run, head="kept")
    rows = list(csv.reader(io.StringIO(table.csv)))[1:]
    shares = np.array([[float(cell) for cell in row[2:]] for row in rows])
    test = open_images("digits:test", loaded.recipe.data, root=run)
    with torch.no_grad():
        logits = loaded.classifier(torch.tensor(test.images / np.float32(255))).numpy()
    np.testing.assert_allclose(shares, softmax(logits / made.temperature, axis=1), atol=2e-6)
    assert test.labels is not None
    assert after.calibration.after is not None
    assert after.calibration.after.ece == pytest.approx(
        reliability(softmax(logits / np.float32(made.temperature), axis=1), test.labels).ece,
        abs=1e-4,
    )
    page = page_of(run, tmp_path, run)
    assert "calibration error" in page
    drawn = visualize(run, out=tmp_path, root=run, what=["reliability"], head="kept").files
    assert [Path(file).name for file in drawn] == ["kept-reliability.png"]

    finetune(run, root=run, name="kept", labels=100, overwrite=True)
    assert not (run / "heads/kept/calibration.json").exists()


@pytest.fixture
def others(run: Path, tmp_path: Path) -> str:
    """Labelled images that no run has met: digits with one pixel changed."""
    images = open_images(
        "digits:train", load_classifier(run / "heads/default").recipe.data, root=run
    )
    changed = np.array(images.images)
    changed[:, 0, 0, 0] ^= 1
    assert images.labels is not None
    np.savez(tmp_path / "others.npz", x=changed, y=images.labels)
    return str(tmp_path / "others.npz")


@pytest.mark.parametrize(
    ("source", "said"),
    [("digits:test", "500 of the 500 images.*run is judged by"), ("digits:train", "learned from")],
)
def test_a_temperature_is_not_fitted_on_what_was_learned_from_or_judges(
    run: Path, source: str, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        calibrate(run, root=run, source=source)
    assert not (run / "heads/default/calibration.json").exists()


def test_a_temperature_of_other_weights_is_refused(run: Path, others: str) -> None:
    calibrate(run, root=run, source=others)
    file = run / "heads/default/calibration.json"
    wrong = json.loads(file.read_text()) | {"model": "0" * 64}
    file.write_text(json.dumps(wrong))
    with pytest.raises(CheckpointError, match=r"calibration\.json is not of these weights"):
        evaluate(run, root=run)
    again = calibrate(run, root=run, source=others)  # as the sentence advises
    assert evaluate(run, root=run).calibration is not None
    assert again.model != wrong["model"]


def test_a_hinge_has_scores_until_it_is_calibrated(run: Path, others: str) -> None:
    finetune(run, root=run, name="hinge", labels=200, overrides=[f"{SET}.loss=hinge"])
    head = predict(run, "digits:test", root=run, head="hinge").csv
    assert head is not None
    assert head.startswith("image,prediction,score(0),")
    found = measure(run, root=run, head="hinge")
    assert isinstance(found, EvaluateResult)
    assert found.calibration is None
    assert found.accuracy > 0.3
    calibrate(run, root=run, head="hinge", source=others)
    later = measure(run, root=run, head="hinge")
    assert isinstance(later, EvaluateResult)
    assert later.calibration is not None
    assert later.calibration.after is not None


@pytest.mark.parametrize("at", [3, 17])
def test_an_average_goes_on_after_a_crash(
    run: Path, stopper: Callable[..., Progress], crash: type[BaseException], at: int
) -> None:
    how = {"labels": 100, "overrides": ["finetune.ema=0.9", "finetune.patience=9"]}
    finetune(run, root=run, name="whole", **how)  # type: ignore[arg-type]
    with pytest.raises(crash):
        finetune(run, root=run, name="cut", save_seconds=0.0, progress=stopper(at), **how)  # type: ignore[arg-type]
    finetune(run, root=run, name="cut", resume=True, **how)  # type: ignore[arg-type]
    whole, cut = ((run / "heads" / name / "model.safetensors") for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()


def test_rates_are_tried_and_nothing_is_kept(run: Path, tmp_path: Path) -> None:
    before = sorted(run.rglob("*"))
    found = find_rate(run, root=run, labels=100, out=tmp_path / "pictures")
    assert found.test.phase == "finetune"
    assert found.test.suggested is not None
    assert 1e-5 < found.test.suggested < 10
    assert found.option == f"--set finetune.optimizer.lr={found.test.suggested:.2g}"
    assert found.command is not None
    words = f"featlearn finetune {run} --labels 100 --label-seed 0 --freeze 0 --seed 0"
    assert found.command.startswith(f"{words} --data-root {run}")
    low = find_rate(run, root=run, labels=100, overrides=["finetune.optimizer.lr=1e-8"], threads=1)
    assert "1e-08 is so low" in low.said
    assert low.command is not None
    assert low.command.endswith(f" --set finetune.optimizer.lr=1e-8 {low.option}")
    assert [Path(file).name for file in found.files] == ["rates.png", "rates.svg"]
    assert sorted(run.rglob("*")) == before
