"""Feature learning from unlabelled images: the names for users, loaded when first used.

Importing the package loads neither torch nor numpy. A workflow that shares its name with a
subpackage (`evaluate`, `visualize`, `report`) is not repeated here, since one attribute cannot
be both: import it from `featlearn.workflows`, as in
`from featlearn.workflows.evaluate import evaluate`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from featlearn._version import __version__

if TYPE_CHECKING:
    from featlearn.config.load import load_recipe
    from featlearn.config.recipe import Recipe
    from featlearn.estimator.classifier import FeatureClassifier
    from featlearn.estimator.learner import FeatureLearner
    from featlearn.heads.networks import load_network
    from featlearn.heads.store import load_classifier
    from featlearn.networks.stack import Stack, build_stack
    from featlearn.networks.store import load_stack as load_model
    from featlearn.stages.local import LocallyConnected2d, LocallyConnectedTranspose2d
    from featlearn.workflows.encode import encode
    from featlearn.workflows.finetune import finetune
    from featlearn.workflows.predict import predict
    from featlearn.workflows.pretrain import pretrain

__all__ = [
    "FeatureClassifier",
    "FeatureLearner",
    "LocallyConnected2d",
    "LocallyConnectedTranspose2d",
    "Recipe",
    "Stack",
    "__version__",
    "build_stack",
    "encode",
    "finetune",
    "load_classifier",
    "load_model",
    "load_network",
    "load_recipe",
    "predict",
    "pretrain",
]

_HOMES = {
    "FeatureClassifier": "featlearn.estimator.classifier",
    "FeatureLearner": "featlearn.estimator.learner",
    "LocallyConnected2d": "featlearn.stages.local",
    "LocallyConnectedTranspose2d": "featlearn.stages.local",
    "Recipe": "featlearn.config.recipe",
    "Stack": "featlearn.networks.stack",
    "build_stack": "featlearn.networks.stack",
    "encode": "featlearn.workflows.encode",
    "finetune": "featlearn.workflows.finetune",
    "load_classifier": "featlearn.heads.store",
    "load_model": "featlearn.networks.store",
    "load_network": "featlearn.heads.networks",
    "load_recipe": "featlearn.config.load",
    "predict": "featlearn.workflows.predict",
    "pretrain": "featlearn.workflows.pretrain",
}
_NAMES_AT_HOME = {"load_model": "load_stack"}


def __getattr__(name: str) -> Any:
    """Load a public name from its module and keep it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'featlearn' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), _NAMES_AT_HOME.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
