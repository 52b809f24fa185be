"""scikit-learn's own checks, with shorter training, and nothing expected to fail."""

from collections.abc import Callable
from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

from featlearn import FeatureClassifier, FeatureLearner

SHORT = {"stages.features.filter.maps": 20, "pretrain.epochs": 3, "finetune.steps": 60}


@parametrize_with_checks([FeatureLearner(overrides=SHORT), FeatureClassifier(overrides=SHORT)])
def test_scikit_learn_agrees(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
