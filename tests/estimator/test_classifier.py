"""A classifier from few labels, with features from all rows."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import featlearn
from featlearn import FeatureClassifier
from featlearn.errors import CheckpointError, DataError, RecipeError
from featlearn.estimator.labels import labelled_rows
from featlearn.heads.finetuning import Finetuning, start_finetuning
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Silent, StepReport

Rows = NDArray[np.float64]
Classes = NDArray[np.int64]


@pytest.fixture(scope="module")
def data() -> tuple[Rows, Classes]:
    rows, classes = load_digits(return_X_y=True)
    return np.asarray(rows) / 16, np.asarray(classes, np.int64)


@pytest.fixture(scope="module")
def fitted(data: tuple[Rows, Classes]) -> FeatureClassifier:
    rows, classes = data
    few = np.where(np.arange(len(classes)) < 100, classes, -1)
    model = FeatureClassifier("digits", image_shape=(8, 8), overrides={"pretrain.epochs": 15})
    return model.fit(rows[:1200], few[:1200])


def test_rows_without_a_label_help(data: tuple[Rows, Classes], fitted: FeatureClassifier) -> None:
    rows, classes = data
    plain = LogisticRegression(max_iter=1000).fit(rows[:100], classes[:100])
    assert fitted.score(rows[1200:], classes[1200:]) > plain.score(rows[1200:], classes[1200:])
    assert list(fitted.classes_) == list(range(10))


def test_probabilities_sum_to_one_in_the_precision_of_the_rows(
    data: tuple[Rows, Classes], fitted: FeatureClassifier
) -> None:
    rows, _ = data
    for dtype, closeness in ((np.float32, 1e-5), (np.float64, 1e-12)):
        found = fitted.predict_proba(rows[:50].astype(dtype))
        assert found.dtype == dtype
        np.testing.assert_allclose(found.sum(1), 1, atol=closeness)
        assert np.array_equal(fitted.predict(rows[:50].astype(dtype)), found.argmax(1))


def test_classes_may_be_text(data: tuple[Rows, Classes]) -> None:
    rows, classes = data
    names = np.array(["even", "odd"])[classes % 2]
    model = FeatureClassifier(overrides={"pretrain.epochs": 3}).fit(rows[:300], names[:300])
    assert list(model.classes_) == ["even", "odd"]
    assert model.score(rows[300:], names[300:]) > 0.85


def test_the_mark_of_a_row_without_a_label() -> None:
    assert labelled_rows(np.array([0, -1, 2, -1])).tolist() == [True, False, True, False]
    assert labelled_rows(np.array([0.0, -1.0, 1.0])).tolist() == [True, False, True]
    assert labelled_rows(np.array([-1, 1, 1])).all()  # two classes, as commonly numbered
    assert labelled_rows(np.array(["-1", "a"])).all()
    few = np.array(["a", -1, None, "-1", np.int64(-1), -1.0], dtype=object)
    assert labelled_rows(few).tolist() == [True, False, False, True, False, False]
    assert labelled_rows(np.array([-1, 1, None], dtype=object)).tolist() == [False, True, False]


@pytest.mark.parametrize("mark", [-1, None])
@pytest.mark.parametrize("kind", [list, lambda y: np.array(y, dtype=object)])
def test_names_may_lack_where_there_is_no_label(
    data: tuple[Rows, Classes], mark: object, kind: Callable[[list[object]], Any]
) -> None:
    rows, classes = data
    names = [["even", "odd"][k % 2] for k in classes[:120]]
    some: list[object] = [name if place < 60 else mark for place, name in enumerate(names)]
    numbers = [k % 2 if place < 60 else -1 for place, k in enumerate(classes[:120])]
    named, numbered = (
        FeatureClassifier(overrides={"pretrain.epochs": 1}).fit(rows[:120], y)
        for y in (kind(some), numbers)
    )
    assert list(named.classes_) == ["even", "odd"]
    probabilities = named.predict_proba(rows[:50])
    np.testing.assert_array_equal(probabilities, numbered.predict_proba(rows[:50]))


def test_minus_one_as_a_class_is_said(data: tuple[Rows, Classes]) -> None:
    rows, classes = data
    signs = np.where(classes[:60] % 2, 1, -1)
    quick = {"pretrain.epochs": 1, "finetune.steps": 1}
    for given in (signs, signs.astype(float), signs.astype(object)):
        with pytest.warns(UserWarning, match="-1 and 1 alone, which are taken for two classes"):
            model = FeatureClassifier(overrides=quick).fit(rows[:60], given)
        assert list(model.classes_) == [-1, 1]
    with pytest.raises(ValueError, match="y holds names and numbers"):
        FeatureClassifier().fit(rows[:4], ["a", 0, "b", -1])


def test_one_class_is_refused(data: tuple[Rows, Classes]) -> None:
    rows, _ = data
    with pytest.raises(ValueError, match=r"two classes or more; got 1 class \(-1 marks a row"):
        FeatureClassifier().fit(rows[:4], [0, 0, -1, 0])
    with pytest.raises(ValueError, match="two classes or more; got 0 classes"):
        FeatureClassifier().fit(rows[:2], [-1, -1])
    with pytest.raises(TypeError, match="takes no sample_weight; leave it out"):
        FeatureClassifier().fit(rows[:2], [0, 1], sample_weight=[1, 2])


def test_it_is_kept_by_pickle_and_by_a_file(
    tmp_path: Path, data: tuple[Rows, Classes], fitted: FeatureClassifier
) -> None:
    rows, _ = data
    copy = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(copy.predict_proba(rows[:9]), fitted.predict_proba(rows[:9]))
    file = tmp_path / "model.safetensors"
    fitted.save(file)
    loaded = featlearn.load_classifier(str(file))
    assert loaded.classes == tuple(map(str, range(10)))
    weights = fitted.classifier_.state_dict()
    assert all(
        (value == weights[name]).all() for name, value in loaded.classifier.state_dict().items()
    )
    images = torch.tensor(rows[:9]).reshape(9, 1, 8, 8)
    with torch.no_grad():
        found = loaded.classifier.double()(images).softmax(1).numpy()
    np.testing.assert_array_equal(found, fitted.predict_proba(rows[:9]))
    with pytest.raises(CheckpointError, match=r"holds a classifier: open it with featlearn\.load_"):
        featlearn.load_model(file)


def test_keys_of_the_recipe_reach_the_head(data: tuple[Rows, Classes]) -> None:
    rows, classes = data
    model = FeatureClassifier().set_params(
        recipe__pretrain__epochs=1, recipe__finetune__freeze=1, recipe__finetune__head__hidden=[7]
    )
    model.fit(rows[:200], classes[:200])
    assert model.classifier_.frozen
    assert model.recipe_.finetune.head.hidden == (7,)


class Watching(Silent):
    """Keeps what is told of fine-tuning."""

    def __init__(self) -> None:
        self.steps: list[StepReport] = []

    def step(self, report: StepReport) -> None:
        if report.phase == "finetune":
            self.steps.append(report)


def finetuned(data: tuple[Rows, Classes], **changes: object) -> list[StepReport]:
    rows, classes = data
    told = Watching()
    few = np.where(np.arange(len(classes)) < 100, classes, -1)
    plain = {"pretrain.epochs": 1, "finetune.steps": 0, "finetune.epochs": 30, "finetune.batch": 10}
    overrides = {**plain, **{key.replace("__", "."): value for key, value in changes.items()}}
    FeatureClassifier(overrides=overrides, progress=told).fit(rows[:200], few[:200])
    return told.steps


def test_patience_is_with_labelled_rows_that_are_only_measured(
    data: tuple[Rows, Classes],
) -> None:
    # Without it every labelled row is learned from, in ten batches of ten.
    patient = finetuned(data)
    assert len(patient) == 30 * 10
    assert all(report.held_out is None for report in patient)
    # A rate that blows up: what is measured gets worse, which ends it two epochs after its best.
    hasty = finetuned(
        data,
        finetune__patience=2,
        finetune__rate={"kind": "constant"},
        finetune__optimizer={"kind": "sgd", "lr": 3.0},
        data__hold_out=0.2,
    )
    measured = [r.held_out["loss"] for r in hasty if r.held_out is not None]
    assert hasty[-1].epoch < 29
    assert len(hasty) == 8 * len(measured)  # 80 of the 100 labelled rows
    assert int(np.argmin(measured)) == len(measured) - 1 - 2


def test_a_plateau_is_followed_on_labelled_rows(data: tuple[Rows, Classes]) -> None:
    told = finetuned(
        data,
        finetune__rate={"kind": "plateau", "patience": 1, "factor": 0.5},
        finetune__optimizer={"kind": "sgd", "lr": 3.0},
    )
    assert all((report.held_out is not None) == report.ended for report in told)
    rates = [report.lr for report in told]
    assert rates[0] == 3.0
    assert rates[-1] < 1.0


def test_patience_needs_a_row_to_spare(data: tuple[Rows, Classes]) -> None:
    rows, _ = data
    with pytest.raises(DataError, match=r"patience and a plateau need labelled .* 2 labels leave"):
        FeatureClassifier(overrides={"finetune.patience": 1}).fit(rows[:9], [0, 1] + [-1] * 7)


def test_the_text_of_the_mark_is_said_to_be_a_class(data: tuple[Rows, Classes]) -> None:
    rows, labels = data
    names = np.where(labels > 4, "many", "few")
    names[:10] = "-1"
    with pytest.warns(UserWarning, match='the text "-1" is taken for a class'):
        fitted = FeatureClassifier(overrides={"pretrain.epochs": 1, "finetune.steps": 20}).fit(
            rows, names
        )
    assert list(fitted.classes_) == ["-1", "few", "many"]


def test_every_row_is_learned_from_without_its_label(
    data: tuple[Rows, Classes], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, classes = data
    seen: list[NDArray[np.float32]] = []

    def start(*given: Any, unlabelled: Pictures, **named: Any) -> Finetuning:
        seen.append(np.asarray(unlabelled.set.images).reshape(len(unlabelled), -1))
        return start_finetuning(*given, unlabelled=unlabelled, **named)

    monkeypatch.setattr("featlearn.estimator.classifier.start_finetuning", start)
    changes = {
        "pretrain.epochs": 1,
        "pretrain.fit_samples": 20,
        "finetune.steps": 1,
        "finetune.semi": {"kind": "pseudo-label"},
    }
    few = np.where(np.arange(200) < 50, classes[:200], -1)
    FeatureClassifier(overrides=changes).fit(rows[:200], few)
    np.testing.assert_array_equal(seen, [rows[:200].astype(np.float32)])


def test_images_from_elsewhere_are_refused_before_the_training(
    data: tuple[Rows, Classes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("training began")

    monkeypatch.setattr(FeatureClassifier, "_pretrain", never)
    changes = {"finetune.semi": {"kind": "pseudo-label", "source": "mnist"}}
    with pytest.raises(RecipeError, match=r"alone: leave out finetune\.semi\.source, .* 'mnist'"):
        FeatureClassifier(overrides=changes).fit(*data)


def test_a_cut_out_larger_than_the_images_is_refused_before_the_training(
    data: tuple[Rows, Classes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("training began")

    monkeypatch.setattr(FeatureClassifier, "_pretrain", never)
    changes = {"finetune.augment": [{"kind": "cut-out", "size": 9}]}
    with pytest.raises(RecipeError, match=r"finetune\.augment\.0\.size must be at most 8"):
        FeatureClassifier("digits", overrides=changes, image_shape=(8, 8)).fit(*data)
