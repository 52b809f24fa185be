"""How stages learned without labels, in words, and what to try where their units die."""

from typing import assert_never

from featlearn.config.autoencoding import (
    ContractiveSpec,
    CorruptionSpec,
    DenoisingSpec,
    GaussianNoiseSpec,
    KSparseSpec,
    L1Spec,
    MaskNoiseSpec,
    PenaltySpec,
    PlainSpec,
    SaltPepperSpec,
    SparseSpec,
)
from featlearn.config.banks import LocalSpec, TiledSpec
from featlearn.config.boltzmann import RbmSpec
from featlearn.config.clusters import KMeansSpec
from featlearn.config.coding import PsdSpec, SparseCodingSpec
from featlearn.config.components import IsaSpec, OrthonormalTicaSpec, RicaSpec, TicaSpec
from featlearn.config.objectives import ObjectiveSpec
from featlearn.config.pieces import activation_name
from featlearn.config.stages import StageSpec
from featlearn.wording import percent, plural


def objective_words(spec: ObjectiveSpec | None) -> str:
    """Say how a stage learned without labels."""
    match spec:
        case None:
            return "no unsupervised objective"
        case KMeansSpec():
            points = f"k-means of points, {spec.update} updates"
            return points if spec.distance == "squared" else "spherical k-means"
        case RbmSpec():
            return _rbm(spec)
        case SparseCodingSpec():
            how = "on-line" if spec.update == "on-line" else "by gradient"
            return f"sparse coding (λ = {spec.weight:g}), dictionary learned {how}"
        case PsdSpec():
            weights = f"λ = {spec.weight:g}, α = {spec.prediction:g}"
            return f"predictive sparse decomposition ({weights}), dictionary of its own"
        case RicaSpec() | TicaSpec() | OrthonormalTicaSpec() | IsaSpec():
            return _components(spec)
        case _:
            return f"{_auto_encoder(spec)}, {spec.decoder} decoder"


def dead_words(spec: StageSpec, *, share: float, images: int) -> str:
    """Say what dead units mean, and what to try in the recipe.

    Args:
        spec: The stage.
        share: How many of its units are dead, in [0, 1].
        images: How many images they were looked at with.
    """
    dead = percent(share, places=1).replace(" ", "\u00a0")
    meaning = (
        f"{dead} of the units are dead: they give the same value for each of "
        f"{plural(images, 'image')}, and so carry nothing."
    )
    margin = ""
    if isinstance(spec.filter, LocalSpec | TiledSpec):
        margin = (
            " Where a local filter sees only a margin that never changes, that is as it must be."
        )
    return f"{meaning} Try {', '.join(dead_remedies(spec))}, or fewer maps.{margin}"


def dead_remedies(spec: StageSpec) -> list[str]:
    """Say what to try in the recipe of a stage whose units die, beside fewer maps."""
    tries: list[str] = []
    if activation_name(spec.activation) == "relu":
        tries.append('activation = "leaky-relu", under which no unit falls silent')
    if isinstance(spec.objective, SparseSpec):
        tries.append("a smaller objective.penalty.weight")
    if isinstance(spec.objective, KSparseSpec):
        tries.append("a larger objective.aux, or a smaller objective.dead_after")
    if isinstance(spec.objective, ContractiveSpec | TicaSpec | SparseCodingSpec | PsdSpec):
        tries.append("a smaller objective.weight")
    if isinstance(spec.objective, RbmSpec):
        tries.append("objective.sparsity, which keeps units from being on, or off, for good")
    if isinstance(spec.objective, RicaSpec) and spec.objective.rows == "free":
        sparsity = spec.objective.weighs == "sparsity"
        tries.append(f"a {'smaller' if sparsity else 'larger'} objective.weight")
    if not tries:
        tries.append("a smaller pretrain.optimizer.lr")
    return tries


def _auto_encoder(
    spec: PlainSpec | SparseSpec | DenoisingSpec | ContractiveSpec | KSparseSpec,
) -> str:
    """Write what an auto-encoder minimises."""
    match spec:
        case PlainSpec():
            return "plain auto-encoder"
        case SparseSpec(penalty=penalty):
            return f"sparse auto-encoder ({_penalty(penalty)})"
        case DenoisingSpec(corruption=corruption, penalty=penalty):
            more = f", {_penalty(penalty)}" if penalty else ""
            return f"denoising auto-encoder ({_corruption(corruption)}{more})"
        case ContractiveSpec(weight=weight):
            return f"contractive auto-encoder (λ = {weight:g} on its Jacobian)"
        case KSparseSpec(aux=aux):
            return f"k-sparse auto-encoder (α = {aux:g} on what dead units rebuild)"
        case _:
            assert_never(spec)


def _components(spec: RicaSpec | TicaSpec | OrthonormalTicaSpec | IsaSpec) -> str:
    """Write how independent components are found."""
    match spec:
        case RicaSpec(weight=weight, weighs=weighs, g=g):
            penalty = "√(ε + h²)" if g == "sqrt" else "log cosh"
            told = f"reconstruction ICA ({penalty}, λ = {weight:g} on the {weighs})"
            return f"{told}, {spec.decoder} decoder"
        case TicaSpec(weight=weight):
            told = f"reconstruction TICA (λ = {weight:g} on what is pooled)"
            return f"{told}, {spec.decoder} decoder"
        case OrthonormalTicaSpec():
            return "topographic ICA, orthonormal filters"
        case IsaSpec():
            return "independent subspaces (ISA), orthonormal filters"
        case _:
            assert_never(spec)


def _penalty(spec: PenaltySpec) -> str:
    """Write a penalty."""
    if isinstance(spec, L1Spec):
        return f"L1, λ = {spec.weight:g}"
    return f"KL to activity {spec.target:g}, β = {spec.weight:g}"


def _rbm(spec: RbmSpec) -> str:
    """Write a restricted Boltzmann machine, and how it is trained."""
    how = f"CD-{spec.k}" if spec.chains is None else f"PCD-{spec.k}, {spec.chains} chains"
    sparse = "" if spec.sparsity is None else f", activity near {spec.sparsity.target:g}"
    return f"restricted Boltzmann machine, {spec.visible.capitalize()} inputs ({how}{sparse})"


def _corruption(spec: CorruptionSpec) -> str:
    """Write a corruption."""
    match spec:
        case GaussianNoiseSpec():
            return f"Gaussian noise, σ = {spec.std:g}"
        case MaskNoiseSpec():
            return f"{100 * spec.rate:.0f}\u00a0% masked"
        case SaltPepperSpec():
            return f"{100 * spec.rate:.0f}\u00a0% salt and pepper"
        case _:
            assert_never(spec)
