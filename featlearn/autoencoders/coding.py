"""Sparse coding: a dictionary, learned from the codes of the lowest energy."""

from collections.abc import Sequence
from typing import assert_never

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from featlearn.autoencoders.objective import LossTerms
from featlearn.config.coding import FORGET, CoordinateDescentSpec, FistaSpec, SparseCodingSpec
from featlearn.config.pieces import InferenceSpec
from featlearn.ops.dictionary import kept_share, unused_atoms, update_atoms
from featlearn.ops.losses import l1, squared_error
from featlearn.ops.sparse_codes import coordinate_descent
from featlearn.stages.inference import Dictionary, infer
from featlearn.stages.stage import Stage


class SparseCoding:
    """Code by few atoms, and move the atoms towards what they code: ½‖x − Dz‖² + λ Σ|z|.

    z minimises the energy for the dictionary D as it is; at that z, the gradient of the energy
    is that of the first term with z held fixed. Atoms are the filters, of unit norm.

    Source:
        Olshausen & Field, Nature 1996; codes by Beck & Teboulle 2009 or Li & Osher 2009.
    """

    def __init__(self, spec: SparseCodingSpec) -> None:
        """Take λ, which is `spec.weight`, and how codes are found."""
        self.spec = spec

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute `reconstruction` and `sparsity`, which has no gradient; nothing is drawn."""
        return self._energy(stage, self.codes(stage, target), target)

    @torch.no_grad()
    def codes(self, stage: Stage, x: Tensor) -> Tensor:
        """Find the codes of scaled input, `(batch, maps, height, width)`."""
        spec = self.spec
        match spec.codes:
            case FistaSpec(steps=steps):
                return infer(
                    Dictionary(stage.filter),
                    x,
                    InferenceSpec(weight=spec.weight, steps=steps, non_negative=spec.non_negative),
                )
            case CoordinateDescentSpec(steps=steps, tolerance=tolerance):
                atoms = stage.filter.weight.flatten(1)
                with torch.autocast(x.device.type, enabled=False):
                    responses = x.to(atoms.dtype).flatten(1) @ atoms.T
                    gram = atoms @ atoms.T
                codes = coordinate_descent(
                    responses,
                    gram,
                    weight=spec.weight,
                    steps=steps,
                    tolerance=tolerance,
                    non_negative=spec.non_negative,
                )
                return codes[:, :, None, None]
            case _:
                assert_never(spec.codes)

    def after_step(self, stage: Stage) -> None:
        """Keep the atoms at unit norm."""
        stage.filter.normalize_columns_(stage.filter.weight)

    def _energy(self, stage: Stage, codes: Tensor, target: Tensor) -> LossTerms:
        """Compute both terms of the energy."""
        rebuilt = stage.decode(codes, size=(target.shape[-2], target.shape[-1]))
        return {
            "reconstruction": squared_error(rebuilt, target).mean() / 2,
            "sparsity": self.spec.weight * l1(codes).mean(),
        }


class OnlineSparseCoding(SparseCoding):
    """Sparse coding whose atoms are moved by what all codes so far say of them.

    After the t-th batch of η samples A_t = β_t A_{t−1} + Σ z zᵀ / η and B_t likewise of x zᵀ; then
    every atom in turn minimises ½ tr(DᵀDA_t) − tr(DᵀB_t) within the unit ball. An atom that no
    code uses is replaced by a sample of the batch. No rate is needed: the optimiser moves nothing.

    Source:
        Mairal, Bach, Ponce & Sapiro, ICML 2009, algorithms 1 and 2 (section 3.4: unused atoms), and
        JMLR 2010, section 3.4.2 (β_t).
    """

    def __init__(self, spec: SparseCodingSpec) -> None:
        """Take λ, and how codes are found and forgotten."""
        super().__init__(spec)
        self._memory: _Statistics | None = None

    def begin(self, stage: Stage, *, generator: torch.Generator) -> nn.Module:
        """Make A and B, both zero; nothing is drawn."""
        weight = stage.filter.weight
        self._memory = _Statistics(len(weight), weight[0].numel(), dtype=weight.dtype)
        return self._memory

    def moves(self, stage: Stage) -> Sequence[nn.Parameter]:
        """Give the atoms, which the optimiser leaves alone."""
        return [stage.filter.weight]

    def terms(
        self, stage: Stage, x: Tensor, *, target: Tensor, generator: torch.Generator
    ) -> LossTerms:
        """Compute `reconstruction` and `sparsity`, and keep the codes for the step to come."""
        codes = self.codes(stage, target)
        if torch.is_grad_enabled() and self._memory is not None:
            self._memory.coded = target.detach(), codes
        with torch.no_grad():
            return self._energy(stage, codes, target)

    def after_step(self, stage: Stage) -> None:
        """Take in the codes of the step, and move the atoms; before the first, make them unit."""
        memory, weight = self._memory, stage.filter.weight
        if memory is None or memory.coded is None:
            super().after_step(stage)
            return
        inputs, codes = (part.flatten(1) for part in memory.coded)
        memory.coded = None
        forget = FORGET if self.spec.forget is None else self.spec.forget
        memory.take(inputs, codes, forget=forget)
        atoms = update_atoms(weight.flatten(1), memory.codes, memory.seen)
        spare = torch.nonzero(unused_atoms(memory.codes))[:, 0]
        # The order of a batch is random already.
        atoms[spare] = inputs[torch.arange(len(spare), device=spare.device) % len(inputs)]
        atoms[spare] = F.normalize(atoms[spare], dim=1)
        weight.copy_(atoms.view_as(weight))


class _Statistics(nn.Module):
    """What all codes so far say of the atoms.

    Attributes:
        codes: A, `(units, units)`.
        seen: B, as rows, `(units, inputs)`.
        batches: How many there were.
        coded: Inputs and codes of a step that is not over yet.
    """

    codes: Tensor
    seen: Tensor
    batches: Tensor

    def __init__(self, units: int, inputs: int, *, dtype: torch.dtype) -> None:
        """Begin with none."""
        super().__init__()
        self.register_buffer("codes", torch.zeros(units, units, dtype=dtype))
        self.register_buffer("seen", torch.zeros(units, inputs, dtype=dtype))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))
        self.coded: tuple[Tensor, Tensor] | None = None

    def take(self, inputs: Tensor, codes: Tensor, *, forget: float) -> None:
        """Take in a batch: inputs `(batch, inputs)` and codes `(batch, units)`."""
        self.batches += 1
        kept = kept_share(int(self.batches), forget=forget)
        self.codes.mul_(kept).addmm_(codes.T, codes, alpha=1 / len(codes))
        self.seen.mul_(kept).addmm_(codes.T, inputs, alpha=1 / len(codes))
