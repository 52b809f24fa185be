"""Results in words and small tables; rich is loaded with this module, so late."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any, cast

import click
import msgspec
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from featlearn.errors import visible
from featlearn.wording import count, duration

_PLAIN_WIDTH = 160


def as_json(result: object) -> str:
    """Write a result as one line of JSON; a number that is not finite becomes null."""
    return msgspec.json.encode(result, enc_hook=_plain).decode()


def print_all(parts: Iterable[RenderableType]) -> None:
    """Print tables and lines to standard output, one below the other."""
    width = None if sys.stdout.isatty() else _PLAIN_WIDTH
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    for part in parts:
        if isinstance(part, str):
            # Colour is left in, or click would take what looks like it out of names.
            click.echo(_harmless(part) if sys.stdout.isatty() else part, color=True)
            continue
        with console.capture() as captured:
            console.print(part)
        # Tables fill their last column with spaces, which nobody wants in a file.
        click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _harmless(text: str) -> str:
    """Write what a terminal would obey as escapes; a file or a pipe gets its lines as they are."""
    return "".join(c if c in "\n\t" else visible(c) for c in text)


def table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> Table:
    """Set rows in columns; numbers stand to the right.

    Args:
        headers: One for each column.
        rows: Cells; `None` stays empty.
        title: A line above.
    """
    cells = [list(row) for row in rows]
    made = Table(title=title, box=None, pad_edge=False, title_justify="left", title_style="bold")
    for index, header in enumerate(headers):
        column = [row[index] for row in cells]
        numeric = bool(column) and all(
            isinstance(cell, int | float | None) and not isinstance(cell, bool) for cell in column
        )
        made.add_column(
            Text(visible(header)), justify="right" if numeric else "left", header_style="dim"
        )
    for row in cells:
        made.add_row(*(Text(_cell(value)) for value in row))
    return made


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """Set names and values in two columns, leaving out what is `None`."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim")
    made.add_column()
    for name, value in pairs:
        if value is not None:
            made.add_row(Text(visible(name)), Text(_cell(value)))
    return made


def generic(result: object) -> list[RenderableType]:
    """Show any result: plain values as facts, lists of structs as tables."""
    plain = cast("dict[str, Any]", msgspec.to_builtins(result, enc_hook=_plain))
    simple: list[tuple[str, object]] = []
    tables: list[RenderableType] = []
    for name, value in plain.items():
        label = name.replace("_", " ")
        match value:
            case dict():
                inside = cast("dict[str, object]", value)
                simple += [
                    (f"{label} {key}".replace("_", " "), item)
                    for key, item in inside.items()
                    if not isinstance(item, dict | list)
                ]
            case [dict(), *_]:
                rows = cast("list[dict[str, object]]", value)
                headers = [key for key, item in rows[0].items() if not isinstance(item, dict)]
                cells = [[row.get(key) for key in headers] for row in rows]
                tables.append(table([key.replace("_", " ") for key in headers], cells, title=label))
            case [[*_], *_]:
                pass  # a matrix is for the report
            case _:
                simple.append((label, _timed(name, value)))
    return [facts(simple), *tables]


def _timed(name: str, value: object) -> object:
    """Write seconds as people say them."""
    return duration(value) if name == "seconds" and isinstance(value, float) else value


def _cell(value: object) -> str:
    """Write one value in one line, whatever a class or a file is called."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return count(value)
        case float():
            return f"{value:.4g}"
        case list() | tuple():
            return ", ".join(_cell(item) for item in cast("Sequence[object]", value))
        case _:
            return visible(str(value))


def _plain(value: object) -> object:
    """Encode what JSON has no word for: paths."""
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"a result holds {type(value).__name__}, which JSON cannot")
