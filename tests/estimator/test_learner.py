"""Features of rows as a transformer: what is learned, searched, named, undone and kept."""

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn.base
import sklearn.pipeline
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from featlearn import FeatureLearner, Recipe, load_model, load_recipe
from featlearn.errors import RecipeError, UsageError
from featlearn.evaluate.projection import through_output
from featlearn.networks.stack import What
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.progress import Silent, StepReport

Rows = NDArray[np.float64]
clone: Any = sklearn.base.clone
make_pipeline: Any = sklearn.pipeline.make_pipeline
OWN = """
title = "Own"
[data]
source = "digits"
[[stages]]
name = "own"
filter = { kind = "dense", maps = 3 }
objective = { kind = "plain" }
"""
SHORT = {"pretrain.epochs": 4}
LOCAL: dict[str, Any] = {
    "recipe": "digits",
    "image_shape": (8, 8),
    "overrides": {**SHORT, "stages.digits.filter.maps": 30},
}


@pytest.fixture(scope="module")
def rows() -> Rows:
    return np.asarray(load_digits(return_X_y=True)[0][:300]) / 16


@pytest.fixture(scope="module")
def fitted(rows: Rows) -> FeatureLearner:
    return FeatureLearner(overrides=SHORT).fit(rows)


@pytest.fixture(scope="module")
def local(rows: Rows) -> FeatureLearner:
    return FeatureLearner(**LOCAL).fit(rows)


def test_features_are_those_of_the_stack(rows: Rows, local: FeatureLearner) -> None:
    images = torch.tensor(rows).reshape(-1, 1, 8, 8)
    asked: list[tuple[str, What]]
    asked = [("strokes", "code"), ("strokes", "pooled"), ("digits", "output")]
    for stage, what in asked:
        learner = clone(local).set_params(stage=stage, what=what).fit(rows)
        found = learner.transform(rows)
        with torch.no_grad():
            expected = local.stack_.double().encode(images, stage=stage, what=what)
        local.stack_.float()
        assert found.shape == (300, len(learner.get_feature_names_out()))
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-7)


def test_colour_is_flattened_as_numpy_does(rows: Rows) -> None:
    pictures = rows[:, :48].reshape(-1, 4, 4, 3)
    learner = FeatureLearner(image_shape=(4, 4, 3), overrides=SHORT).fit(rows[:, :48])
    assert learner.stack_.input_shape == (3, 4, 4)
    planes = torch.tensor(np.moveaxis(pictures, -1, 1), dtype=torch.float32)
    with torch.no_grad():
        expected = learner.stack_.encode(planes)
    found = learner.transform(rows[:, :48].astype(np.float32))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-6)


def test_the_same_seed_gives_the_same_features(rows: Rows, fitted: FeatureLearner) -> None:
    again, other = clone(fitted).fit(rows), clone(fitted).set_params(random_state=3).fit(rows)
    assert np.array_equal(again.transform(rows), fitted.transform(rows))
    assert not np.allclose(other.transform(rows), fitted.transform(rows))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_precision_of_the_rows_is_kept(
    rows: Rows, fitted: FeatureLearner, dtype: type[np.floating[Any]]
) -> None:
    features = fitted.transform(rows.astype(dtype))
    assert features.dtype == dtype
    assert fitted.inverse_transform(features).dtype == dtype
    np.testing.assert_allclose(features, fitted.transform(rows), rtol=1e-3, atol=1e-5)


def test_rows_are_rebuilt_better_than_by_their_mean(rows: Rows) -> None:
    learner = FeatureLearner(overrides={"pretrain.epochs": 60}).fit(rows)
    rebuilt = learner.inverse_transform(learner.transform(rows))
    error, spread = ((rebuilt - rows) ** 2).sum(), ((rows - rows.mean(0)) ** 2).sum()
    assert error < 0.2 * spread
    # And that is what the stage itself rebuilds.
    images = torch.tensor(rows, dtype=torch.float32).reshape(-1, 1, 1, 64)
    with torch.no_grad():
        expected = learner.stack_.stage(0).rebuild(images).flatten(1)
    np.testing.assert_allclose(rebuilt, expected.numpy(), atol=1e-4)


