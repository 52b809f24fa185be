"""Published networks as classifiers, by name."""

from pathlib import Path

from torch import Tensor

from featlearn.config.architectures.catalogue import architecture
from featlearn.config.named import network_recipe
from featlearn.geometry import MapShape
from featlearn.heads.classifier import Classifier
from featlearn.networks.keys.names import HEAD
from featlearn.networks.published import published_state
from featlearn.networks.stack import build_stack
from featlearn.networks.stage_names import by_places, by_stage_names
from featlearn.seeds import derive

_STACK, _LAST = "stack.", "layers.0."


def load_network(
    name: str,
    *,
    weights: Path | str | None = None,
    classes: int | None = None,
    input_shape: tuple[int, int, int] | None = None,
    seed: int = 0,
) -> Classifier:
    """Build a published network, with published weights or with random ones.

    Args:
        name: Of the network, as `featlearn recipes` lists it.
        weights: A safetensors file with a state dict in torchvision's names (timm's of the
            pre-activation ResNets and Inception-v4), or in those that this package writes: the
            network's own `state_dict()`, or a run's `model.safetensors`. The last layer's are
            taken, too, unless `classes` is given: then it starts anew, at zero.
        classes: How many classes to tell apart; as published if not given.
        input_shape: Maps, height and width of an image; as published if not given.
        seed: Of the random weights.

    Returns:
        A module in evaluation mode, of images `(n, maps, height, width)` in [0, 1] to logits
        `(n, classes)`; what the network expects of its images is done inside.

    Raises:
        UsageError: If there is no network of that name.
        RecipeError: If the stages do not fit the image.
        CheckpointError: If the weights are not those of the network.
    """
    declared, recipe = architecture(name), network_recipe(name)
    shape = MapShape(*(declared.input if input_shape is None else input_shape))
    stack = build_stack(recipe, shape, seed=seed)
    count = declared.classes if classes is None else classes
    head = derive(seed, HEAD)
    network = Classifier(stack, declared.head, classes=count, freeze=0, seed=head)
    if weights is not None:
        _load(network, weights, name, head=classes is None)
    return network.eval()


def _load(network: Classifier, path: Path | str, name: str, *, head: bool) -> None:
    """Copy published weights into a network."""
    stack = network.stack
    own: dict[str, Tensor] = {}
    for key, tensor in network.state_dict().items():
        last = key.startswith(_LAST)
        own[f"{HEAD}.{key.removeprefix(_LAST)}" if last else key] = tensor
    named = by_stage_names(stack, own, _STACK)
    state = published_state(path, name, named, head=head, asked="load_network was asked for")
    found = by_places(stack, state, _STACK)
    network.load_state_dict(
        {
            f"{_LAST}{key.removeprefix(f'{HEAD}.')}" if key.startswith(f"{HEAD}.") else key: tensor
            for key, tensor in found.items()
        }
    )
