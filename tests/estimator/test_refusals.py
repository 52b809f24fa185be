"""What the learner refuses, in one sentence: shapes, numbers and parameters of another kind."""

import pickle
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from featlearn import FeatureLearner
from featlearn.errors import DataError, DeviceError, RecipeError, ShapeError, UsageError
from featlearn.networks.stack import What

Rows = NDArray[np.float64]
SHORT = {"pretrain.epochs": 1}


@pytest.fixture(scope="module")
def rows() -> Rows:
    return np.asarray(load_digits(return_X_y=True)[0][:100]) / 16


@pytest.fixture(scope="module")
def fitted(rows: Rows) -> FeatureLearner:
    return FeatureLearner(overrides=SHORT).fit(rows)


@pytest.mark.parametrize("shape", ["8x8", 64, (8.0, 8.0), (-8, -8), (), (1, 1, 1, 64), [None, 8]])
def test_a_shape_that_is_none_is_refused(rows: Rows, shape: Any) -> None:
    with pytest.raises(ShapeError, match="whole numbers that multiply to the 64 features") as told:
        FeatureLearner(image_shape=shape).fit(rows)
    assert str(told.value).endswith(f"got {shape!r}")


@pytest.mark.parametrize("scale", [1e60, -1e60])
def test_rows_beyond_single_precision_are_refused(rows: Rows, scale: float) -> None:
    # A warning of NumPy's would be an error here.
    with pytest.raises(DataError, match=r"ends at 3\.4e\+38, and these hold numbers of 1\.0e\+60;"):
        FeatureLearner(overrides=SHORT).fit(rows * scale)
    with pytest.raises(DataError, match="scale them"):
        FeatureLearner(overrides=SHORT).partial_fit(rows * scale)


def test_parameters_of_another_kind_are_refused(rows: Rows) -> None:
    wrong: Any
    for wrong in ("pretrain.epochs=1", 3, ["pretrain.epochs=1", 4]):
        with pytest.raises(UsageError, match=r"overrides are values by key.* got ") as told:
            FeatureLearner(overrides=wrong).fit(rows)
        assert str(told.value).endswith(f"got {wrong!r}")
    wrong = 42
    with pytest.raises(UsageError, match=r"a recipe is the name of a shipped one.* got 42"):
        FeatureLearner(wrong).fit(rows)
    wrong = None
    with pytest.raises(DeviceError, match="None is no device; use auto, cpu or cuda"):
        FeatureLearner(device=wrong).fit(rows)


def test_a_part_that_no_stage_has_is_named(rows: Rows, fitted: FeatureLearner) -> None:
    wrong = pickle.loads(pickle.dumps(fitted)).set_params(what="codes")
    unfitted = FeatureLearner(what=cast("What", "codes"))
    for ask in (
        lambda: wrong.transform(rows),
        wrong.get_feature_names_out,
        lambda: unfitted.fit(rows),
        lambda: unfitted.partial_fit(rows),
    ):
        with pytest.raises(UsageError, match="what is one of code, pooled, output; got 'codes'"):
            ask()


def test_what_does_not_fit_is_named(rows: Rows, fitted: FeatureLearner) -> None:
    with pytest.raises(UsageError, match=r"unknown key stages\.0\.filter\.map|unknown stage"):
        FeatureLearner(overrides={"stages.featurs.filter.maps": 3}).fit(rows)
    with pytest.raises(RecipeError, match=r"filter\.maps must be >= 1; got 0"):
        FeatureLearner(overrides={"stages.features.filter.maps": 0}).fit(rows)
    with pytest.raises(ShapeError, match=r"multiply to the 64 features of a row; got \(8, 7\)"):
        FeatureLearner(image_shape=(8, 7)).fit(rows)
    with pytest.raises(RecipeError, match=r"stage 'strokes': .* does not fit into 1x64"):
        FeatureLearner("digits", overrides={"stages.strokes.filter.padding": "valid"}).fit(rows)
    with pytest.raises(TypeError, match="FeatureLearner learns from every row alike and takes no"):
        fitted.fit(rows, sample_weight=np.ones(len(rows)))
    with pytest.raises(ShapeError, match=r"stage 'features' gives \(batch, 200\) features; got"):
        fitted.inverse_transform(rows)
    with pytest.raises(NotFittedError):
        FeatureLearner().transform(rows)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"stage": "nope"}, "there is no stage 'nope'; the stages are features"),
        ({"what": "pooled"}, "stage 'features' has no pooling"),
    ],
)
def test_a_part_that_the_recipe_lacks_is_refused_before_it_is_trained(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], said: str
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("training began")

    monkeypatch.setattr(FeatureLearner, "_pretrain", never)
    monkeypatch.setattr("featlearn.estimator.learner.begin_stack", never)
    for learn in ("fit", "partial_fit"):
        with pytest.raises(UsageError, match=f"^{said}$"):
            getattr(FeatureLearner(overrides=SHORT, **asked), learn)(rows)


def test_features_that_are_not_there_have_no_names(rows: Rows) -> None:
    learner = FeatureLearner(overrides=SHORT).fit(rows)
    learner.what = "pooled"
    with pytest.raises(UsageError, match="stage 'features' has no pooling"):
        learner.get_feature_names_out()


@pytest.mark.parametrize("fault", ["augment", "rows"])
def test_what_failed_to_learn_a_part_answers_nothing(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    augment = [{"kind": "cut-out", "size": 9}] if fault == "augment" else []
    learner = FeatureLearner(overrides={**SHORT, "pretrain.augment": augment}, image_shape=(8, 8))
    if fault == "rows":
        monkeypatch.setattr("featlearn.estimator.learner.learn_part", _failing)
    with pytest.raises(RecipeError, match=r"pretrain\.augment\.0\.size|at the first step"):
        learner.partial_fit(rows)
    with pytest.raises(NotFittedError):
        learner.transform(rows)


def _failing(*_: object, **__: object) -> None:
    raise RecipeError("at the first step")
