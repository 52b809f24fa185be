"""`describe`: the layers of a recipe or a run, with their sizes and costs."""

from pathlib import Path

import msgspec

from featlearn.config.architectures.catalogue import architecture, is_network, network_names
from featlearn.config.augmentation import check_augment
from featlearn.config.changes import Overrides
from featlearn.config.data import DataSpec
from featlearn.config.heads import ClassificationSpec
from featlearn.config.layers import Plan
from featlearn.config.load import load_recipe, recipe_names, shipped_names
from featlearn.config.needs import Needs, pretraining_footprint
from featlearn.config.plan import plan
from featlearn.config.recipe import Recipe
from featlearn.datasets.entries import KNOWN, known_images, told_shape
from featlearn.filenames import MODEL
from featlearn.geometry import MapShape
from featlearn.workflows.changes import check_changes
from featlearn.workflows.outputs import check_apart, check_figure, check_new


class Description(Plan, frozen=True, kw_only=True):
    """The layers of a recipe in order, their sums, and what the recipe is called.

    `pretraining` is what `pretrain` holds of memory at once on a processor, by the recipe's
    schedule; `None` where only the data tell how large the stages are. `figure` is the file that
    the network was drawn into.
    """

    title: str
    pretraining: Needs | None = None
    figure: str | None = None


def describe(
    recipe: Recipe, input_shape: MapShape, classes: int | None = None, *, batch: int | None = None
) -> Description:
    """Count the layers of a recipe for images of `input_shape`.

    Args:
        recipe: What to count.
        input_shape: Shape of one image.
        classes: Classes of the head, if they are known.
        batch: Images in a batch, for the memory of training; `pretrain.batch` if absent.

    Raises:
        RecipeError: If the stages do not fit the image.
    """
    counted = plan(recipe, input_shape, classes, batch=batch, answers=_answers(recipe, classes))
    spec = msgspec.structs.replace(recipe.pretrain, batch=counted.batch)
    trained = msgspec.structs.replace(recipe, pretrain=spec)
    needs = pretraining_footprint(trained, input_shape, images=known_images(recipe.data))
    return Description(title=recipe.title, pretraining=needs, **msgspec.structs.asdict(counted))


def describe_source(
    source: str | Path,
    *,
    root: Path,
    input_shape: MapShape | None = None,
    overrides: Overrides = (),
    batch: int | None = None,
    figure: Path | None = None,
    overwrite: bool = False,
) -> Description:
    """Describe a shipped recipe, a network, a recipe file or a run.

    Args:
        source: The recipe's name, its path, a network's name, or the folder of a run. The
            name of a shipped recipe or network is that, even where a folder has the same
            name: `./NAME` is the folder.
        root: Where data sets are. They are opened only where neither the recipe
            nor the catalogue tells the shape of an image.
        input_shape: Shape of one image, instead of the data's.
        overrides: Changes of the recipe, values by key or `key=value` texts.
        batch: Images in a batch, for the memory of training; `pretrain.batch` if absent.
        figure: File to draw the network into: `.svg`, `.png` or `.pdf`.
        overwrite: Replace the file, if it is there already.

    Raises:
        FeatlearnError: If the recipe, the data, the run or the file stand in the way.
    """
    if figure is not None:
        check_figure(figure)
        if isinstance(source, Path) or source not in shipped_names():
            check_apart(figure, run=source)
        check_new(figure, overwrite=overwrite)
    recipe, shape, classes = _subject(source, root, input_shape, overrides)
    if figure is not None:
        check_apart(figure, source=recipe.data.source, root=root)
    found = describe(recipe, shape, classes, batch=batch)
    return found if figure is None else _drawn(found, figure)


def _answers(recipe: Recipe, classes: int | None) -> dict[str, int]:
    """Count what the head of each task answers, as far as that is known without its data."""
    own = recipe.data.source
    found: dict[str, int | None] = {}
    for task in recipe.tasks:
        if not isinstance(task.head, ClassificationSpec):
            found[task.name] = len(task.targets) or None
        elif task.source in {None, own}:
            found[task.name] = classes
        else:
            found[task.name] = _catalogued_classes(
                msgspec.structs.replace(recipe.data, source=task.source)
            )
    return {name: count for name, count in found.items() if count is not None}


def _drawn(found: Description, file: Path) -> Description:
    """Draw a network into a file."""
    from featlearn.visualize.network import network_figure
    from featlearn.visualize.style import save_figure

    save_figure(network_figure(found, title=found.title), file)
    return msgspec.structs.replace(found, figure=str(file))


def _subject(
    source: str | Path, root: Path, input_shape: MapShape | None, overrides: Overrides
) -> tuple[Recipe, MapShape, int | None]:
    """Find the recipe, the shape of an image, and the number of classes."""
    recipe = load_recipe(source, overrides=overrides)
    model = Path(source) / MODEL
    named = isinstance(source, str) and source in shipped_names()
    trained = not named and model.is_file() and not overrides
    if trained:
        recipe, own_shape = _as_trained(model)
        return recipe, input_shape or own_shape, _catalogued_classes(recipe.data)
    if input_shape is not None:
        shape, classes = input_shape, _catalogued_classes(recipe.data)
    else:
        shape, classes = _image_of(recipe, root)
    read = None if told_shape(recipe.data) else shape
    check_changes(source, recipe, overrides, input_shape or read)
    check_augment(recipe.pretrain.augment, shape, table="pretrain")
    check_augment(recipe.finetune.augment, shape, table="finetune")
    if classes is None and isinstance(source, str) and source not in recipe_names():
        classes = _published_classes(source)
    return recipe, shape, classes


def _published_classes(source: str) -> int | None:
    """Count the classes of a network, if it is one that was asked for and not a file."""
    taken = source not in network_names() and Path(source).exists()
    return architecture(source).classes if is_network(source) and not taken else None


def _as_trained(model: Path) -> tuple[Recipe, MapShape]:
    """Read what a model file knows beyond the recipe: counts that came from the data."""
    from featlearn.networks.store import load_metadata, read_header

    return read_header(model, load_metadata(model))


def _image_of(recipe: Recipe, root: Path) -> tuple[MapShape, int | None]:
    """Find the shape of an image and the number of classes, if need be by reading the data."""
    spec = recipe.data
    shape = told_shape(spec)
    if shape is not None:
        return shape, _catalogued_classes(spec)
    from featlearn.datasets.source import open_splits

    train = open_splits(spec, root=root, seed=recipe.seed).train
    return train.shape, len(train.classes) or None


def _catalogued_classes(spec: DataSpec) -> int | None:
    """Count the classes of a known set, if it is one and has labels."""
    known = KNOWN.get(spec.source.partition(":")[0])
    return None if known is None else known.classes or None
