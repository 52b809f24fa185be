"""Classifiers over several modalities, which also serve where one is missing."""

from collections.abc import Mapping
from typing import assert_never

import torch
from torch import Tensor, nn

from featlearn.config.modalities import (
    EarlyFusionSpec,
    FusionHeadSpec,
    GatedFusionSpec,
    LateFusionSpec,
    SharedFusionSpec,
)
from featlearn.errors import ShapeError
from featlearn.networks.multimodal import MultimodalNet, multilayer
from featlearn.ops.random import generator

Lifted = Mapping[int, Tensor]
"""By the place of a modality that is there: its code before it is joined, `(n, code)`."""


class FusionHead(nn.Module):
    """Logits from the codes of the modalities that are there.

    With z_m the code of modality m, S those that are there, and f a net of the layers:
    `shared` f(join of z_m over S); `early` f(z_1, …, z_M), z_m = 0 for m not in S;
    `late` Σ_S log softmax f_m(z_m); `gated` f(Σ_S g_m tanh(A_m z_m)), g the softmax over S of
    ⟨a_m, z_m⟩ + b_m.

    Source:
        `late`: a product of experts, Hinton, Neural Computation 2002; `gated`: Arevalo et al.,
        ICLR workshop 2017, with a softmax in place of the gates' sigmoid.
    """

    def __init__(
        self, spec: FusionHeadSpec, *, modalities: int, code: int, classes: int, seed: int
    ) -> None:
        """Draw the weights.

        Args:
            spec: Which head.
            modalities: How many there are.
            code: Numbers of a code.
            classes: Number of classes.
            seed: Seed of the weights.
        """
        super().__init__()
        self.spec, self.code, self.modalities = spec, code, modalities
        draw = generator(seed, "head")
        inputs = code * modalities if isinstance(spec, EarlyFusionSpec) else code
        count = modalities if isinstance(spec, LateFusionSpec) else 1
        self.layers = nn.ModuleList(
            multilayer([inputs, *spec.hidden, classes], dropout=spec.dropout, generator=draw)
            for _ in range(count)
        )
        for layers in self.layers:
            assert isinstance(layers, nn.Sequential)
            last = layers[-1]
            assert isinstance(last, nn.Linear)
            # Every class is as likely as another at first, whatever the codes.
            nn.init.zeros_(last.weight)
        gated = range(modalities) if isinstance(spec, GatedFusionSpec) else ()
        self.mixed = nn.ModuleList(
            multilayer([code, code], dropout=0.0, generator=draw) for _ in gated
        )
        self.gates = nn.ModuleList(
            multilayer([code, 1], dropout=0.0, generator=draw) for _ in gated
        )

    def forward(self, lifted: Lifted, net: MultimodalNet) -> Tensor:
        """Compute logits, `(n, classes)`.

        Args:
            lifted: At least one modality.
            net: Joins codes.

        Raises:
            ShapeError: If no modality is there.
        """
        if not lifted:
            raise ShapeError("a head over several modalities needs at least one; got none")
        match self.spec:
            case SharedFusionSpec():
                return self.layers[0](net.shared.join(list(lifted.values())))
            case EarlyFusionSpec():
                nothing = torch.zeros_like(next(iter(lifted.values())))
                sides = [lifted.get(place, nothing) for place in range(self.modalities)]
                return self.layers[0](torch.cat(sides, 1))
            case LateFusionSpec():
                logs = [self.layers[place](z).log_softmax(1) for place, z in lifted.items()]
                return torch.stack(logs).sum(0)
            case GatedFusionSpec():
                scores = torch.cat([self.gates[place](z) for place, z in lifted.items()], 1)
                mixed = [self.mixed[place](z).tanh() for place, z in lifted.items()]
                weighed = scores.softmax(1)[:, :, None] * torch.stack(mixed, 1)
                return self.layers[0](weighed.sum(1))
            case _:
                assert_never(self.spec)


class FusionClassifier(nn.Module):
    """A network of several modalities with a head.

    Attributes:
        net: The stacks, which stay as they are, and the nets to the shared code.
        head: What names the class.
    """

    def __init__(
        self, net: MultimodalNet, spec: FusionHeadSpec, *, classes: int, seed: int
    ) -> None:
        """Put a freshly drawn head on a network, which becomes part of the classifier."""
        super().__init__()
        self.net = net
        self.head = FusionHead(
            spec, modalities=len(net.names), code=net.shared.width, classes=classes, seed=seed
        )
        for stack in net.stacks:
            stack.requires_grad_(False)

    def train(self, mode: bool = True) -> "FusionClassifier":
        """Set the mode; the stacks stay as in use."""
        super().train(mode)
        for stack in self.net.stacks:
            stack.eval()
        return self

    def classify(self, scaled: Mapping[int, Tensor]) -> Tensor:
        """Compute logits from the scaled outputs of the stacks that are there."""
        lifted = {place: self.net.shared.lift(place, u) for place, u in scaled.items()}
        return self.head(lifted, self.net)

    def forward(self, samples: Mapping[str, Tensor]) -> Tensor:
        """Compute logits, `(n, classes)`, from samples by modality; at least one is there.

        Raises:
            UsageError: If one is no modality of the network.
            ShapeError: If none is there, one has another shape, or they are not as many.
        """
        self.net.check(samples)
        places = {self.net.index(name): x for name, x in samples.items()}
        return self.classify({place: self.net.features(place, x) for place, x in places.items()})
