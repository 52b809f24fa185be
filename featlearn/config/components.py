"""Specs of objectives that look for independent components."""

from typing import Literal

from featlearn.config.autoencoding import AutoEncoderSpec
from featlearn.config.banks import BankSpec, WindowedSpec
from featlearn.config.base import NonNegative, Positive
from featlearn.config.learning import Around, LearningSpec
from featlearn.config.pieces import (
    AnyPoolSpec,
    GroupPoolSpec,
    L2PoolSpec,
    RootPoolSpec,
    activation_name,
)
from featlearn.geometry import MapShape, output_size


class RicaSpec(AutoEncoderSpec, frozen=True, kw_only=True, tag="rica"):
    """Reconstruction ICA: ‖WᵀWx − x‖² + λ Σ g(Wx), of whitened input (Le et al., NIPS 2011).

    `g` is √(ε + h²) (`sqrt`, with `eps` for ε) or log cosh h (`log-cosh`). `weight` is λ, and
    `weighs` the term that it multiplies: the `sparsity`, as in all objectives here, or the
    `reconstruction`, as in the paper. Filters have one length (`rows = "equal"`): 1, or, where
    there are more units than inputs, √(inputs / units), at which all of them together can still
    rebuild the input; or any (`"free"`). The paper's code takes length 1, which among more units
    than inputs only keeps filters apart, and rebuilds too much. Of input that is not white,
    filters hide in what varies least, where they cost least.
    """

    decoder: Literal["tied"] = "tied"
    reconstruction: Literal["squared"] = "squared"
    weight: NonNegative = 0.1
    weighs: Literal["sparsity", "reconstruction"] = "sparsity"
    g: Literal["sqrt", "log-cosh"] = "sqrt"
    eps: Positive = 1e-2
    rows: Literal["equal", "free"] = "equal"

    @property
    def copies_filters(self) -> bool:
        """Filters of one length are scaled to it within every step."""
        return self.rows == "equal"

    def check_against(self, around: Around) -> None:
        """Refuse a stage whose code is not the filter's plain responses."""
        super().check_against(around)
        _check_plain("rica", around)
        _check_no_norm("rica", around)


class TicaSpec(AutoEncoderSpec, frozen=True, kw_only=True, tag="tica"):
    """Reconstruction TICA: ‖W₂W₁ᵀx − x‖² + λ Σ_j √(ε + H_j (W₁ᵀx)²) (Le et al., ICML 2012).

    The H_j are what the stage's pooling takes: windows of a map (`l2`), or neighbours on a
    `sheet` of maps, or a `group` of them. Its activation must be `identity`; `weight` is λ. An
    untied decoder's columns are kept at unit norm.
    """

    reconstruction: Literal["squared"] = "squared"
    weight: NonNegative = 0.1

    def check_against(self, around: Around) -> None:
        """Refuse a stage that does not pool squares of the filter's plain responses."""
        super().check_against(around)
        _check_plain("tica", around)
        _check_roots("tica", around)


class OrthonormalSpec(LearningSpec, frozen=True, kw_only=True):
    """What objectives share whose filters are kept orthonormal instead of rebuilding anything."""

    def check_against(self, around: Around) -> None:
        """Refuse responses that are not those of the filters alone."""
        kind = str(self.__struct_config__.tag)
        _check_plain(kind, around)
        _check_no_norm(kind, around)
        if around.bank.bias:
            raise ValueError(
                f"a `{kind}` objective learns filters without a bias: set `filter.bias = false`"
            )
        _check_roots(kind, around)

    def check_below(self, bank: BankSpec, below: MapShape) -> None:
        """Refuse more filters of the same inputs than can be orthogonal to one another."""
        groups = bank.groups if isinstance(bank, WindowedSpec) else 1
        plane = below.height * below.width if bank.size is None else bank.size**2
        seen = below.maps // groups * plane
        if bank.maps // groups > seen:
            kind = self.__struct_config__.tag
            most = seen * groups
            raise ValueError(
                f"a `{kind}` objective keeps filters orthogonal, and there are at most {seen} "
                f"over {seen} inputs: set `filter.maps` to at most {most}; got {bank.maps}"
            )


class IsaSpec(OrthonormalSpec, frozen=True, kw_only=True, tag="isa"):
    """Independent subspaces: Σ √(ε + Σ_group (Wx)²), W orthonormal (Le et al., CVPR 2011).

    The subspaces are the groups of the stage's `group` pooling, its activation is `identity`,
    and its input should be white. Of filters with a window, those of one position are kept
    orthonormal over it: each window is a patch of its own, as in the paper.
    """

    def check_against(self, around: Around) -> None:
        """Refuse a stage that does not pool groups of plain responses."""
        super().check_against(around)
        if not isinstance(around.pool, GroupPoolSpec):
            raise ValueError(
                "an `isa` objective is about disjoint groups of maps: give its stage a `pool` of "
                f"kind `group`, or take `orthonormal-tica`; got {_pool_name(around.pool)}"
            )


class OrthonormalTicaSpec(OrthonormalSpec, frozen=True, kw_only=True, tag="orthonormal-tica"):
    """Topographic ICA: Σ_j √(ε + H_j (Wx)²), W orthonormal (Hyvärinen, Hoyer & Inki 2001).

    The H_j are what the stage's pooling takes: neighbours on a `sheet` of maps, windows of a map
    (`l2`), or a `group` of maps. Its activation is `identity`, and its input should be white. Of
    filters with a window, those of one position are kept orthonormal over it (Le et al., NIPS
    2010, local orthogonality).
    """


def _check_plain(kind: str, around: Around) -> None:
    """Refuse an activation."""
    activation = activation_name(around.activation)
    if activation != "identity":
        raise ValueError(
            f"a `{kind}` objective is about the filter's plain responses: set "
            f'`activation = "identity"`; got "{activation}"'
        )


def _check_no_norm(kind: str, around: Around) -> None:
    """Refuse responses that are normalised, so that their size says nothing."""
    if around.bank.norm is not None:
        raise ValueError(
            f"a `{kind}` objective is about the filter's plain responses: leave out `filter.norm`"
        )


def _check_roots(kind: str, around: Around) -> None:
    """Refuse a stage that does not pool by roots of squares, or pools nothing of its patches."""
    pool = around.pool
    if not isinstance(pool, RootPoolSpec):
        raise ValueError(
            f"a `{kind}` objective sums the roots of the squares that its stage pools: give it "
            f"a `pool` of kind `l2`, `group` or `sheet`; got {_pool_name(pool)}"
        )
    if around.patches is not None and isinstance(pool, L2PoolSpec):
        _check_pooled(kind, around.bank, pool, around.patches)


def _pool_name(pool: AnyPoolSpec | None) -> str:
    """Write the kind of a pooling."""
    return "none" if pool is None else f"`{pool.__struct_config__.tag}`"


def _check_pooled(kind: str, bank: BankSpec, pool: L2PoolSpec, patches: int) -> None:
    """Refuse patches that no window of the pooling fits into."""
    assert bank.size is not None, "patches were checked"
    code = output_size(patches, window=bank.size, stride=bank.stride, padding=bank.padding)
    border = pool.padding if isinstance(pool.padding, int) else 0
    if pool.padding != "same" and pool.size > code + 2 * border:
        raise ValueError(
            f"a `{kind}` objective pools the codes of patches, which have {code} rows, fewer "
            f"than `pool.size` ({pool.size}): make `patches.size` larger, or leave it out"
        )
