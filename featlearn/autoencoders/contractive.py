"""Contractive auto-encoders: a code that changes little with its input."""

import torch
from torch import Tensor

from featlearn.autoencoders.objective import LossTerms
from featlearn.autoencoders.reconstruction import reconstruction_error
from featlearn.config.autoencoding import ContractiveSpec
from featlearn.config.pieces import InferenceSpec, ScaledTanhSpec, ShrinkageSpec
from featlearn.ops.losses import jacobian_norm
from featlearn.stages.activation import steep
from featlearn.stages.filters import DenseFilter, WindowedFilter
from featlearn.stages.stage import Stage


class ContractiveAutoEncoder:
    """Rebuild the input from a code that changes little with it: ‖x̂ − x‖² + λ ‖∂h/∂x‖²_F.

    With h_j = φ(w_j·x + b_j) the second term is λ Σ_j φ'(a_j)² ‖w_j‖², in closed form: one
    row of the Jacobian for each unit, at every position of a filter with a window, over the
    inputs that lie in that window. Every activation gives its slope from its value.

    Source:
        Rifai et al., Contractive auto-encoders: explicit invariance during feature
        extraction, ICML 2011, equations 5 and 7.
    """

    def __init__(self, spec: ContractiveSpec) -> None:
        """Take λ, which is `spec.weight`, and the kind of error."""
        self.spec = spec

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute `reconstruction` and `contraction`; nothing is drawn."""
        code = stage.code(x)
        norms = contraction(stage, code, size=(x.shape[-2], x.shape[-1]))
        return {
            "reconstruction": reconstruction_error(self.spec, stage, code, target=target),
            "contraction": self.spec.weight * norms.mean(),
        }

    def after_step(self, stage: Stage) -> None:
        """Keep the columns of a decoder of its own at unit norm."""
        if stage.decoder is not None and stage.decoder.weight is not None:
            stage.filter.normalize_columns_(stage.decoder.weight)


def contraction(stage: Stage, code: Tensor, *, size: tuple[int, int]) -> Tensor:
    """Give ‖∂h/∂x‖²_F of every sample.

    Args:
        stage: A stage of one bank of filters, without a norm between these and the activation.
        code: Its code, `(batch, maps, height', width')`.
        size: Height and width of the scaled input that it is the code of.

    Returns:
        `(batch,)`, with a gradient.
    """
    encoder, activation = stage.filter, stage.spec.activation
    assert isinstance(encoder, DenseFilter | WindowedFilter)
    assert activation != "triangle"  # the recipe was checked
    assert activation != "hard"
    assert not isinstance(activation, ScaledTanhSpec | ShrinkageSpec | InferenceSpec)
    return jacobian_norm(steep(code, activation), encoder.squared_lengths(size=size))
