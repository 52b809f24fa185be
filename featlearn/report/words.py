"""Numbers and specs as a person reads them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import assert_never

from featlearn.config.banks import ConvSpec, DenseSpec, LocalSpec, TiledSpec, WindowedSpec
from featlearn.config.data import (
    ChannelsSpec,
    ContrastSpec,
    PCASpec,
    PreprocessSpec,
    StandardizeSpec,
    ZCASpec,
)
from featlearn.config.inputs import WhitenSpec
from featlearn.config.parts import (
    BranchesSpec,
    ChainSpec,
    CompositeSpec,
    DenseBlockSpec,
    ResidualSpec,
)
from featlearn.config.pieces import (
    AnyPoolSpec,
    BatchNormSpec,
    BatchTopKSpec,
    GroupPoolSpec,
    LCNSpec,
    LRNSpec,
    NormSpec,
    SheetPoolSpec,
    StageActivation,
    TopKSpec,
    activation_name,
)
from featlearn.config.stages import FilterSpec, StageSpec
from featlearn.geometry import Border
from featlearn.report.objective_words import objective_words
from featlearn.report.records import SettingRecord
from featlearn.wording import METHODS, count, plural
from featlearn.wording import percent as in_percent

_BATCH = "batch normalisation"
_POOLS = {"l2": "L2", "max": "max", "avg": "average"}


def percent(share: float, *, of: int | None = None) -> str:
    """Write a share as a percentage, to the digits that `of` cases can bear."""
    places = 2 if of is not None and of >= 5000 else 1
    return in_percent(share, places=places).replace(" ", "\u00a0")


def points(difference: float, *, of: int | None = None) -> str:
    """Write a difference of shares in percentage points, with its sign; `of` as in `percent`."""
    places = 2 if of is not None and of >= 5000 else 1
    value = round(100 * difference, places) + 0.0
    sign = "+" if value else ""
    return f"{value:{sign}.{places}f}".replace("-", "−")


def listed(names: Sequence[str], *, word: str = "and") -> str:
    """Join names with commas, the last with a word."""
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def settings_words(settings: Mapping[str, SettingRecord]) -> str:
    """Write the learning rates that each method was given."""
    return "; ".join(
        f"{METHODS.get(arm, arm)}, learning rate {given['lr']:g} ({given['stack_lr']:g} of it in "
        "the stages)"
        for arm, given in settings.items()
    )


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """Call each folder by its name, with as many of those above as tell them apart.

    Folders that are the same bear the same name.
    """
    whole = [path.resolve().parts for path in paths]
    depth = 1
    while len({parts[-depth:] for parts in whole}) < len(set(whole)):
        depth += 1
    return ["/".join(parts[-depth:]) for parts in whole]


def names_only(text: str, *paths: str) -> str:
    """Leave the folders out of absolute paths: a page may be shown to others.

    Args:
        text: Whatever may name files.
        paths: Paths that may stand in it, with spaces or not.
    """
    for path in paths:
        if Path(path).is_absolute():
            text = text.replace(path, Path(path).name)
    return re.sub(r"(?<![\w.:/~])~?/(?:[^\s/'\"`:;,]+/)+(?=[^\s/])", "", text)


def shape(maps: int, height: int, width: int) -> str:
    """Write the shape of maps: `16 × 11 × 11`, or `500` where there is no plane."""
    return (
        count(maps)
        if height == width == 1
        else f"{count(maps)}\u00a0×\u00a0{height}\u00a0×\u00a0{width}"
    )


def filter_words(spec: FilterSpec) -> str:
    """Say what a filter bank is."""
    match spec:
        case DenseSpec():
            if spec.size is None:
                return f"{count(spec.maps)} dense units"
            window = _window(spec.size, spec.stride, spec.padding)
            return f"{count(spec.maps)} dense filters moved over the maps, {window}"
        case ConvSpec():
            return f"{count(spec.maps)} shared filters, {_filter_window(spec)}"
        case LocalSpec():
            return f"{count(spec.maps)} untied local filters, {_filter_window(spec)}"
        case TiledSpec():
            tile = f"tiles of {spec.tile}\u00a0×\u00a0{spec.tile}"
            return f"{count(spec.maps)} tiled filters, {tile}, {_filter_window(spec)}"
        case ChainSpec():
            return f"{plural(len(spec.parts), 'part')} one after the other"
        case BranchesSpec():
            how = "added" if spec.join == "add" else "laid one behind the other"
            many = "es" * (len(spec.branches) != 1)
            return f"{len(spec.branches)} branch{many}, the results {how}"
        case ResidualSpec():
            return _residual(spec)
        case DenseBlockSpec():
            layers = plural(spec.layers, "densely connected layer")
            return f"{layers}, each of {spec.growth} maps"
        case _:
            assert_never(spec)


def activation_words(spec: StageActivation) -> str:
    """Say what an activation is."""
    if isinstance(spec, TopKSpec):
        return f"the {spec.k} largest maps at a position kept"
    if isinstance(spec, BatchTopKSpec):
        return f"the largest kept, {spec.k} maps at a position on average"
    return activation_name(spec)


def pool_words(spec: AnyPoolSpec) -> str:
    """Say what a pooling is."""
    if isinstance(spec, GroupPoolSpec):
        return f"L2 pooling over groups of {plural(spec.size, 'map')}"
    if isinstance(spec, SheetPoolSpec):
        sheet = f"a sheet of {spec.rows}\u00a0×\u00a0{spec.columns} maps"
        return f"L2 pooling over {sheet}, {_window(spec.size, spec.stride, 'valid')}"
    kind = _POOLS[str(spec.__struct_config__.tag)]
    return f"{kind} pooling, {_window(spec.size, spec.stride, spec.padding)}"


def norm_words(spec: NormSpec) -> str:
    """Say what a normalisation is."""
    match spec:
        case LCNSpec():
            across = " across maps" if spec.across else ""
            return f"local contrast normalisation{across}, {spec.size}\u00a0×\u00a0{spec.size}"
        case LRNSpec():
            return f"local response normalisation across {spec.size} maps"
        case BatchNormSpec():
            return _BATCH
        case _:
            assert_never(spec)


def preprocess_words(spec: PreprocessSpec) -> str:
    """Say how images are prepared."""
    match spec:
        case ContrastSpec():
            return "per-image contrast"
        case StandardizeSpec():
            return "per-pixel standardisation"
        case ChannelsSpec():
            return "per-channel standardisation by given numbers"
        case ZCASpec():
            return f"ZCA whitening, ε = {spec.eps:g}"
        case PCASpec():
            return f"PCA whitening to {spec.keep} components"
        case _:
            assert_never(spec)


def input_words(spec: WhitenSpec) -> str:
    """Say what a stage makes of the maps below."""
    length = ", of unit length" if spec.unit_length else ""
    windows = "" if spec.size is None else f" of {spec.size}\u00a0×\u00a0{spec.size} windows"
    return f"whitening{windows} to {spec.keep} components{length}"


def stage_words(spec: StageSpec) -> list[str]:
    """Say what a stage is made of, part by part."""
    parts = [input_words(spec.input)] if isinstance(spec.input, WhitenSpec) else []
    parts += [filter_words(spec.filter)]
    parts += [] if isinstance(spec.filter, CompositeSpec) or not spec.filter.norm else [_BATCH]
    parts += [activation_words(spec.activation)]
    parts += [pool_words(spec.pool)] if spec.pool else []
    parts += [norm_words(spec.norm)] if spec.norm else []
    parts += [f"dropout of {in_percent(spec.dropout)}"] if spec.dropout else []
    learned = objective_words(spec.objective)
    if spec.patches is not None and spec.objective is not None:
        middle = " from the middle" if spec.patches.at == "middle" else ""
        learned += f", on {spec.patches.size}\u00a0×\u00a0{spec.patches.size} patches{middle}"
    return [*parts, learned]


def _filter_window(spec: WindowedSpec) -> str:
    """Write the window of a filter, and its groups."""
    groups = f", in {spec.groups} groups of maps" if spec.groups > 1 else ""
    return f"{_window(spec.size, spec.stride, spec.padding)}{groups}"


def _residual(spec: ResidualSpec) -> str:
    """Write residual blocks."""
    kind = "bottleneck block" if spec.block == "bottleneck" else "residual block"
    words = f"{plural(spec.repeats, kind)} of {count(spec.maps)} maps"
    if spec.groups > 1 or spec.width is not None:
        words += f", {spec.inner} between the convolutions"
    if spec.groups > 1:
        words += f" in {spec.groups} groups"
    if spec.stride > 1:
        words += f", stride {spec.stride}"
    return f"{words}, normalised before each convolution" if spec.preactivation else words


def _window(size: int, stride: int, padding: Border) -> str:
    """Write a window."""
    step = f", stride {stride}" if stride > 1 else ""
    kept = padding == "same" or (isinstance(padding, int) and 2 * padding == size - 1 > 0)
    if stride == 1 and kept:
        return f"{size}\u00a0×\u00a0{size}, same size"
    border = f", border {padding}" if isinstance(padding, int) and padding else ""
    return f"{size}\u00a0×\u00a0{size}{step}{border}"
