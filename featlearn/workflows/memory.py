"""What a training takes of memory, said before it begins, and refused where it cannot fit."""

from collections.abc import Collection

from featlearn.config.needs import pretraining_footprint, total_bytes
from featlearn.config.recipe import Recipe
from featlearn.errors import DeviceError
from featlearn.geometry import MapShape
from featlearn.training.device import device_memory
from featlearn.wording import human_bytes
from featlearn.workflows.running import Running


def check_memory(
    recipe: Recipe, input_shape: MapShape, running: Running, *, own: Collection[str] = ()
) -> None:
    """Say what pre-training takes of memory, or refuse it.

    Args:
        recipe: What is trained.
        input_shape: Shape of one image.
        running: Where it computes, and who is told.
        own: Names of the stages that learn by the caller's own objectives.

    Raises:
        DeviceError: If it takes more than the device has, whatever else is using some.
        RecipeError: If the stages do not fit the image.
    """
    taken = pretraining_footprint(recipe, input_shape, own=own)
    if taken is None:
        return
    batch = recipe.pretrain.batch
    parts = (
        f"weights {human_bytes(taken.weights)}, gradients {human_bytes(taken.gradients)}, "
        f"optimiser {human_bytes(taken.optimizer)}, activations of {batch} "
        f"image{'s' * (batch != 1)} {human_bytes(taken.activations)}"
    )
    there = device_memory(running.device)
    where = "the machine" if running.device.type == "cpu" else f"the device {running.device}"
    needed = total_bytes(taken)
    if there is not None and needed > there:
        joint = recipe.pretrain.schedule != "greedy"
        apart = ', or `pretrain.schedule = "greedy"`, one stage after the other' if joint else ""
        raise DeviceError(
            f"pre-training needs {human_bytes(needed)} of memory at least, beside the images "
            f"({parts}), and {where} has {human_bytes(there)}: take a smaller `pretrain.batch`, "
            f"a `pretrain.optimizer` that keeps less, smaller stages or images{apart}"
        )
    has = "" if there is None else f"; {where} has {human_bytes(there)}"
    running.progress.note(
        f"memory: {human_bytes(needed)} at least, beside the images ({parts}){has}"
    )
