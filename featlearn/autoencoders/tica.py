"""Reconstruction TICA: topographic features by rebuilding, and by what is pooled of them."""

import torch
from torch import Tensor

from featlearn.autoencoders.objective import LossTerms
from featlearn.autoencoders.reconstruction import reconstruction_error
from featlearn.config.components import TicaSpec
from featlearn.ops.losses import l1
from featlearn.stages.stage import Stage


class ReconstructionTica:
    """Rebuild the input, with few and neighbouring units: ‖W₂W₁ᵀx − x‖² + λ Σ_j √(ε + H_j (W₁ᵀx)²).

    The windows H_j are those of the stage's L2 pooling, with its ε, so that the second term
    is the sum of the pooled maps: units of one window share its price, and learn to
    answer to the same places. W₁ is the filter; W₂ the filter again (tied) or the decoder's
    own weights (untied). Biases, where the stage has them, are part of both.

    Source:
        Le et al., Building high-level features using large scale unsupervised learning,
        ICML 2012, section 3.2.
    """

    def __init__(self, spec: TicaSpec) -> None:
        """Take λ, which is `spec.weight`."""
        self.spec = spec

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute `reconstruction` and `pooling`; nothing is drawn."""
        code = stage.code(x)
        pooled = stage.pooled(code)  # roots, and so their own absolute values
        return {
            "reconstruction": reconstruction_error(self.spec, stage, code, target=target),
            "pooling": self.spec.weight * l1(pooled).mean(),
        }

    def after_step(self, stage: Stage) -> None:
        """Keep the columns of a decoder of its own at unit norm.

        Without, the second term is escaped by scale: half the filter and twice the columns
        rebuild as well at half the price. Tied weights cannot do that.
        """
        if stage.decoder is not None and stage.decoder.weight is not None:
            stage.filter.normalize_columns_(stage.decoder.weight)
