"""What stands in the drawing of a network, from left to right."""

from collections.abc import Sequence
from typing import NamedTuple

from featlearn.config.layers import Layer, Plan, condensed
from featlearn.visualize.style import MUTED, SERIES
from featlearn.wording import count

_PER_ROW = 10
_WORDS = {
    "l2 pooling": "L2 pooling",
    "lcn": "contrast norm.",
    "lrn": "response norm.",
    "batch normalisation": "batch norm.",
}
_UNTIED = ("local filter", "tiled filter")


class Column(NamedTuple):
    """What stands at one place of the drawing.

    Attributes:
        group: Stage it belongs to, `head`, or nothing for the image.
        name: Above it; nothing if the group's name is enough.
        kind: What it is, under it.
        shape: Maps, height and width.
        facts: Further lines under it.
        colour: Of its outlines.
        window: Height and width of what a unit sees of the column before; `None` for
            the first.
        untied: Whether positions have weights of their own.
    """

    group: str
    name: str
    kind: str
    shape: tuple[int, int, int]
    facts: tuple[str, ...]
    colour: str
    window: tuple[int, int] | None
    untied: bool = False

    @property
    def flat(self) -> bool:
        """Whether it is a list of units rather than planes."""
        return self.shape[1] == self.shape[2] == 1


def columns_of(plan: Plan) -> list[Column]:
    """Say what stands in the drawing, from left to right."""
    steps = ", ".join({"pca": "PCA", "zca": "ZCA"}.get(step, step) for step in plan.preprocess)
    reshaped = plan.prepared != plan.input
    under = () if reshaped or not steps else (steps,)
    columns = [Column("", "image", "", plan.input, under, MUTED, None)]
    if reshaped:
        whole = (plan.input[1], plan.input[2])
        columns.append(Column("", "prepared", steps, plan.prepared, (), MUTED, whole))
    return columns + [_column(layer) for layer in condensed(plan.layers)]


def in_rows(columns: Sequence[Column]) -> list[list[Column]]:
    """Break a long network into rows, between stages where that can be done."""
    rows: list[list[Column]] = []
    left = list(columns)
    while left:
        cut = min(_PER_ROW, len(left))
        if cut < len(left):
            ends = [n for n in range(2, cut + 1) if left[n].group != left[n - 1].group]
            cut = max(ends, default=cut)
        rows.append(left[:cut])
        left = left[cut:]
    return rows


def _column(layer: Layer) -> Column:
    """Say how one layer is shown."""
    height, width = layer.window
    windowed = (height, width) != (1, 1) and layer.output[1:] != (1, 1)
    kind = _WORDS.get(layer.kind, layer.kind)
    facts = [f"window {height} × {width}"] if windowed else []
    facts.append("sees {} × {}".format(*layer.receptive_field))
    if layer.weights:
        facts.append(f"{count_words(layer.weights)} weights")
    own = layer.stage is None or not layer.name.startswith(f"{layer.stage}.")
    name = layer.name if layer.stage is not None else layer.name.rpartition(".")[2]
    return Column(
        group="head" if layer.stage is None else layer.stage,
        name=name if own else "",
        kind=kind,
        shape=layer.output,
        facts=tuple(facts),
        colour=_colour(layer),
        window=layer.window,
        untied=layer.kind in _UNTIED,
    )


def _colour(layer: Layer) -> str:
    """Choose a colour by what a layer does."""
    if layer.kind == "linear":
        return SERIES[1]
    if layer.kind.endswith("filter"):
        return SERIES[0]
    return SERIES[2] if layer.kind.endswith("pooling") else SERIES[3]


def count_words(number: int) -> str:
    """Write a whole number with its thousands apart, a very large one in words."""
    for size, word in ((10**12, "trillion"), (10**9, "billion")):
        if number >= size:
            return f"{number / size:,.3g} {word}"
    return count(number)
