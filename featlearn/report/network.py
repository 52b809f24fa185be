"""The network in the page: a drawing of its layers, and a table."""

import msgspec

from featlearn.config.layers import Layer, Plan, condensed, sum_layers
from featlearn.config.recipe import Recipe
from featlearn.report.views import LayerRow, Plane
from featlearn.report.words import preprocess_words, shape
from featlearn.wording import count

_KINDS = {"l2 pooling": "L2 pooling", "avg pooling": "average pooling", "lcn": "contrast norm."}
_LARGEST = 58.0
_SHEETS = 5


def without_head(layers: Plan) -> Plan:
    """Leave the classifier out, where none has been trained: what stages are made of remains."""
    own = tuple(layer for layer in layers.layers if layer.stage is not None)
    return msgspec.structs.replace(layers, layers=own, totals=sum_layers(own))


def planes_of(recipe: Recipe, layers: Plan, *, first: str = "image") -> list[Plane]:
    """Lay the network out as sheets of planes, bottom first, sizes to scale.

    Args:
        recipe: How its input is prepared.
        layers: The network, layer by layer.
        first: What its input is called.
    """
    maps, height, width = layers.input
    steps = ", ".join(preprocess_words(spec) for spec in recipe.preprocess)
    tallest = max([height, width, *(max(layer.output[1:]) for layer in layers.layers)])
    planes = [_plane(first, steps, (maps, height, width), tallest)]
    shown = condensed(layers.layers)
    planes += [_plane(layer.name, _kind(layer), layer.output, tallest) for layer in shown]
    return planes


def rows_of(layers: Plan) -> tuple[list[LayerRow], LayerRow]:
    """Give the table of layers, and its last row, the sums."""
    rows = [
        LayerRow(
            name=layer.name,
            kind=_kind(layer),
            shape=shape(*layer.output),
            weights=_number(layer.weights),
            biases=_number(layer.biases),
            sees="{} × {}".format(*layer.receptive_field),
        )
        for layer in condensed(layers.layers)
    ]
    totals = layers.totals
    total = LayerRow("altogether", "", "", count(totals.weights), count(totals.biases), "")
    return rows, total


def _plane(name: str, words: str, output: tuple[int, int, int], tallest: int) -> Plane:
    """Draw one layer; sides grow with the root of the plane's, so that small ones are seen."""
    maps, height, width = output
    flat = height == width == 1
    return Plane(
        name=name,
        words=words,
        shape=shape(*output),
        width=0 if flat else round(_LARGEST * (width / tallest) ** 0.6, 1),
        height=0 if flat else round(_LARGEST * (height / tallest) ** 0.6, 1),
        sheets=min(maps, _SHEETS),
    )


def _kind(layer: Layer) -> str:
    """Write a layer's kind."""
    return _KINDS.get(layer.kind, layer.kind)


def _number(value: int) -> str:
    """Write a count, and nothing for none."""
    return count(value) if value else "–"
