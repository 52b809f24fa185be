"""Learning a code that several modalities share."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor, nn

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.modalities import SHARED, SharedSpec
from featlearn.datasets.imageset import Indices
from featlearn.errors import DataError
from featlearn.networks.multimodal import MultimodalNet
from featlearn.ops.agreement import contrastive_agreement
from featlearn.ops.random import generator
from featlearn.stages.scaler import InputScaler
from featlearn.training.described import Described
from featlearn.training.optimizers import Group, weight_groups
from featlearn.training.pictures import Pictures
from featlearn.training.settling import measured_at_once

_AT_ONCE = 256


class PairedMaterial(NamedTuple):
    """Samples of several modalities, and which belong together.

    Attributes:
        samples: Of each modality.
        pairs: `(pairs, modalities)`: their places.
    """

    samples: Sequence[Described]
    pairs: Indices


class SharedProblem:
    """Rebuild every modality from all and from each alone, and let the codes of a pair agree.

    For a pair with the scaled stack outputs u_m and the codes h (of all) and h_m (of one):
    Σ_S Σ_m mean (decoder_m(h_S) − u_m)², over S = all, and each modality alone, and for every two
    modalities the contrastive agreement of h_m and h_m'. In each step as many samples of every
    modality are drawn beside the pairs, whether they have a partner or not: they are rebuilt from
    their own code, and, if views are weighed, two changed copies of one must agree. An epoch
    goes once through the largest modality; few pairs come again and again in it.

    Source:
        Ngiam et al., ICML 2011, the bimodal deep auto-encoder, trained with each modality missing
        in turn; Chandar et al., Neural Computation 2016, for correlating the codes as well.
    """

    aside: nn.Module | None = None
    name = SHARED

    def __init__(
        self,
        net: MultimodalNet,
        spec: SharedSpec,
        learned: PairedMaterial,
        *,
        held_out: PairedMaterial | None = None,
        seed: int = 0,
    ) -> None:
        """Take the network and what it learns from.

        Args:
            net: Its stacks stand still.
            spec: The weights of the terms.
            learned: Samples and pairs to learn from.
            held_out: Samples and pairs that are only measured.
            seed: Of the noise under which these are measured.

        Raises:
            DataError: If there is no pair.
        """
        self.net, self.module = net, net.shared
        self.spec, self.seed = spec, seed
        self.learned, self.kept = learned, held_out
        if not len(learned.pairs):
            raise DataError(
                f"{' and '.join(net.names)} have no pair left to learn from: hold out less, or "
                "pair them otherwise"
            )
        self.samples = max(len(learned.pairs), *(len(each) for each in learned.samples))
        self.device = learned.samples[0].samples.device
        net.eval()
        net.shared.train()

    def groups(self) -> list[Group]:
        """Give the weights of the nets to the code and back."""
        return [*weight_groups(self.net.shared.encoders), *weight_groups(self.net.shared.decoders)]

    def after_step(self) -> None:
        """Nothing is constrained."""

    def terms(self, rows: Tensor, draw: torch.Generator) -> LossTerms:
        """Compute the terms on the pairs at `rows`, counted round, and on samples drawn beside."""
        chosen = torch.from_numpy(self.learned.pairs)[rows % len(self.learned.pairs)]
        terms = self._pair_terms(self.learned, chosen, draw)
        for place, name in enumerate(self.net.names):
            terms |= self._own_terms(place, name, len(rows), draw)
        return terms

    @torch.no_grad()
    def held_out(self) -> dict[str, float] | None:
        """Measure the terms of held-out pairs; the codes of 256 are told apart at a time."""
        kept = self.kept
        if kept is None or not len(kept.pairs):
            return None
        self.module.eval()
        pairs = torch.from_numpy(kept.pairs)
        sums: dict[str, float] = {}
        for number, chosen in enumerate(pairs.tensor_split(-(-len(pairs) // _AT_ONCE))):
            draw = generator(self.seed, self.name, "held-out", number, device=self.device)
            for name, term in self._pair_terms(kept, chosen, draw).items():
                sums[name] = sums.get(name, 0.0) + float(term) * len(chosen)
        self.module.train()
        means = {name: total / len(pairs) for name, total in sums.items()}
        return {**means, "loss": sum(means.values())}

    def _pair_terms(
        self, material: PairedMaterial, chosen: Tensor, draw: torch.Generator
    ) -> LossTerms:
        """Compute the terms of pairs."""
        shared, spec = self.net.shared, self.spec
        scaled = [each.at(chosen[:, place], draw) for place, each in enumerate(material.samples)]
        lifted = [shared.lift(place, u) for place, u in enumerate(scaled)]
        sources = {
            "all": lifted,
            **dict(zip(self.net.names, ([one] for one in lifted), strict=True)),
        }
        terms: LossTerms = {}
        for name, parts in sources.items() if spec.rebuild else ():
            code = shared.join(parts)
            errors = [
                (shared.rebuild(place, code) - u).square().mean() for place, u in enumerate(scaled)
            ]
            terms[f"rebuild_from_{name}"] = spec.rebuild * torch.stack(errors).sum()
        if spec.agreement:
            same = _partners(chosen).to(self.device)
            agreements = [
                contrastive_agreement(a, b, temperature=spec.temperature, same=same)
                for a, b in combinations(lifted, 2)
            ]
            terms["agreement"] = spec.agreement * torch.stack(agreements).mean()
        return terms

    def _own_terms(self, place: int, name: str, count: int, draw: torch.Generator) -> LossTerms:
        """Compute the terms of samples of one modality, with or without a partner."""
        shared, spec, samples = self.net.shared, self.spec, self.learned.samples[place]
        rows = torch.randint(len(samples), (count,), generator=draw, device=draw.device)
        first = samples.at(rows, draw)
        lifted = shared.lift(place, first)
        terms: LossTerms = {}
        if spec.rebuild:
            rebuilt = shared.rebuild(place, shared.join([lifted]))
            terms[f"rebuild_{name}"] = spec.rebuild * (rebuilt - first).square().mean()
        if spec.views:
            again = shared.lift(place, samples.at(rows, draw))
            same = rows[:, None] == rows
            agreement = contrastive_agreement(
                lifted, again, temperature=spec.temperature, same=same
            )
            terms[f"views_{name}"] = spec.views * agreement
        return terms


def _partners(chosen: Tensor) -> Tensor:
    """Tell which pairs have a sample in common, and so no reason to be told apart."""
    return (chosen[:, None] == chosen).any(2)


@torch.no_grad()
def fit_shared_scalers(net: MultimodalNet, samples: Sequence[Pictures]) -> None:
    """Fit how the output of each stack is centred and scaled.

    Args:
        net: Whose stacks have learned.
        samples: Of each modality, those that are fitted on.
    """
    net.eval()
    for place, pictures in enumerate(samples):
        stack, scaler = net.stack(place), net.shared.scalers[place]
        assert isinstance(scaler, InputScaler)
        batches = pictures.batches(measured_at_once(stack))
        scaler.fit(stack.maps_below(batch, len(stack)) for batch in batches)
