"""What is mistyped on a command line is told in one sentence."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
Start = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("pretrain",), 2, "Missing argument 'RECIPE'"),
        (("pretrain", "digits"), 2, "Missing option '--out'"),
        (("pretrain", "digit", "--out", "x"), 2, "did you mean digits?"),
        (("pretrain", "no/x.toml", "--out", "x"), 2, "there is no recipe file no/x.toml"),
        (
            ("pretrain", "digits", "--out", "x", "--set", "pretrain.bach=3"),
            2,
            "pretrain.bach=3: unknown key pretrain.bach; did you mean batch?",
        ),
        (
            ("pretrain", "digits", "--out", "x", "--set", "stages.strokes.filter.padding=valid",
             "--set", "stages.strokes.filter.size=99"),
            2,
            "stage 'strokes': filter.size 99 does not fit into",
        ),
        (("pretrain", "digits", "--out", "x", "--resume", "--overwrite"), 2, "contradict"),
        (("pretrain", "digits", "--out", "x", "--device", "gpu"), 2, "'cuda'"),
        (("pretrain", "digits", "--out", "x", "--threads", "0"), 2, "--threads"),
        (("pretrain", "digits", "--out", "x", "--resume"), 1, "nothing to resume"),
        (("pretrain", "digits", "--out", "x", "--seed", "-1"), 2, "--seed"),
        (("check",), 2, "Missing argument 'RECIPE'"),
        (("check", "digit"), 2, "did you mean digits?"),
        (("check", "digits", "--out", "file"), 2, "is a file"),
        (("check", "digits", "--resume"), 2, "--resume"),
        (("check", "digits", "--set", "pretrain.bach=3"), 2, "did you mean batch?"),
        (("check", "mnist-local", "--data-root", "x"), 1, "featlearn data fetch mnist"),
        (("finetune", "x"), 2, "there is no folder x; `featlearn pretrain RECIPE --out x` makes"),
        (("finetune", "."), 1, "is not a run"),
        (("evaluate", "x"), 2, "there is no folder x"),
        (("evaluate", ".", "mnst"), 2, "no image set of that name; did you mean mnist?"),
        (("evaluate", ".", "--set", "seed=1"), 2, "--set"),
        (("evaluate", ".", "--labels", "9"), 2, "--labels belongs to --probe"),
        (("evaluate", ".", "--label-seed", "0"), 2, "--label-seed belongs to --probe"),
        (("evaluate", ".", "--probe", "--head", "x"), 2, "--probe looks at no head"),
        (("predict", ".", "nowhere"), 2, "there is no file or folder 'nowhere'"),
        (("predict", ".", "digits", "--seed", "1"), 2, "--seed"),
        (("encode", ".", "digits"), 2, "Missing option '--out'"),
        (("encode", ".", "digits", "--out", "x.npy", "--what", "all"), 2, "'pooled'"),
        (("visualize", "."), 2, "Missing option '--out'"),
        (("visualize", ".", "--out", "x", "--what", "dreams"), 2, "'filters'"),
        (("report",), 2, "Missing argument 'RUN...'"),
        (("report", "nowhere"), 2, "there is no folder nowhere"),
        (("quickstart", "--set", "seed=1"), 2, "--set"),
        (("quickstart", "--out", "file"), 2, "is a file"),
        (("describe",), 2, "Missing argument 'RECIPE'"),
        (("describe", "lenet"), 2, "did you mean lenet5?"),
        (("describe", "lenet5", "--input", "big"), 2, "write CxHxW"),
        (("describe", "lenet5", "--input", "0x3x3"), 2, "write CxHxW"),
        (("describe", "lenet5", "--input", "1x8x8"), 1, "stage 'C3': filter.size 5 does not fit"),
        (("describe", "lenet5", "--batch", "0"), 2, "--batch"),
        (("describe", "lenet5", "--figure", "x.jpg"), 2, "x.jpg should end in .svg"),
        (("describe", "lenet5", "--figure", "file"), 2, "file should end in .svg"),
        (("recipes", "digit"), 2, "did you mean digits?"),
        (("recipes", "--jsn"), 2, "--json"),
        (("doctor", "--nope"), 2, "--nope"),
        (("completion",), 2, "Missing argument"),
        (("data", "fetsh"), 2, "fetch"),
        (("data", "list", "all"), 2, "unexpected extra argument"),
        (("data", "fetch", "mnst"), 2, "did you mean mnist?"),
        (("data", "fetch", "mnist", "--mirror", "ftp://x"), 2, "http"),
        (("data", "inspect", ""), 2, "there is no file or folder ''"),
        (("data", "inspect", ":train"), 2, "there is no file or folder ':train'"),
        (("pretrain", "digits", "--out", "x", "--set", "data.source="), 2, "images is empty"),
        (("data", "inspect", "nowhere"), 2, "there is no file or folder 'nowhere'"),
        (("data", "inspect", "digits", "--fit", "crop"), 2, "--fit crop needs --size"),
        (("data", "inspect", "digits", "--size", "big"), 2, "write HxW"),
        (("data", "inspect", "."), 1, "holds no"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_a_code(
    run: Run, empty_folder: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    (empty_folder / "file").touch()
    result = run(*words)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert sum(line.startswith("Error: ") for line in result.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [("describe",), ("check",), ("pretrain", "--out", "run")])
def test_a_change_that_does_not_fit_the_images_is_a_wrong_word(
    run: Run, words: tuple[str, ...]
) -> None:
    refused = run(*words, "lenet5", "--set", 'stages.C1.norm={kind="lcn",size=99}')
    assert refused.exit_code == 2
    assert "stage 'C1': norm.size 99 does not fit into 14x14" in refused.stderr
    assert not Path("run").exists()
