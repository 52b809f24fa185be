"""`FeatureLearner`: features learned without labels, as a scikit-learn transformer."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted
from torch import Tensor

from featlearn.config.changes import Overrides
from featlearn.config.recipe import Recipe
from featlearn.errors import UsageError
from featlearn.estimator.base import (
    FLOATS,
    Floats,
    ImageEstimator,
    as_maps,
    as_rows,
    device_of,
    in_batches,
    in_precision,
    refuse,
)
from featlearn.evaluate.decoding import decode
from featlearn.networks.stack import What, check_what
from featlearn.training.incremental import SoFar, begin_stack, learn_part
from featlearn.training.progress import Progress

checked_array: Any = check_array


class FeatureLearner(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ImageEstimator):
    """Learn a stack of feature stages from unlabelled rows; transform rows into its features.

    Args:
        recipe: Name of a shipped recipe, path of a recipe file, or a `Recipe`; its `[data]`
            says only how many rows are held out. The shipped `dense`, a denoising
            auto-encoder on whole rows, if absent.
        overrides: Changes to the recipe by key, as in `{"stages.features.filter.maps": 50}`.
            They are parameters too: `recipe__stages__features__filter__maps`. Or a list of
            texts, as in `["pretrain.epochs=3"]`.
        image_shape: (height, width) or (height, width, maps) of the image that a row is,
            flattened as NumPy does; without it a row is one line of numbers, which only
            dense stages suit.
        stage: Name of the stage whose features are given; the last one if absent.
        what: Its `code`, its `pooled` maps or its `output`.
        random_state: Seed, or a `RandomState` to draw one from; the recipe's if absent, so
            that two fits are the same.
        device: `auto`, `cpu` or `cuda`.
        progress: Told of every step of training, if given.

    Attributes:
        recipe_: The recipe as it was trained.
        stack_: The `Stack`, a PyTorch module.
        n_features_in_: Columns of the rows it learned from.
        feature_names_in_: Their names, where they had any.

    Raises:
        FeatlearnError: If the recipe does not fit the rows.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> rows, _ = load_digits(return_X_y=True)
        >>> learner = FeatureLearner("digits", image_shape=(8, 8))
        >>> learner.fit(rows / 16).transform(rows / 16).shape
        (1797, 800)
    """

    def __init__(
        self,
        recipe: str | Path | Recipe | None = None,
        *,
        overrides: Overrides | None = None,
        image_shape: tuple[int, ...] | None = None,
        stage: str | None = None,
        what: What = "output",
        random_state: Any = None,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> None:
        """Keep the parameters; `fit` checks them."""
        self.recipe = recipe
        self.overrides = overrides
        self.image_shape = image_shape
        self.stage = stage
        self.what: What = what
        self.random_state = random_state
        self.device = device
        self.progress = progress

    def fit(self, X: ArrayLike, y: object = None, **refused: object) -> Self:
        """Learn the stages from rows without labels.

        Args:
            X: `(n, features)`, finite.
            y: Ignored.
            refused: Nothing is known here, weights of rows neither.

        Raises:
            UsageError: If the recipe has no such stage or part of it as is asked for.
        """
        refuse(self, refused)
        rows = self._rows(X, reset=True)
        recipe = self._resolved()
        self._check_part(recipe)
        self.stack_ = self._pretrain(recipe, rows).stack
        self.recipe_ = recipe
        self._so_far: SoFar | None = None
        return self

    def partial_fit(self, X: ArrayLike, y: object = None, **refused: object) -> Self:
        """Go once over more rows, at the recipe's learning rate, which stays as it is.

        The first rows also fit the preparation and the scaling of the input. What `fit`
        learned is learned further. The recipe must train its stages at the same time: one
        stage, or `pretrain.schedule = "joint"`.

        Args:
            X: `(n, features)`, finite.
            y: Ignored.
            refused: Nothing is known here, weights of rows neither.
        """
        refuse(self, refused)
        begun = hasattr(self, "stack_")
        rows = self._rows(X, reset=not begun)
        images = self._pictures(rows)
        if begun:
            recipe, stack, so_far = self.recipe_, self.stack_, self._so_far
        else:
            recipe, so_far = self._resolved(), None
            self._check_part(recipe)
            stack = begin_stack(recipe, images)
        # Kept only when it has learned: without, it would answer by random weights.
        self._so_far = learn_part(recipe, stack, images, so_far, progress=self.progress)
        self.stack_, self.recipe_ = stack, recipe
        return self

    def transform(self, X: ArrayLike) -> Any:
        """Compute features, in the precision of the rows.

        Args:
            X: `(n, features)`.

        Returns:
            `(n, features of the stage)`, maps flattened map after map.

        Raises:
            UsageError: If there is no such stage or part of it.
        """
        check_is_fitted(self)
        rows = self._rows(X, reset=False)
        stack = in_precision(self.stack_, rows)

        def features(images: Tensor) -> Tensor:
            return stack.encode(images, stage=self.stage, what=self.what)

        return in_batches(features, as_maps(rows, self.image_shape), device_of(stack))

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any]:
        """Rebuild rows from features, through the decoders; see `featlearn.evaluate.decoding`.

        Args:
            X: Features, as `transform` gives them.

        Returns:
            `(n, n_features_in_)`.

        Raises:
            UsageError: If the features are not a stage's output.
        """
        check_is_fitted(self)
        if self.what != "output":
            raise UsageError(
                f'inverse_transform begins at a stage\'s output: set what="output"; '
                f"got {self.what!r}"
            )
        features: Floats = checked_array(X, dtype=FLOATS)
        stack = in_precision(self.stack_, features)

        def rebuilt(batch: Tensor) -> Tensor:
            return decode(stack, batch, stage=self.stage)

        return as_rows(in_batches(rebuilt, features, device_of(stack)))

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Name the features by their stage, as in `strokes0`.

        Args:
            input_features: Names of the columns, which must be those that were seen.

        Raises:
            UsageError: If there is no such stage or part of it.
        """
        names: NDArray[Any] = super().get_feature_names_out(input_features)
        prefix = self.stage or self.stack_.names[-1]
        return np.array([f"{prefix}{place}" for place in range(len(names))], dtype=object)

    def _check_part(self, recipe: Recipe) -> None:
        """Refuse a stage, or a part of it, that a recipe lacks, before the long training."""
        check_what(self.what)
        stages = {stage.name: stage for stage in recipe.stages}
        names = list(stages)
        asked = names[-1] if self.stage is None else self.stage
        if asked not in stages:
            raise UsageError(f"there is no stage {asked!r}; the stages are {', '.join(names)}")
        if self.what == "pooled" and stages[asked].pool is None:
            raise UsageError(f"stage {asked!r} has no pooling")

    @property
    def _n_features_out(self) -> int:
        """Count the features of a row."""
        self._check_part(self.recipe_)
        stage = self.stack_.stage(len(self.stack_) - 1 if self.stage is None else self.stage)
        shapes = {"code": stage.code_shape, "pooled": stage.pooled_shape}
        return (shapes.get(self.what) or stage.output_shape).units

    def __sklearn_tags__(self) -> Tags:
        """Say that single precision stays single, and double double."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
