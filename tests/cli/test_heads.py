"""Options of heads on the command line: averaged copies, a temperature, a rate to find."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


def test_a_head_is_calibrated_and_asked_about_copies(
    run: Run, tiny: Path, trained: Callable[..., Path]
) -> None:
    path = trained(tiny)
    changed = ["--set", "finetune.augment=[{kind='shift', pixels=1.0}]"]
    kept = ["--set", "finetune.patience=5"]
    assert run("finetune", path, *changed, *kept, "-q").exit_code == 0
    shown = run("evaluate", path, "--calibrate", "--tta", "2", "--json")
    assert shown.exit_code == 0, shown.stderr
    assert "temperature" in shown.stderr
    found = json.loads(shown.stdout)
    assert found["tta"] == 2
    assert found["calibration"]["after"]["nll"] > 0
    words = run("evaluate", path, "--tta", "2").stdout
    assert "each and 2 changed as in training" in words
    assert "at temperature" in words
    again = run("predict", path, "digits:test", "--tta", "2", "--out", "a.csv")
    assert again.exit_code == 0, again.stderr


def test_a_rate_is_found(run: Run, tiny: Path, trained: Callable[..., Path]) -> None:
    path = trained(tiny)
    shown = run("finetune", path, "--find-lr", "--labels", "50", "--out", "pictures")
    assert shown.exit_code == 0, shown.stderr
    assert "suggested rate" in shown.stdout
    (row,) = [line for line in shown.stdout.splitlines() if line.startswith("loss by rate")]
    assert row.count("▁") > 0
    assert re.search(r"\d [▁▂▃▄▅▆▇█]{20,50} \d", row)
    assert "to take it      --set finetune.optimizer.lr=" in shown.stdout
    assert f"Next: `featlearn finetune {path} --labels 50 --label-seed 0" in shown.stderr
    assert Path("pictures/rates.png").is_file()
    assert not (path / "heads").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["finetune", "RUN", "--find-lr", "--name", "x"], "keeps no head; drop --name"),
        (["finetune", "RUN", "--find-lr", "--labels", "10,20"], "drop several numbers or draws"),
        (["finetune", "RUN", "--out", "x"], "--out belongs to --find-lr"),
        (
            ["finetune", "RUN", "--alone", "x"],
            "--alone belongs to a run whose recipe",
        ),
        (["evaluate", "RUN", "--probe", "--tta", "2"], "--probe looks at no head; drop --tta"),
        (["evaluate", "RUN", "--units", "--calibrate"], "drop --calibrate"),
        (["evaluate", "RUN", "--units", "--calibrate-on", "digits"], "drop --calibrate-on"),
        (["evaluate", "RUN", "--tta", "0"], "'--tta'"),
    ],
)
def test_what_does_not_go_together_is_refused(run: Run, words: list[str], said: str) -> None:
    Path("RUN").mkdir()
    shown = run(*words)
    assert shown.exit_code == 2
    assert said in shown.stderr


def test_tasks_are_trained_together_and_alone(
    run: Run, tiny: Path, trained: Callable[..., Path]
) -> None:
    with tiny.open("a") as file:
        file.write('\n[[tasks]]\nname = "a"\nlabels = 50\n[[tasks]]\nname = "b"\n')
    path = trained(tiny)
    shown = run("finetune", path, "--json", "-q")
    assert shown.exit_code == 0, shown.stderr
    assert [head["head"] for head in json.loads(shown.stdout)["heads"]] == ["a", "b"]
    words = run("finetune", path, "--alone", "a", "--set", "tasks.0.labels=20")
    assert words.exit_code == 0, words.stderr
    assert "a-alone" in words.stdout
    judged = run("evaluate", path, "--head", "a")
    assert judged.exit_code == 0, judged.stderr
    said = judged.stdout.splitlines()
    assert f"b is not judged on them: `featlearn evaluate {path} --head b`" in said
    assert f"b-alone is not trained: `featlearn finetune {path} --alone b`" in said
    alone = run("evaluate", path, "--head", "a-alone").stdout.splitlines()
    (before,) = [line for line in said if line.split()[:2] == ["a", "error"]]
    (row,) = [line for line in alone if line.split()[:2] == ["a", "error"]]
    assert before.count("%") == 1
    assert row.count("%") == 2
    assert row.startswith(before.rstrip())
    refused = run("finetune", path, "--labels", "20")
    assert refused.exit_code == 2
    assert "--labels is for a recipe with one head" in refused.stderr
