import json
import sys
from pathlib import Path

import msgspec
import pytest

from featlearn_cli.text import as_json, facts, generic, print_all, table


class Row(msgspec.Struct):
    name: str
    share: float | None


class Result(msgspec.Struct):
    file: Path
    seconds: float
    rows: list[Row]
    matrix: list[list[int]]
    inside: dict[str, int]


RESULT = Result(Path("a/b"), 65.0, [Row("x", 0.5), Row("y", None)], [[1, 2]], {"of_it": 3})


def test_json_is_one_line_and_knows_paths() -> None:
    text = as_json(RESULT)
    assert "\n" not in text
    assert json.loads(text)["file"] == "a/b"


def test_json_has_no_word_for_what_is_not_finite() -> None:
    assert json.loads(as_json({"a": float("nan"), "b": float("inf")})) == {"a": None, "b": None}


def test_json_refuses_what_it_cannot_say() -> None:
    with pytest.raises(TypeError, match="object"):
        as_json({"a": object()})


def test_any_result_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_all(generic(RESULT))
    lines = capsys.readouterr().out.splitlines()
    assert "file          a/b" in lines
    assert "seconds       1 min 5 s" in lines
    assert "inside of it  3" in lines
    assert lines[-4:] == ["rows", "name  share", "x       0.5", "y"]


def test_a_table_is_aligned_and_says_what_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("[bold]a[/bold]", 1, True), ("<script>", 12345, False), (":smile:", None, None)]
    print_all([table(["name", "count", "here"], rows)])
    assert capsys.readouterr().out.splitlines() == [
        "name             count  here",
        "[bold]a[/bold]       1  yes",
        "<script>        12\u202f345  no",
        ":smile:",
    ]


def test_what_a_terminal_would_obey_is_written_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "a\x1b[31m\nb\x9b"
    shown = r"a\x1b[31m\nb\x9b"
    print_all(
        [table(["class", name], [(name, 1)]), facts([(name, [name])]), *generic({name: name})]
    )
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert words == [["class", shown], [shown, "1"], [shown, shown], [shown, shown]]
    rows = f"image\n{name}\tx"
    print_all([rows])
    assert capsys.readouterr().out == f"{rows}\n"  # another program may read these
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_all([rows])
    assert capsys.readouterr().out == "image\na\\x1b[31m\nb\\x9b\tx\n"


def test_facts_leave_out_what_is_absent(capsys: pytest.CaptureFixture[str]) -> None:
    print_all([facts([("a", None), ("b", [1, 2])])])
    assert capsys.readouterr().out == "b  1, 2\n"
