"""`FeatureClassifier`: features from all rows, a classifier from those that have a label."""

from pathlib import Path
from typing import Any, Self

from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from featlearn.config.augmentation import check_augment
from featlearn.config.changes import Overrides
from featlearn.config.heads import ClassificationSpec
from featlearn.config.recipe import Recipe
from featlearn.errors import RecipeError
from featlearn.estimator.base import (
    FLOATS,
    Floats,
    ImageEstimator,
    as_maps,
    checked_data,
    device_of,
    in_batches,
    in_precision,
    refuse,
)
from featlearn.estimator.labels import find_labels, mixed_kept
from featlearn.heads.classifier import Classifier
from featlearn.heads.finetuning import start_finetuning
from featlearn.heads.labels import labels_of
from featlearn.heads.store import save_classifier
from featlearn.heads.validation import split_validation
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress
from featlearn.training.unrecorded import Unrecorded


class FeatureClassifier(ClassifierMixin, ImageEstimator):
    """Learn features from all rows, then a classifier from those that have a label.

    The stages are trained without labels on every row, and fine-tuned with a head on the
    rows that have one, by the recipe's `[finetune]`. Where that has `patience` or a plateau,
    some of these rows (the share `data.hold_out`, else a tenth) are only measured. What
    `finetune.semi` learns from without labels is every row.

    Args:
        recipe: Name of a shipped recipe, path of a recipe file, or a `Recipe`; its `[data]`
            says only how many rows are held out. The shipped `dense`, a denoising
            auto-encoder on whole rows, if absent.
        overrides: Changes to the recipe by key, as in `{"finetune.freeze": 1}`. They are
            parameters too: `recipe__finetune__freeze`. Or a list of texts, as in
            `["finetune.freeze=1"]`.
        image_shape: (height, width) or (height, width, maps) of the image that a row is,
            flattened as NumPy does; without it a row is one line of numbers, which only
            dense stages suit.
        random_state: Seed, or a `RandomState` to draw one from; the recipe's if absent, so
            that two fits are the same.
        device: `auto`, `cpu` or `cuda`.
        progress: Told of every step of training, if given.

    Attributes:
        classes_: The classes, sorted.
        classifier_: The network, a PyTorch module.
        stack_: Its stages, as fine-tuning left them.
        recipe_: The recipe as it was trained.
        n_features_in_: Columns of the rows it learned from.
        feature_names_in_: Their names, where they had any.

    Raises:
        FeatlearnError: If the recipe does not fit the rows.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> rows, classes = load_digits(return_X_y=True)
        >>> few = np.where(np.arange(len(classes)) < 100, classes, -1)
        >>> model = FeatureClassifier("digits", image_shape=(8, 8)).fit(rows / 16, few)
        >>> model.predict(rows[:3] / 16)
        array([0, 1, 2])
    """

    classes_: NDArray[Any]
    classifier_: Classifier

    def __init__(
        self,
        recipe: str | Path | Recipe | None = None,
        *,
        overrides: Overrides | None = None,
        image_shape: tuple[int, ...] | None = None,
        random_state: Any = None,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> None:
        """Keep the parameters; `fit` checks them."""
        self.recipe = recipe
        self.overrides = overrides
        self.image_shape = image_shape
        self.random_state = random_state
        self.device = device
        self.progress = progress

    def fit(self, X: ArrayLike, y: ArrayLike, **refused: object) -> Self:
        """Learn from rows, some or all of them with a label.

        Args:
            X: `(n, features)`, finite.
            y: `(n,)` classes, numbers or text. The number -1 marks a row without one, among
                text too, and so does None. Where -1 and 1 are all there is, they are the two
                classes, as they are commonly numbered, and a warning says so.
            refused: Nothing is known here, weights of rows neither.

        Raises:
            ValueError: If fewer than two classes have a labelled row, or some are numbers
                and some text.
        """
        refuse(self, refused)
        rows, given = checked_data(self, X, mixed_kept(y), dtype=FLOATS)
        known, classes, places = find_labels(given, owner=type(self).__name__)
        recipe = self._resolved()
        names = tuple(str(name) for name in classes)
        labelled = self._pictures(rows[known], places, names)
        self.classifier_ = self._finetuned(recipe, rows, labelled)
        self.stack_ = self.classifier_.stack
        self.classes_, self.recipe_ = classes, recipe
        return self

    def _finetuned(self, recipe: Recipe, rows: Floats, labelled: Pictures) -> Classifier:
        """Learn a stack from all rows, and train it with a head on those with a label."""
        classes = labels_of(labelled).cpu().numpy()
        learned, measured = (
            Pictures(labelled.set.subset(places), labelled.device)
            for places in split_validation(recipe, classes, seed=recipe.seed)
        )  # before the long training, since there may be too few
        head = recipe.finetune.head
        if not isinstance(head, ClassificationSpec) or head.loss != "softmax":
            raise RecipeError(
                "FeatureClassifier gives probabilities of classes: finetune.head must be of the "
                "kind 'classification' with the loss 'softmax'"
            )
        semi = recipe.finetune.semi
        if semi is not None and semi.source is not None:
            raise RecipeError(
                "FeatureClassifier learns from the rows that it is given alone: leave out "
                f"finetune.semi.source, which is {semi.source!r}"
            )
        check_augment(recipe.finetune.augment, labelled.shape, table="finetune")
        training = self._pretrain(recipe, rows)
        work = start_finetuning(
            training.stack,
            recipe.finetune,
            learned,
            sample=training.sample,
            unlabelled=None if semi is None else self._pictures(rows),
            validation=measured if len(measured) else None,
            seed=recipe.seed,
        )
        Unrecorded(self.progress).run(work.loop, work.classifier)
        return work.classifier.eval()

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Compute the probability of every class, in the precision of the rows.

        Args:
            X: `(n, features)`.

        Returns:
            `(n, classes)`, in the order of `classes_`; each row sums to 1.
        """
        check_is_fitted(self)
        rows = self._rows(X, reset=False)
        classifier = in_precision(self.classifier_, rows)

        def probabilities(images: Tensor) -> Tensor:
            return classifier(images).softmax(1)

        return in_batches(probabilities, as_maps(rows, self.image_shape), device_of(classifier))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Name the most probable class of every row.

        Args:
            X: `(n, features)`.

        Returns:
            `(n,)`, of `classes_`.
        """
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def save(self, path: str | Path) -> None:
        """Write the network to a file, for `featlearn.load_classifier`.

        That gives the network and the names of the classes as text, not this estimator,
        which pickle or joblib keeps whole.

        Args:
            path: The file, as a rule `*.safetensors`.
        """
        check_is_fitted(self)
        classes = tuple(str(name) for name in self.classes_)
        save_classifier(Path(path), self.classifier_, self.recipe_, classes)
