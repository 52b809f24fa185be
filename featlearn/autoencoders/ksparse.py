"""k-sparse auto-encoders: few codes by competition, and dead units revived."""

import torch
from torch import Tensor, nn

from featlearn.autoencoders.objective import LossTerms
from featlearn.autoencoders.reconstruction import reconstruction_error
from featlearn.autoencoders.silence import Silence
from featlearn.config.autoencoding import KSparseSpec
from featlearn.ops.losses import squared_error
from featlearn.ops.top_k import top_k
from featlearn.stages.stage import Stage


class KSparseAutoEncoder:
    """Rebuild the input from the largest codes: ‖x̂ − x‖² + α ‖ê − e‖².

    Which codes are kept is the stage's activation. Some filters soon win everywhere and
    others nowhere; these would never learn again. The second term lets them rebuild what the
    winners leave: e = x − x̂, taken as it is, without a gradient, and ê = D z of the dead units'
    own largest responses z. Dead is a filter that was in no code for `dead_after` steps.

    Source:
        Makhzani & Frey, k-Sparse autoencoders, ICLR 2014; Gao et al., Scaling and evaluating
        sparse autoencoders, 2024, appendix A.2 (the second term); Bussmann et al., BatchTopK
        sparse autoencoders, 2024.
    """

    def __init__(self, spec: KSparseSpec) -> None:
        """Take α, which is `spec.aux`, and when a filter is dead."""
        self.spec = spec
        self.silence: Silence | None = None

    def begin(self, stage: Stage, *, generator: torch.Generator) -> nn.Module:
        """Count from 0 for how many steps every filter has been silent; nothing is drawn."""
        self.silence = Silence(stage.filter)
        return self.silence

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute `reconstruction` and `aux`; nothing is drawn.

        Without `begin` nothing is counted, and no unit is dead.
        """
        code = stage.code(x)
        error = reconstruction_error(self.spec, stage, code, target=target)
        revived = code.new_zeros(())
        if self.silence is not None:
            if torch.is_grad_enabled():
                self.silence.count(code.detach())
            dead = self.silence.at_least(self.spec.dead_after, like=code)
            if self.spec.aux and bool(dead.any()):
                responses = torch.where(dead, stage.responses(x), 0.0)
                revived = self.spec.aux * self._left(stage, responses, code, target=target)
        return {"reconstruction": error, "aux": revived}

    def after_step(self, stage: Stage) -> None:
        """Keep the columns of a decoder of its own at unit norm."""
        if stage.decoder is not None and stage.decoder.weight is not None:
            stage.filter.normalize_columns_(stage.decoder.weight)

    def _left(self, stage: Stage, responses: Tensor, code: Tensor, *, target: Tensor) -> Tensor:
        """Give the error of what dead units, the others at 0, rebuild of the codes' error."""
        size = (target.shape[-2], target.shape[-1])
        with torch.no_grad():
            left = target - stage.decode(code, size=size)
        revived = top_k(responses, k=min(self.spec.aux_k, responses.shape[1]))
        own = None if stage.decoder is None else stage.decoder.weight
        rebuilt = stage.filter.adjoint(revived, size=size, weight=own)
        loss = squared_error(rebuilt, left).mean()
        return loss / (size[0] * size[1]) if self.spec.average_positions else loss