def test_whitening_is_undone_with_its_mean(rows: Rows) -> None:
    recipe = load_recipe(
        "dense", overrides=["pretrain.epochs=150", "stages.features.filter.maps=90"]
    )
    whitened = FeatureLearner(recipe, overrides={"preprocess": [{"kind": "pca", "keep": 0.95}]})
    rebuilt = whitened.fit(rows).inverse_transform(whitened.transform(rows))
    error, spread = ((rebuilt - rows) ** 2).sum(), ((rows - rows.mean(0)) ** 2).sum()
    # PCA alone leaves the twentieth part of the variance behind.
    assert error < 0.3 * spread
    assert np.abs(rebuilt.mean(0) - rows.mean(0)).max() < 0.05
    assert PCA(0.95).fit(rows).n_components_ == whitened.stack_.stage(0).input_shape.maps


def test_pooled_features_go_down_to_all_of_their_window(rows: Rows, local: FeatureLearner) -> None:
    features = local.transform(rows[:5])
    rebuilt = local.inverse_transform(features)
    assert rebuilt.shape == (5, 64)
    stack = local.stack_
    with torch.no_grad():
        maps = torch.tensor(features, dtype=torch.float32).reshape(5, -1, 1, 1)
        below = stack.stage(1).rebuild_from(maps)
        pixels = stack.stage(0).rebuild_from(through_output(stack.stage(0), below))
    np.testing.assert_allclose(rebuilt, pixels.flatten(1).numpy(), rtol=1e-3, atol=1e-4)
    with pytest.raises(UsageError, match='begins at a stage\'s output: set what="output"; got'):
        clone(local).set_params(what="code").fit(rows).inverse_transform(features)


def test_features_bear_the_name_of_their_stage(rows: Rows, local: FeatureLearner) -> None:
    assert list(local.get_feature_names_out())[:2] == ["digits0", "digits1"]
    named = clone(local).set_params(stage="strokes").set_output(transform="pandas").fit(rows)
    frame = named.transform(rows[:3])
    assert list(frame.columns[[0, -1]]) == ["strokes0", "strokes127"]
    assert frame.shape == (3, 128)


def test_a_grid_goes_over_keys_of_the_recipe(rows: Rows) -> None:
    labels = np.asarray(load_digits(return_X_y=True)[1][:300])
    pipeline = make_pipeline(FeatureLearner(overrides=SHORT), LogisticRegression(max_iter=300))
    grid = {
        "featurelearner__recipe__stages__features__filter__maps": [2, 40],
        "featurelearner__recipe__pretrain__optimizer__lr": [1e-3],
    }
    search = GridSearchCV(pipeline, grid, cv=2).fit(rows, labels)
    best = search.best_estimator_["featurelearner"]
    assert best.stack_.output_shape.maps == 40
    assert best.recipe_.pretrain.optimizer.lr == 1e-3
    assert best.recipe_.pretrain.epochs == 4
    assert search.best_score_ > 0.75
    # The grid changed copies alone.
    assert pipeline["featurelearner"].overrides == SHORT


def test_parameters_are_read_and_set() -> None:
    learner = FeatureLearner("digits", overrides={"seed": 4})
    learner.set_params(recipe__stages__strokes__filter__maps=3, recipe__stages__digits__norm=None)
    params = learner.get_params()
    assert params["recipe__stages__strokes__filter__maps"] == 3
    assert params["recipe__seed"] == 4
    assert "recipe__seed" not in learner.get_params(deep=False)
    assert clone(learner).get_params() == params


def test_changes_may_be_texts(rows: Rows) -> None:
    learner = FeatureLearner(overrides=["pretrain.epochs=1", "stages.features.filter.maps=7"])
    assert learner.fit(rows).transform(rows).shape == (300, 7)
    learner.set_params(recipe__stages__features__filter__maps=5)
    assert clone(learner).fit(rows).transform(rows).shape == (300, 5)
    assert learner.fit(rows).recipe_.pretrain.epochs == 1


def test_a_recipe_may_be_an_object_a_path_or_a_name(tmp_path: Path, rows: Rows) -> None:
    recipe: Recipe = load_recipe("dense", overrides=["pretrain.epochs=1"])
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    assert FeatureLearner(recipe).fit(rows).transform(rows).shape == (300, 200)
    assert FeatureLearner(path, overrides=SHORT).fit(rows).transform(rows).shape == (300, 3)


