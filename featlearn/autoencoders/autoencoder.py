"""Plain, sparse and denoising auto-encoders of a stage."""

from typing import assert_never

import torch
from torch import Tensor, nn

from featlearn.autoencoders.objective import LossTerms
from featlearn.autoencoders.reconstruction import reconstruction_error
from featlearn.config.autoencoding import (
    AutoEncoderSpec,
    CorruptionSpec,
    EmphasisSpec,
    GaussianNoiseSpec,
    KLSpec,
    L1Spec,
    MaskNoiseSpec,
    PenaltySpec,
    SaltPepperSpec,
)
from featlearn.ops.corruption import gaussian_noise, mask_noise, salt_pepper
from featlearn.ops.losses import kl_sparsity, l1
from featlearn.stages.stage import Stage


class AutoEncoder:
    """Rebuild the input from the code: ‖x̂ − x‖², or cross-entropy.

    x̂ = decode(code(x)); the error is summed over the inputs of a sample and
    averaged over the batch. A penalty on the code is a term of its own.

    Source:
        Ranzato, CVPR 2012 tutorial; Ng, CS294A lecture notes (KL penalty).
    """

    def __init__(self, spec: AutoEncoderSpec, *, penalty: PenaltySpec | None = None) -> None:
        """Take the kind of error and, where there is one, the penalty."""
        self.spec = spec
        self.penalty = penalty

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute `reconstruction` and, with a penalty, `l1` or `kl`."""
        code = stage.code(x)
        return {
            "reconstruction": reconstruction_error(self.spec, stage, code, target=target),
            **self._penalty(stage, code),
        }

    def after_step(self, stage: Stage) -> None:
        """Keep decoder columns at unit norm under an L1 penalty.

        Without, the penalty is escaped by scale: half the code and twice the
        columns rebuild as well at half the price.
        """
        if isinstance(self.penalty, L1Spec):
            stage.filter.normalize_columns_(_decoder_weight(stage))

    def _penalty(self, stage: Stage, code: Tensor) -> LossTerms:
        """Weigh the penalty on the code."""
        match self.penalty:
            case None:
                return {}
            case L1Spec(weight=weight):
                return {"l1": weight * l1(code).mean()}
            case KLSpec(weight=weight, target=target):
                divergence = kl_sparsity(code, target=target, shared=stage.filter.shared)
                return {"kl": weight * divergence}
            case _:
                assert_never(self.penalty)


class DenoisingAutoEncoder(AutoEncoder):
    """Rebuild the clean input from a corrupted one: ‖x̂(x̃) − x‖².

    With an emphasis the error on corrupted inputs weighs α and on untouched
    ones β (section 3.4 of the paper).

    Source:
        Vincent et al., JMLR 2010.
    """

    def __init__(
        self,
        spec: AutoEncoderSpec,
        *,
        corruption: CorruptionSpec,
        emphasis: EmphasisSpec | None = None,
        penalty: PenaltySpec | None = None,
    ) -> None:
        """Take the corruption beside what every auto-encoder takes."""
        super().__init__(spec, penalty=penalty)
        self.corruption = corruption
        self.emphasis = emphasis

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute the terms on a freshly corrupted input."""
        corrupted, mask = corrupt(x, self.corruption, generator=generator)
        weight = None
        if self.emphasis is not None:
            weight = torch.where(mask, self.emphasis.corrupted, self.emphasis.untouched)
        code = stage.code(corrupted)
        error = reconstruction_error(self.spec, stage, code, target=target, weight=weight)
        return {"reconstruction": error, **self._penalty(stage, code)}


def corrupt(
    x: Tensor, spec: CorruptionSpec, *, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Corrupt a batch as a recipe says.

    Returns:
        The corrupted batch, and a mask that is true where it was touched. Salt and
        pepper take the least and the greatest value of the batch.
    """
    match spec:
        case GaussianNoiseSpec(std=std):
            return gaussian_noise(x, std=std, generator=generator)
        case MaskNoiseSpec(rate=rate):
            return mask_noise(x, rate=rate, generator=generator)
        case SaltPepperSpec(rate=rate):
            low, high = torch.aminmax(x.detach())
            return salt_pepper(x, rate=rate, low=low, high=high, generator=generator)
        case _:
            assert_never(spec)


def _decoder_weight(stage: Stage) -> nn.Parameter:
    """Give the weights whose columns rebuild the input: the decoder's, or the tied filter's."""
    own = None if stage.decoder is None else stage.decoder.weight
    return stage.filter.weight if own is None else own
