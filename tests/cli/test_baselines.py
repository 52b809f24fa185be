import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Run = Callable[..., Result]


def test_a_table_for_people_and_one_for_programs(run: Run) -> None:
    words = ("baselines", "digits", "--only", "linear,neighbours", "--threads", "1", "--out", "t")
    said = run(*words)
    assert said.exit_code == 0, said.output
    lines = said.stdout.splitlines()
    assert lines[0].startswith(
        "Learned from 1 297 labelled images of digits".replace(" 2", "\u202f2")
    )
    assert any(line.startswith("nearest neighbours") and "of 3" in line for line in lines)
    assert any(line.startswith("the largest class") for line in lines)
    assert "linear: error" in said.stderr
    assert Path("t/baselines.png").is_file()
    found = json.loads(run(*words, "--json").stdout)
    assert [row["name"] for row in found["rows"]] == ["linear", "neighbours"]
    assert 0 < found["rows"][0]["error"] < 0.2


def test_what_a_budget_cut_is_told(run: Run) -> None:
    from featlearn.baselines.boosted import KINDS

    said = run("baselines", "digits", "--only", "boosted-stumps", "--budget", "0.01", "-q")
    assert said.exit_code == 0, said.output
    assert said.stderr == ""
    rounds = KINDS["boosted-stumps"].rounds
    assert f"of {rounds} rounds" in said.stdout.replace("\u202f", "")


def test_the_help_names_every_row(run: Run) -> None:
    from featlearn.baselines.rows import NAMES

    said = "".join(run("baselines", "--help").stdout.split())  # names may be broken at a hyphen
    assert all(name in said for name in NAMES)
