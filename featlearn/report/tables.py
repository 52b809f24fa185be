"""Tables of figures, such as those behind plots."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table of figures: its caption, the heads of its columns, its rows."""

    caption: str
    heads: list[str]
    rows: list[list[str]]
