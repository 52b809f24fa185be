"""Whether what a recipe does to images can be done to images of a shape."""

from collections.abc import Sequence

from featlearn.config.data import AugmentSpec, CutOutSpec
from featlearn.errors import RecipeError
from featlearn.geometry import MapShape


def check_augment(specs: Sequence[AugmentSpec], image: MapShape, *, table: str) -> None:
    """Refuse augmentation that images are too small for, before a folder is begun for them.

    Args:
        specs: What the recipe names.
        image: Shape of one image.
        table: The table that names it, for the sentence: `pretrain` or `finetune`.

    Raises:
        RecipeError: If a square to hide is larger than an image.
    """
    most = min(image.height, image.width)
    for place, spec in enumerate(specs):
        if isinstance(spec, CutOutSpec) and spec.size > most:
            raise RecipeError(
                f"{table}.augment.{place}.size must be at most {most}, for a cut-out of images of "
                f"{image.height}x{image.width}; got {spec.size}"
            )
