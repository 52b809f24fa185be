"""Codes of a stage that are inferred: what minimises ½‖x − Dz‖² + λ Σ|z| for its filters."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from featlearn.config.pieces import InferenceSpec
from featlearn.ops.random import generator
from featlearn.ops.sparse_codes import Operator, fista, largest_eigenvalue, pulled
from featlearn.stages.filter import Filter


class Dictionary(NamedTuple):
    """Filters as atoms: codes lay them down, and their products are the transpose of that.

    Attributes:
        filter: Whose positions and borders they have.
        weight: The atoms, of the shape of the filter's weight; the filter's own if absent.
    """

    filter: Filter
    weight: Tensor | None = None

    def responses(self, x: Tensor) -> Tensor:
        """Compute Dᵀx, of the shape of the codes."""
        return self.filter.products(x, weight=self.weight)

    def gram(self, x: Tensor) -> Operator:
        """Give z to DᵀDz, for inputs of the size of `x`."""
        size = (x.shape[-2], x.shape[-1])
        return lambda z: self.responses(self.filter.adjoint(z, size=size, weight=self.weight))


class InferredCodes(nn.Module):
    """Code scaled input by what rebuilds it with the least energy: a stage's `fista`.

    Args:
        spec: Weight and steps.
    """

    def __init__(self, spec: InferenceSpec) -> None:
        """Take the energy and the steps."""
        super().__init__()
        self.spec = spec

    def forward(self, encoder: Filter, x: Tensor) -> Tensor:
        """Infer the code; see `infer`."""
        return infer(Dictionary(encoder), x, self.spec)

    def extra_repr(self) -> str:
        """Say how many steps."""
        return f"{self.spec.steps} steps"


class Pull(NamedTuple):
    """A term ½α‖z − c‖² that draws codes towards others.

    Attributes:
        towards: c, of the shape of the codes.
        strength: α.
    """

    towards: Tensor
    strength: float


def infer(
    dictionary: Dictionary,
    x: Tensor,
    spec: InferenceSpec,
    *,
    pull: Pull | None = None,
) -> Tensor:
    """Find codes of the lowest energy by FISTA.

    Args:
        dictionary: D.
        x: Input, `(batch, channels, height, width)`.
        spec: λ, how many steps, and whether codes below zero are not allowed.
        pull: Draws codes towards others, from which FISTA then starts.

    Returns:
        Codes `(batch, maps, height', width')`, in the precision of the weights also under
        autocast: what is rounded would add up over the steps. Every gradient flows through the
        steps, but for that of their length.
    """
    with torch.autocast(x.device.type, enabled=False):
        return _infer(dictionary, x.to(dictionary.filter.weight.dtype), spec, pull)


def _infer(dictionary: Dictionary, x: Tensor, spec: InferenceSpec, pull: Pull | None) -> Tensor:
    """Find the codes in full precision."""
    responses, gram = dictionary.responses(x), dictionary.gram(x)
    # The same first vector each time, so that the same input has the same code.
    draw = generator(0, "power iteration", device=x.device)
    bound = largest_eigenvalue(gram, responses[:1].detach(), generator=draw) if len(x) else 0.0
    start = None
    if pull is not None:
        start = pull.towards.to(x.dtype)
        responses, gram = pulled(responses, gram, towards=start, strength=pull.strength)
        bound += pull.strength
    return fista(
        responses,
        gram,
        weight=spec.weight,
        bound=bound,
        steps=spec.steps,
        start=start,
        non_negative=spec.non_negative,
    )
