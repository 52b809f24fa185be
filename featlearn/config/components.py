"""Specs of objectives that look for independent components."""

from typing import Literal

from featlearn.config.autoencoding import AutoEncoderSpec
from featlearn.config.banks import BankSpec
from featlearn.config.base import NonNegative
from featlearn.config.learning import Around
from featlearn.config.pieces import L2PoolSpec, activation_name
from featlearn.geometry import output_size


class TicaSpec(AutoEncoderSpec, frozen=True, kw_only=True, tag="tica"):
    """Reconstruction TICA: ‖W₂W₁ᵀx − x‖² + λ Σ_j √(ε + H_j (W₁ᵀx)²) (Le et al., ICML 2012).

    The windows H_j are those of the stage's pooling, which must be `l2`, and its activation
    `identity`; `weight` is λ. An untied decoder's columns are kept at unit norm.
    """

    reconstruction: Literal["squared"] = "squared"
    weight: NonNegative = 0.1

    def check_against(self, around: Around) -> None:
        """Refuse a stage that does not pool squares of the filter's plain responses."""
        super().check_against(around)
        activation, pool = activation_name(around.activation), around.pool
        if activation != "identity":
            raise ValueError(
                "a `tica` objective is about the filter's plain responses: set "
                f'`activation = "identity"`; got "{activation}"'
            )
        if not isinstance(pool, L2PoolSpec):
            got = "none" if pool is None else f"`{pool.__struct_config__.tag}`"
            raise ValueError(
                "a `tica` objective sums the roots of the squares that its stage pools: give it "
                f"a `pool` of kind `l2`; got {got}"
            )
        if around.patches is not None:
            _check_pooled(around.bank, pool, around.patches)


def _check_pooled(bank: BankSpec, pool: L2PoolSpec, patches: int) -> None:
    """Refuse patches that no window of the pooling fits into."""
    assert bank.size is not None, "patches were checked"
    code = output_size(patches, window=bank.size, stride=bank.stride, padding=bank.padding)
    border = pool.padding if isinstance(pool.padding, int) else 0
    if pool.padding != "same" and pool.size > code + 2 * border:
        raise ValueError(
            f"a `tica` objective pools the codes of patches, which have {code} rows, fewer "
            f"than `pool.size` ({pool.size}): make `patches.size` larger, or leave it out"
        )
