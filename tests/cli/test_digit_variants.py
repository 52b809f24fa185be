"""`study digit-variants` by the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from featlearn_cli.studies import digit_variants as command
from tests.datasets.harder import write_root

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["digit-variants", "--only", "mnist-local"], 2, "'mnist-local' is not one of"),
        (["few-labels", "--only", "rotated"], 2, "'rotated' is not one of"),
        (["mnist-table", "--only", "rotated"], 2, "No such option '--only'"),
        (["digit-variants", "--draws", "2"], 2, "No such option '--draws'"),
        (["digit-variants", "--images", "9"], 2, "x>=100"),
        (["digit-variants", "--set", "pretrain.epoch=1"], 2, "pretrain.epoch=1"),
        (["digit-variants"], 1, "mnist is not under the data root"),
    ],
)
def test_what_does_not_fit_is_refused(words: list[str], code: int, said: str, run: Run) -> None:
    refused = run("study", *words, "--out", "new", "--data-root", ".")
    assert (refused.exit_code, refused.stdout) == (code, "")
    assert said in refused.stderr
    assert not Path("new").exists()


def test_people_get_a_table_and_programs_the_figures(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_root(tmp_path / "root")
    whole = command.digit_variants

    def machines(*given: object, **more: object) -> object:
        return whole(*given, **more, methods=("svm",))  # pyright: ignore[reportCallIssue, reportArgumentType]

    monkeypatch.setattr(command, "digit_variants", machines)
    words = ["study", "digit-variants", "--out", tmp_path / "out", "--data-root"]
    words += [tmp_path / "root", "--images", "100", "--threads", "1", "--only", "rotated"]
    people = run(*words)
    assert people.exit_code == 0
    assert "SVM, Gaussian kernel" in people.stdout
    assert "published SVM" in people.stdout
    programs = run(*words, "--json")
    assert json.loads(programs.stdout) == json.loads((tmp_path / "out/results.json").read_text())
    (found,) = json.loads(programs.stdout)["sets"]
    assert (found["variant"], found["met"]) == ("rotated", None)
