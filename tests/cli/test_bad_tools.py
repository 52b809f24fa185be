"""Studies, and commands about no run, on lines that are wrong; and that no command is missing."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner

from featlearn_cli.main import group
from tests.cli import test_bad_data, test_bad_recipes, test_bad_runs

Check = Callable[[str, int, str], None]

CASES = [
    ("study face-unit --out new --data-root x", 1, "faces-olivetti is not under the data root"),
    ("study digits-av --out new --data-root x", 1, "mnist is not under the data root"),
    ("study face-unit --out new --draws 3", 2, "No such option '--draws'"),
    ("study face-unit --out new --only mnist-local", 2, "No such option '--only'"),
    ("study few-labels --out new --data-root x", 1, "mnist is not under the data root"),
    ("study few-labels --out new --draws 1", 2, "takes 2 to"),
    ("study few-labels --out new --only mnist", 2, "'mnist' is not one of"),
    (
        "study few-labels --out new --set stages.strokes.filter.maps=8",
        2,
        "fashion-local: stages.strokes.filter.maps=8: ",
    ),
    ("study cat-unit --out new", 2, "No such command 'cat-unit'"),
    ("study mnist-table --out new --data-root x", 1, "mnist is not under the data root"),
    ("study mnist-table --out new --set pretrain.epochs=1", 2, "as they are; drop --set"),
    ("bench extra", 2, "unexpected extra argument (extra)"),
    ("bench --rounds none", 2, "'none' is not a valid integer"),
    ("bench --threads 0", 2, "0 is not in the range"),
    ("doctor extra", 2, "unexpected extra argument (extra)"),
    ("doctor --data-root tiny.toml", 2, "'tiny.toml' is a file"),
    ("completion", 2, "Choose from: bash, zsh, fish"),
    ("completion csh", 2, "'csh' is not one of"),
    ("completion bash zsh", 2, "unexpected extra argument (zsh)"),
    ("quickstart extra", 2, "unexpected extra argument (extra)"),
    ("quickstart --out local", 1, "local exists already"),
    ("quickstart --threads 0", 2, "'--threads'"),
    ("quickstart --device tpu", 2, "'tpu' is not one of"),
    ("''", 2, "No such command ''"),
]


@pytest.mark.parametrize(("line", "code", "said"), CASES, ids=[case[0][:70] for case in CASES])
def test_bad_input_is_one_line_and_a_code(
    check_refused: Check, line: str, code: int, said: str
) -> None:
    check_refused(line, code, said)


def test_every_command_is_among_them() -> None:
    from featlearn_cli.main import COMMANDS

    files = (test_bad_data, test_bad_recipes, test_bad_runs)
    lines: list[str] = [
        case[0] for cases in (CASES, *(file.CASES for file in files)) for case in cases
    ]
    assert {line.split()[0] for line in lines} >= COMMANDS.keys()
    assert len({*lines}) == len(lines)


@pytest.mark.parametrize("words", [["data"], ["data", "inspect", "--help"]])
def test_help_is_still_shown_whole(words: list[str]) -> None:
    result = CliRunner().invoke(group, words, prog_name="featlearn")
    assert len(result.output.splitlines()) > 8
    assert "Error" not in result.output
