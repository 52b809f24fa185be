"""Reconstruction ICA: sparse responses of filters that rebuild their input."""

import torch
from torch import Tensor
from torch.func import functional_call

from featlearn.autoencoders.objective import LossTerms
from featlearn.autoencoders.reconstruction import mean_error, reconstruction_error
from featlearn.config.components import RicaSpec
from featlearn.geometry import window_output
from featlearn.ops.losses import log_cosh, root_l1
from featlearn.stages.filters import WindowedFilter
from featlearn.stages.stage import Stage


class ReconstructionIca:
    """Rebuild the input by the filters whose responses are few: ‖WᵀWx − x‖² + λ Σ g(Wx).

    g(h) is √(ε + h²) or log cosh h. On white input the first term is ‖WᵀW − I‖² up to a
    constant: a soft form of the constraint WWᵀ = I of ICA, which also serves more units than
    inputs (lemma 3.1 of the paper). Biases, where the stage has them, are part of both terms.

    Filters of one length are scaled to it within the terms, as in the paper's code, so that no
    gradient points along a filter: it would be most of what an adaptive step is measured by,
    and moves nothing.

    Source:
        Le, Karpenko, Ngiam & Ng, ICA with reconstruction cost for efficient overcomplete
        feature learning, NIPS 2011.
    """

    def __init__(self, spec: RicaSpec) -> None:
        """Take λ, which is `spec.weight`, and what it multiplies."""
        self.spec = spec

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute `reconstruction` and `sparsity`; nothing is drawn."""
        spec, encoder = self.spec, stage.filter
        if spec.rows == "equal":
            W = unit_rows(encoder.weight) * row_length(stage)
            code = functional_call(encoder, {"weight": W}, (x,))
            rebuilt = encoder.adjoint(code, size=(x.shape[-2], x.shape[-1]), weight=W)
            rebuilt = rebuilt if stage.decoder is None else rebuilt + stage.decoder.bias
            error = mean_error(spec, rebuilt, target=target)
        else:
            code = stage.code(x)
            error = reconstruction_error(spec, stage, code, target=target)
        sizes = log_cosh(code) if spec.g == "log-cosh" else root_l1(code, eps=spec.eps)
        sparsity = sizes.mean()
        if spec.weighs == "reconstruction":
            return {"reconstruction": spec.weight * error, "sparsity": sparsity}
        return {"reconstruction": error, "sparsity": spec.weight * sparsity}

    def after_step(self, stage: Stage) -> None:
        """Give all filters one length, unless they are free to have any."""
        if self.spec.rows == "equal":
            stage.filter.normalize_columns_(stage.filter.weight)
            stage.filter.weight.mul_(row_length(stage))


def row_length(stage: Stage) -> float:
    """Give the length of filters at which all of them together can rebuild what they learn from.

    For WᵀW = I the squared lengths must add up to the number of inputs. Where there are fewer
    units than inputs they can at best be orthonormal.
    """
    encoder, patches = stage.filter, stage.spec.patches
    seen, code = encoder.input_shape, encoder.output_shape
    if patches is not None and isinstance(encoder, WindowedFilter):
        seen = seen._replace(height=patches.size, width=patches.size)
        code = window_output(
            seen,
            size=encoder.size,
            stride=encoder.stride,
            padding=encoder.padding,
            maps=code.maps,
        )
    return min(seen.units / code.units, 1.0) ** 0.5


def unit_rows(weight: Tensor) -> Tensor:
    """Scale filters, which are the last three axes, to length 1; leave zeros alone."""
    lengths = torch.linalg.vector_norm(weight, dim=(-3, -2, -1), keepdim=True)
    return weight / torch.where(lengths > 0, lengths, 1.0)
