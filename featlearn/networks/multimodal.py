"""Stacks of several modalities, and the code that they share."""

import itertools
from collections.abc import Mapping, Sequence

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from featlearn.config.modalities import MultimodalRecipe, SharedSpec, one_modality
from featlearn.errors import ShapeError, UsageError
from featlearn.geometry import MapShape
from featlearn.networks.stack import Stack, build_stack
from featlearn.ops.random import generator
from featlearn.stages.scaler import InputScaler


class SharedCode(nn.Module):
    """Nets that lead from the outputs of several stacks to one code, and back.

    Attributes:
        names: The modalities, in order.
        width: Numbers of a code.
        scalers: Centring and scaling of each stack's output, unit by unit.
        encoders: The nets that lead to the code.
        decoders: The nets that lead back.
    """

    def __init__(
        self, names: Sequence[str], shapes: Sequence[MapShape], spec: SharedSpec, *, seed: int
    ) -> None:
        """Draw the nets' weights.

        Args:
            names: The modalities.
            shapes: Shapes of their stacks' outputs.
            spec: The code and the layers.
            seed: Seed of the weights.
        """
        super().__init__()
        self.names = tuple(names)
        self.width = spec.code
        self.scalers = nn.ModuleList(
            InputScaler(shape, kind="standardize", per_unit=True) for shape in shapes
        )
        self.encoders, self.decoders = nn.ModuleList(), nn.ModuleList()
        for name, shape in zip(names, shapes, strict=True):
            widths = [shape.units, *spec.hidden, spec.code]
            draw = generator(seed, "weights", "shared", name)
            self.encoders.append(multilayer(widths, dropout=spec.dropout, generator=draw))
            self.decoders.append(multilayer(widths[::-1], dropout=0.0, generator=draw))

    def scaled(self, place: int, maps: Tensor) -> Tensor:
        """Scale the output of one stack, `(n, units)`: what is encoded, and rebuilt."""
        return self.scalers[place](maps).flatten(1)

    def lift(self, place: int, scaled: Tensor) -> Tensor:
        """Lead one modality to the code, `(n, code)`, before it is joined with others."""
        return self.encoders[place](scaled)

    def join(self, lifted: Sequence[Tensor]) -> Tensor:
        """Join the modalities that are there: the direction of their mean, of length √code.

        Args:
            lifted: `(n, code)` of each; at least one.

        Raises:
            ShapeError: If there is none.
        """
        if not lifted:
            raise ShapeError("a code needs at least one modality; got none")
        mean = torch.stack(list(lifted)).mean(0)
        return F.normalize(mean, dim=1) * self.width**0.5

    def rebuild(self, place: int, code: Tensor) -> Tensor:
        """Lead back from the code to what `scaled` gives of one modality."""
        return self.decoders[place](code)


class SharedLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A linear layer between a stack's output and the shared code.

    Attributes:
        name: `MODALITY.encoder1`, …, `MODALITY.decoder1`, …
        inputs: Numbers that go in.
        outputs: Numbers that come out.
        weights: Numbers to learn, without biases.
        biases: Numbers that are added.
    """

    name: str
    inputs: int
    outputs: int
    weights: int
    biases: int


class MultimodalNet(nn.Module):
    """A stack for each modality, and the code that they share.

    Attributes:
        names: The modalities, in order.
        stacks: Their stacks.
        shared: The nets between their outputs and the code.
    """

    def __init__(self, stacks: Sequence[Stack], shared: SharedCode) -> None:
        """Put parts together that were built for one another."""
        super().__init__()
        self.names = shared.names
        self.stacks = nn.ModuleList(stacks)
        self.shared = shared

    def stack(self, which: int | str) -> Stack:
        """Give the stack of a modality, by its place or name.

        Raises:
            UsageError: If there is no such modality.
        """
        stack = self.stacks[which if isinstance(which, int) else self.index(which)]
        assert isinstance(stack, Stack)
        return stack

    def index(self, name: str) -> int:
        """Find the place of a modality.

        Raises:
            UsageError: If there is none of that name.
        """
        if name not in self.names:
            raise UsageError(
                f"there is no modality {name!r}; the modalities are {', '.join(self.names)}"
            )
        return self.names.index(name)

    def features(self, place: int, samples: Tensor) -> Tensor:
        """Describe samples of one modality by its stack, scaled, `(n, units)`."""
        stack = self.stack(place)
        return self.shared.scaled(place, stack.maps_below(samples, len(stack)))

    def lift(self, place: int, samples: Tensor) -> Tensor:
        """Lead samples of one modality to the code, before they are joined with others."""
        return self.shared.lift(place, self.features(place, samples))

    def encode(self, samples: Mapping[str, Tensor]) -> Tensor:
        """Compute the shared code of samples from the modalities that are there.

        Args:
            samples: By modality, `(n, maps, height, width)`; at least one.

        Returns:
            `(n, code)`, each row of length √code.

        Raises:
            UsageError: If one is no modality of this network.
            ShapeError: If there is none, one has another shape than its stack takes, or they are
                not as many.
        """
        self.check(samples)
        return self.shared.join([self.lift(self.index(name), x) for name, x in samples.items()])

    def check(self, samples: Mapping[str, Tensor]) -> None:
        """Refuse samples that are of no modality, of another shape, or not as many as others.

        Raises:
            UsageError: If one is no modality of this network.
            ShapeError: If one has another shape than its stack takes, or they are not as many.
        """
        for name, x in samples.items():
            shape = tuple(self.stack(name).input_shape)
            if x.ndim != 4 or tuple(x.shape[1:]) != shape:
                raise ShapeError(
                    f"the modality {name!r} takes (n, {', '.join(map(str, shape))}); "
                    f"got {tuple(x.shape)}"
                )
        if len({len(x) for x in samples.values()}) > 1:
            told = ", ".join(f"{len(x)} of {name}" for name, x in samples.items())
            raise ShapeError(
                f"samples of several modalities belong together row by row; got {told}"
            )


def shared_layers(shared: SharedCode) -> list[SharedLayer]:
    """List the layers that lead to the shared code and back, modality by modality."""
    return [
        SharedLayer(
            name=f"{name}.{way}{number}",
            inputs=layer.in_features,
            outputs=layer.out_features,
            weights=layer.weight.numel(),
            biases=layer.bias.numel(),
        )
        for name, encoder, decoder in zip(
            shared.names, shared.encoders, shared.decoders, strict=True
        )
        for way, net in (("encoder", encoder), ("decoder", decoder))
        for number, layer in enumerate(
            (layer for layer in net.modules() if isinstance(layer, nn.Linear)), 1
        )
    ]


def multilayer(
    widths: Sequence[int], *, dropout: float, generator: torch.Generator
) -> nn.Sequential:
    """Build linear layers with ReLU between them, by He's initialisation.

    Args:
        widths: Inputs, hidden layers, outputs.
        dropout: Of the inputs of every layer.
        generator: Draws the weights.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        if layers:
            layers.append(nn.ReLU())
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
        linear = nn.utils.skip_init(nn.Linear, inputs, outputs, device=torch.get_default_device())
        assert isinstance(linear, nn.Linear)
        with torch.no_grad():
            linear.weight.normal_(0.0, (2 / inputs) ** 0.5, generator=generator)
            linear.bias.zero_()
        layers.append(linear)
    return nn.Sequential(*layers)


def build_multimodal(recipe: MultimodalRecipe, shapes: Sequence[MapShape]) -> MultimodalNet:
    """Build the network of a recipe with freshly drawn weights, its preprocessing not fitted.

    Args:
        recipe: What to build.
        shapes: Shapes of a sample of each modality.

    Raises:
        RecipeError: If a stage does not fit the maps below it.
    """
    stacks = [
        build_stack(one_modality(recipe, place), shape, seed=recipe.seed)
        for place, shape in enumerate(shapes)
    ]
    return MultimodalNet(stacks, build_shared(recipe, stacks))


def build_shared(recipe: MultimodalRecipe, stacks: Sequence[Stack]) -> SharedCode:
    """Build the nets of the shared code on stacks, with freshly drawn weights."""
    shapes = [stack.output_shape for stack in stacks]
    return SharedCode(recipe.names, shapes, recipe.shared, seed=recipe.seed)
