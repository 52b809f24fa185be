"""scikit-learn's own checks, with shorter training, and nothing expected to fail."""

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from featlearn import FeatureClassifier, FeatureLearner

SHORT = {"stages.features.filter.maps": 20, "pretrain.epochs": 3, "finetune.steps": 60}


# scikit-learn's data have classes -1 and 1, of which the classifier warns, as it should.
@pytest.mark.filterwarnings("ignore:y holds -1 and 1 alone:UserWarning")
@parametrize_with_checks([FeatureLearner(overrides=SHORT), FeatureClassifier(overrides=SHORT)])
def test_scikit_learn_agrees(estimator: Any, check: Callable[[Any], object]) -> None:
    assert check(estimator) is None  # a check that fails raises