def test_it_is_kept_by_pickle_and_by_a_file(
    tmp_path: Path, rows: Rows, fitted: FeatureLearner
) -> None:
    expected = fitted.transform(rows)
    joblib.dump(fitted, tmp_path / "learner.joblib")
    for copy in (pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "learner.joblib")):
        assert np.array_equal(copy.transform(rows), expected)
    fitted.save(tmp_path / "learner.safetensors")
    loaded = load_model(tmp_path / "learner.safetensors")
    images = torch.tensor(rows).reshape(-1, 1, 1, 64)
    with torch.no_grad():
        np.testing.assert_array_equal(loaded.stack.double().encode(images).numpy(), expected)


@pytest.mark.parametrize(
    ("name", "side", "hold_out"),
    [
        ("dense", 8, 0.05),
        ("digits", 8, 0.05),
        ("natural-sparse", 16, 0.05),
        ("photographs", 12, 0.0),
        ("template", 8, 0.05),
    ],
)
def test_every_row_is_learned_from_or_held_out(
    monkeypatch: pytest.MonkeyPatch, name: str, side: int, hold_out: float
) -> None:
    seen: list[tuple[int, int]] = []

    class Watched(Pretraining):
        def __init__(
            self, recipe: Recipe, images: Pictures, *, held_out: Pictures | None = None
        ) -> None:
            seen.append((len(images), 0 if held_out is None else len(held_out)))
            super().__init__(recipe, images, held_out=held_out)

    monkeypatch.setattr("featlearn.estimator.base.Pretraining", Watched)
    # Recipes that cut 5,000 or 12,000 crops out of a picture have none to cut here.
    given = np.random.default_rng(0).random((301, side * side))
    learner = FeatureLearner(name, image_shape=(side, side), overrides={"pretrain.epochs": 1})
    assert learner.fit(given).transform(given).shape[0] == 301
    kept = round(301 * hold_out)
    assert seen == [(301 - kept, kept)]


class Counting(Silent):
    """Counts steps."""

    def __init__(self) -> None:
        self.steps = 0

    def step(self, report: StepReport) -> None:
        self.steps += 1


def test_progress_is_told(rows: Rows) -> None:
    told = Counting()
    FeatureLearner(overrides=SHORT, progress=told).fit(rows)
    # 285 rows to learn from, in batches of 64.
    assert told.steps == 4 * 5


def test_rows_may_come_in_parts(rows: Rows) -> None:
    learner = FeatureLearner(overrides={"pretrain.optimizer.lr": 0.005})
    errors: list[float] = []
    for _ in range(30):
        for part in np.array_split(rows, 3):
            learner.partial_fit(part)
        rebuilt = learner.inverse_transform(learner.transform(rows))
        errors.append(float(((rebuilt - rows) ** 2).mean()))
    assert errors[-1] < 0.4 * errors[0]
    # What was pickled in the middle goes on as if it had not been.
    kept = pickle.loads(pickle.dumps(learner))
    for one in (kept, learner):
        one.partial_fit(rows[:100])
    assert np.array_equal(kept.transform(rows), learner.transform(rows))


def test_parts_need_stages_that_learn_at_the_same_time(rows: Rows) -> None:
    with pytest.raises(RecipeError, match=r'set pretrain.schedule = "joint", or keep one stage'):
        FeatureLearner(**LOCAL).partial_fit(rows)
    overrides = {**LOCAL["overrides"], "pretrain.schedule": "joint"}
    learner = FeatureLearner("digits", image_shape=(8, 8), overrides=overrides)
    before = learner.partial_fit(rows).transform(rows)
    after = learner.partial_fit(rows).transform(rows)
    assert not np.allclose(before, after)


def test_more_rows_continue_a_fit(rows: Rows, fitted: FeatureLearner) -> None:
    more = pickle.loads(pickle.dumps(fitted)).partial_fit(rows[:64])
    assert not np.array_equal(more.transform(rows), fitted.transform(rows))
    with pytest.raises(ValueError, match="63 features, but FeatureLearner is expecting 64"):
        more.partial_fit(rows[:, :63])
