"""What a training takes of memory, said before it begins, and refused where it cannot fit."""

from collections.abc import Callable, Collection
from typing import Any

import msgspec
import torch

from featlearn.config.needs import Needs, pretraining_footprint, total_bytes
from featlearn.config.recipe import Recipe
from featlearn.config.training import SGDSpec
from featlearn.datasets.entries import known_images
from featlearn.errors import DeviceError
from featlearn.geometry import MapShape
from featlearn.training.device import device_memory
from featlearn.training.progress import Progress
from featlearn.wording import human_bytes


def check_memory(
    recipe: Recipe,
    input_shape: MapShape,
    device: torch.device,
    progress: Progress,
    *,
    own: Collection[str] = (),
    images: int | None = None,
    kept: int | None = None,
) -> None:
    """Say what pre-training takes of memory, or refuse it.

    Args:
        recipe: What is trained.
        input_shape: Shape of one image.
        device: Where it computes.
        progress: Told what it takes.
        own: Names of the stages that learn by the caller's own objectives.
        images: How many there are; as the catalogue knows if not given.
        kept: How often the weights are there beside themselves, if no checkpoint is written.

    Raises:
        DeviceError: If it takes more than the device has, whatever else is using some.
        RecipeError: If the stages do not fit the image.
    """
    processor = device.type == "cpu"
    count = known_images(recipe.data) if images is None else images

    def needs_of(other: Recipe, count: int) -> Needs | None:
        return pretraining_footprint(
            other, input_shape, own=own, images=count, kept=kept, processor=processor
        )

    needs = needs_of(recipe, count)
    if needs is None:
        return
    there = device_memory(device)
    where = "the machine" if processor else f"the device {device}"
    what = f"{human_bytes(total_bytes(needs))} of memory ({needs}; {_batch(recipe)})"
    if there is not None and total_bytes(needs) > there:

        def fits(other: Recipe, whole: bool) -> bool:
            found = needs_of(other, count if whole else min(count, other.pretrain.batch))
            return found is not None and total_bytes(found) <= there

        raise DeviceError(
            f"pre-training needs about {what}, and {where} has {human_bytes(there)}: "
            f"{_advice(recipe, fits)}"
        )
    has = "" if there is None else f"; {where} has {human_bytes(there)}"
    progress.note(f"memory: about {what}{has}")


def _batch(recipe: Recipe) -> str:
    batch = recipe.pretrain.batch
    return f"batches of {batch} image{'s' * (batch != 1)}"


_WAYS: dict[str, dict[str, Any]] = {
    "a smaller `pretrain.batch`": {"batch": 1},
    '`pretrain.update = "backward"`, without `clip`': {"update": "backward", "clip": None},
    "a `pretrain.optimizer` that keeps nothing, as plain sgd": {
        "optimizer": SGDSpec(momentum=0.0),
    },
    '`pretrain.schedule = "greedy"`, one stage after the other': {
        "schedule": "greedy",
        "joint_epochs": None,
        "through": False,
        "recompute": False,
    },
}
"""What takes less memory, and how much less at best."""


def _advice(recipe: Recipe, fits: Callable[[Recipe, bool], bool]) -> str:
    """Say what would help, alone or else all together, beside a smaller network.

    Args:
        recipe: What does not fit.
        fits: Tells whether another does, with its images or with a few of them.
    """

    def changed(*changes: dict[str, Any]) -> Recipe:
        every = {key: value for change in changes for key, value in change.items()}
        spec = msgspec.structs.replace(recipe.pretrain, **every)
        return msgspec.structs.replace(recipe, pretrain=spec)

    ways = [way for way, change in _WAYS.items() if fits(changed(change), True)]
    if fits(recipe, False):
        ways.append("fewer images, by `data.limit` or `data.crops`")
    if not ways and fits(changed(*_WAYS.values()), True):
        ways = [" with ".join(_WAYS)]
    return "take " + ", or ".join([*ways, "smaller stages or images"])
