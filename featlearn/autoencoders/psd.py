"""Predictive sparse decomposition: a dictionary, and an encoder that predicts its codes."""

import torch
from torch import Tensor

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.coding import PsdSpec
from featlearn.config.pieces import InferenceSpec
from featlearn.ops.losses import l1, squared_error
from featlearn.stages.inference import Dictionary, Pull, infer
from featlearn.stages.stage import Stage


class PredictiveSparseDecomposition:
    """Find codes that rebuild, are few, and can be predicted: ‖x − Dz‖² + λ Σ|z| + α‖z − enc(x)‖².

    z minimises the whole energy, by FISTA from enc(x). With z held fixed the first term then moves
    the dictionary D, which is the decoder, and the last one the encoder, which is the stage.

    Source:
        Kavukcuoglu, Ranzato & LeCun, Fast inference in sparse coding algorithms, 2008; with
        convolutional stages Kavukcuoglu et al., NIPS 2010.
    """

    def __init__(self, spec: PsdSpec) -> None:
        """Take λ, which is `spec.weight`, α, which is `spec.prediction`, and the steps."""
        self.spec = spec

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute `reconstruction`, `sparsity` and `prediction`; nothing is drawn."""
        predicted = stage.code(x)
        codes = self.codes(stage, predicted.detach(), target)
        rebuilt = stage.decode(codes, size=(target.shape[-2], target.shape[-1]))
        return {
            "reconstruction": squared_error(rebuilt, target).mean(),
            "sparsity": self.spec.weight * l1(codes).mean(),
            "prediction": self.spec.prediction * squared_error(predicted, codes).mean(),
        }

    @torch.no_grad()
    def codes(self, stage: Stage, predicted: Tensor, x: Tensor) -> Tensor:
        """Find the codes of the lowest energy.

        Args:
            stage: Whose decoder is the dictionary.
            predicted: enc(x).
            x: Scaled input, `(batch, maps, height, width)`.

        Returns:
            z, of the shape of `predicted`.
        """
        assert stage.decoder is not None
        # Half the energy is what FISTA minimises.
        spec = InferenceSpec(weight=self.spec.weight / 2, steps=self.spec.steps)
        pull = Pull(predicted, self.spec.prediction)
        return infer(Dictionary(stage.filter, stage.decoder.weight), x, spec, pull=pull)

    def after_step(self, stage: Stage) -> None:
        """Keep the columns of the dictionary at unit norm."""
        assert stage.decoder is not None
        assert stage.decoder.weight is not None
        stage.filter.normalize_columns_(stage.decoder.weight)
