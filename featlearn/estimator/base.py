"""What both estimators share: a recipe with changes, and matrices whose rows are images."""

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from operator import index
from pathlib import Path
from typing import Any, Self, SupportsIndex, TypeVar, cast

import msgspec
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn

from featlearn.config.changes import Overrides, changed_recipe, override_texts
from featlearn.config.load import as_recipe
from featlearn.config.recipe import Recipe
from featlearn.datasets.held_out import split_training
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.tensors import as_tensor
from featlearn.errors import DataError, ShapeError
from featlearn.networks.stack import Stack
from featlearn.networks.store import save_stack
from featlearn.training.device import pick_device
from featlearn.training.incremental import SoFar
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.progress import Progress
from featlearn.training.unrecorded import Unrecorded

Floats = NDArray[np.floating[Any]]
M = TypeVar("M", bound=nn.Module)

FLOATS = [np.float64, np.float32]
"""What rows are converted to, the first if they are neither."""

checked_data: Any = validate_data
"""scikit-learn's check of rows, and of labels with them, which has no usable types."""

_AT_ONCE = 256
_PREFIX = "recipe__"


class ImageEstimator(BaseEstimator):
    """An estimator that learns, by a recipe, from a matrix whose rows are images.

    Keys of the recipe are parameters too, with `__` between the parts of a key, as in
    `recipe__stages__strokes__filter__maps=16`: for `set_params` and for every search.
    """

    recipe: str | Path | Recipe | None
    overrides: Overrides | None
    image_shape: tuple[int, ...] | None
    random_state: Any
    device: str
    progress: Progress | None

    recipe_: Recipe
    stack_: Stack

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Give the parameters; with `deep`, the changed keys of the recipe among them."""
        params: dict[str, Any] = super().get_params(deep=deep)
        if deep and isinstance(self.overrides, Mapping):
            for key, value in self.overrides.items():
                params[_PREFIX + key.replace(".", "__")] = value
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, and keys of the recipe."""
        changes = {
            name.removeprefix(_PREFIX).replace("__", "."): params.pop(name)
            for name in list(params)
            if name.startswith(_PREFIX)
        }
        super().set_params(**params)
        if changes:
            self.overrides = {**_by_key(self.overrides), **changes}
        return self

    def save(self, path: str | Path) -> None:
        """Write what was learned, for `featlearn.load_model`.

        Args:
            path: The file, as a rule `*.safetensors`.
        """
        check_is_fitted(self)
        save_stack(Path(path), self.stack_, self.recipe_)

    def __sklearn_is_fitted__(self) -> bool:
        """Tell whether there is a network: rows that could not be learned from leave none."""
        return hasattr(self, "stack_")

    def __getstate__(self) -> dict[str, Any]:
        """Give what is pickled: networks on the CPU, where every machine can read them."""
        state: dict[str, Any] = {**cast("dict[str, Any]", super().__getstate__())}
        for name, value in state.items():
            if isinstance(value, nn.Module | SoFar):
                state[name] = copy.deepcopy(value).cpu()
        return state

    def _resolved(self) -> Recipe:
        """Load the recipe for rows, with its changes and the seed that `random_state` gives."""
        base = as_recipe("dense" if self.recipe is None else self.recipe)
        recipe = changed_recipe(base, self.overrides)
        # A row is a whole image: none is cut up here, so none has crops to keep together.
        data = msgspec.structs.replace(recipe.data, crops=None)
        recipe = msgspec.structs.replace(recipe, data=data)
        if self.random_state is None:
            return recipe
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return msgspec.structs.replace(recipe, seed=seed)

    def _rows(self, x: ArrayLike, *, reset: bool) -> Floats:
        """Check rows: finite floats, as many columns as were learned from unless `reset`."""
        return checked_data(self, x, reset=reset, dtype=FLOATS)

    def _pictures(
        self,
        rows: Floats,
        labels: NDArray[np.int64] | None = None,
        classes: tuple[str, ...] = (),
    ) -> Pictures:
        """View rows as images in single precision, in which networks are trained.

        Raises:
            DataError: If they go beyond it.
        """
        largest = max(rows.max(), -rows.min())
        if largest > np.finfo(np.float32).max:
            raise DataError(
                "rows are learned from in single precision, which ends at 3.4e+38, and these "
                f"hold numbers of {largest:.1e}; scale them, as a rule to [0, 1]"
            )
        maps = as_maps(rows, self.image_shape).astype(np.float32)
        return Pictures(ImageSet(maps, labels, classes, None, "X"), pick_device(self.device))

    def _pretrain(self, recipe: Recipe, rows: Floats) -> Pretraining:
        """Learn a stack from rows."""
        images = self._pictures(rows)
        learned, kept = split_training(recipe, images.set)
        training = Pretraining(
            recipe,
            Pictures(learned, images.device),
            held_out=Pictures(kept, images.device) if len(kept) else None,
        )
        training.run(Unrecorded(self.progress))
        return training


def _by_key(overrides: Overrides | None) -> dict[str, object]:
    """Give changes by key, where they are texts too."""
    if isinstance(overrides, Mapping):
        return dict(overrides)
    parts = (text.partition("=") for text in override_texts(overrides))
    return {key.strip(): value for key, _, value in parts}


def refuse(estimator: object, given: Mapping[str, object]) -> None:
    """Refuse what `fit` is given beside rows and labels.

    Raises:
        TypeError: Naming it.
    """
    if given:
        raise TypeError(
            f"{type(estimator).__name__} learns from every row alike and takes no "
            f"{', '.join(given)}; leave it out, or repeat rows that should weigh more"
        )


def as_maps(rows: Floats, image_shape: tuple[int, ...] | None) -> Floats:
    """View rows as images.

    Args:
        rows: `(n, features)`.
        image_shape: (height, width) or (height, width, maps), in the order in which NumPy
            flattens them; without it a row is an image of a single line.

    Returns:
        `(n, maps, height, width)`.

    Raises:
        ShapeError: If rows have another length than an image.
    """
    features = rows.shape[1]
    sizes = (1, features) if image_shape is None else _sizes(image_shape)
    if len(sizes) not in (2, 3) or min(sizes) < 1 or math.prod(sizes) != features:
        raise ShapeError(
            "image_shape is (height, width) or (height, width, maps), whole numbers that "
            f"multiply to the {features} features of a row; got {image_shape!r}"
        )
    height, width, *maps = sizes
    return rows.reshape(len(rows), height, width, *(maps or [1])).transpose(0, 3, 1, 2)


def _sizes(image_shape: object) -> tuple[int, ...]:
    """Give whole numbers as they are, and none for anything else."""
    try:
        return tuple(index(size) for size in cast("Iterable[SupportsIndex]", image_shape))
    except TypeError:
        return ()


def as_rows(images: Floats) -> Floats:
    """Undo `as_maps`."""
    return images.transpose(0, 2, 3, 1).reshape(len(images), -1)


def in_precision(module: M, rows: Floats) -> M:
    """Give a network, in evaluation, that computes in the precision of the rows."""
    return copy.deepcopy(module).double() if rows.dtype == np.float64 else module


def in_batches(
    function: Callable[[Tensor], Tensor], values: Floats, device: torch.device
) -> Floats:
    """Apply a function to values, batch by batch."""
    results: list[Floats] = []
    for start in range(0, max(len(values), 1), _AT_ONCE):
        batch = as_tensor(values[start : start + _AT_ONCE])
        with torch.no_grad():
            results.append(function(batch.to(device)).cpu().numpy())
    return np.concatenate(results)


def device_of(module: nn.Module) -> torch.device:
    """Tell where a network lies."""
    return next(module.parameters()).device
