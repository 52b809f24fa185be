"""Recipes, and what is trained by them, that are wrong: a code, one line, nothing written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from featlearn_cli.main import group
from tests.cli.wrong_files import LONG

Check = Callable[[str, int, str], None]

CASES = [
    ("recipes digits extra", 2, "unexpected extra argument (extra)"),
    ("recipes '\x1b[31m'", 2, r"is called \x1b[31m (recipes: "),
    (f"recipes {LONG}", 2, "no recipe or file is called"),
    ("recipes tiny.toml", 2, "no recipe or file is called tiny.toml"),
    ("pretrain tiny.toml --out ''", 2, "'--out': the path is empty"),
    ("describe tiny.toml --figure ''", 2, "'--figure': the path is empty"),
    ("check tiny.toml --seed 99999999999999999999999", 2, "at most 64 bits"),
    ("check latin.toml", 1, "latin.toml is no recipe: it is not UTF-8 text"),
    ("check large.toml", 1, "large.toml is no recipe: it is larger than"),
    ("check deep.toml", 1, "deep.toml is not readable as TOML"),
    ("check twice.toml", 1, "twice.toml:2:12: cannot overwrite a value"),
    ("check stageless.toml", 1, "recipe stageless.toml: stages is missing"),
    ("check escape.toml", 1, r"unknown key \x1b[2J\n (known: "),
    ("check null.toml", 1, "null.toml:1:11: illegal character"),
    ("check hole", 2, "hole is a folder without a recipe.toml"),
    ("check local --set stages.strokes.filter.maps=0", 2, "must be >= 1; got 0"),
    ("check tiny.toml --set data.source=nan.npz", 1, "NaN or infinite in image 3"),
    ("check tiny.toml --out empty", 2, "'empty' is a file"),
    ("pretrain tiny.toml --out local", 1, "local holds a finished run; add --overwrite"),
    ("pretrain tiny.toml --out local --resume", 1, "begun with other settings"),
    ("pretrain tiny.toml --out mixed --overwrite", 1, "mixed holds other files"),
    (f"pretrain tiny.toml --out {LONG}", 1, "File name too long"),
    ("pretrain tiny.toml --out empty/run", 1, "is a file, or lies under one"),
    ("pretrain tiny.toml --out x --set data.source=nowhere", 2, "no path 'nowhere'"),
    ("pretrain tiny.toml --out x --set data.source=mixed", 1, "set `data.size`, and `data.fit`"),
    ("pretrain tiny.toml --out x --set pretrain.optimizer.lr=nan", 2, "a finite number; got nan"),
    ("pretrain tiny.toml --out x --set title", 2, "expected KEY=VALUE"),
    ("pretrain tiny.toml --out x --set =", 2, "expected KEY=VALUE"),
    ("pretrain tiny.toml --out x --set 'stages.\x1b.lr=3'", 2, r"unknown stage \x1b (known: s)"),
    (
        "pretrain tiny.toml --out x --set stages.s.filter.maps=1000000000000",
        1,
        "pre-training needs about",
    ),
    (
        "pretrain tiny.toml --out x --set stages.s.filter.maps=4000000000000000000",
        1,
        "pre-training needs about",
    ),
    ("pretrain tiny.toml --out x --set stages=[]", 2, "at least one [[stages]]"),
    ("pretrain tiny.toml --out x --set data.hold_out=1", 2, "must be >= 0 and < 1; got 1"),
    ("pretrain tiny.toml --out x --save-seconds -1", 2, "'--save-seconds'"),
    ("pretrain tiny.toml --out x --save-seconds nan", 2, "--save-seconds must be at least 0"),
    ("pretrain tiny.toml --out x --threads 99999999999", 2, "between 1 and 1024; got 99999999999"),
    ("pretrain tiny.toml --out x --set preprocess='[{kind=\"pca\",keep=65}]'", 1, "at most 64"),
    ("pretrain unfinished --out unnamed --resume", 1, "unnamed/identity.json is missing or dam"),
    ("pretrain unfinished --out unfinished --resume --seed 5", 1, "begun with other settings"),
    ("pretrain unfinished --out unfinished --resume --threads 2", 1, "begun with --threads 1"),
    ("describe hole", 2, "hole is a folder without a recipe.toml"),
    ("describe deep.toml", 1, "deep.toml is not readable as TOML"),
    ("describe digits --input 1x2", 1, "filter.size 5 does not fit into 1x2"),
    ("describe digits --set stages.0.nope=1", 2, "unknown stage 0 (known: strokes, digits)"),
    ("describe digits --figure hole/x.bmp", 2, "should end in .svg"),
    ("describe natural-sparse --set data.size=[1,1]", 2, "preprocess.1.keep must be at most 1"),
    ("describe lenet5 --set stages.C1.filter.maps=99999999999999999999", 2, "at most 64 bits"),
    ("describe nomodel --set data.source=nowhere", 2, "no path 'nowhere'"),
    ("sweep tiny.toml --out x", 2, "Missing option '--search'"),
    ("sweep tiny.toml --search pretrain.batch=1..9", 2, "Missing option '--out'"),
    (
        "sweep nowhere --out x --search pretrain.batch=1..9",
        2,
        "no recipe or file is called now",
    ),
    ("sweep tiny.toml --out x --search pretrain.batch", 2, "expected KEY=SPACE"),
    ("sweep tiny.toml --out x --search pretrain.batch=9..1", 2, "9 is not below 1"),
    ("sweep tiny.toml --out x --search pretrain.batch=..", 2, "the ends of a range are numbers"),
    ("sweep tiny.toml --out x --search 'pretrain.batch=[1|2'", 2, "leaves nothing to choose"),
    ("sweep tiny.toml --out x --search 'stages.s.filter.maps=1|\0'", 2, "maps must be a whole"),
    ("sweep tiny.toml --out x --search stages.t.filter.maps=1..9", 2, "unknown stage t"),
    ("sweep tiny.toml --out empty --search pretrain.batch=1..9", 2, "'empty' is a file"),
    ("sweep tiny.toml --out local --search pretrain.batch=1..9", 1, "local holds other"),
    ("sweep tiny.toml --out good.npz/x --search pretrain.batch=1..9", 2, "which is read"),
    ("sweep lenet5 --out x --search pretrain.batch=1..9 --data-root hole", 1, "fetch mnist"),
    ("sweep tiny.toml --out x --search pretrain.batch=1..9 --labels 3", 1, "among 4 classes"),
    ("sweep tiny.toml --out x --search pretrain.batch=1..9 --labels 32", 1, "ask for fewer"),
]


@pytest.mark.parametrize(("line", "code", "said"), CASES, ids=[case[0][:70] for case in CASES])
def test_bad_input_is_one_line_and_a_code(
    check_refused: Check, line: str, code: int, said: str
) -> None:
    check_refused(line, code, said)


def test_names_that_are_not_utf_8_are_refused_before_anything_is_done(empty_folder: Path) -> None:
    words = ["pretrain", "digits", "--out", "run\udcff"]
    result = CliRunner().invoke(group, words, prog_name="featlearn")
    assert result.exit_code == 2
    assert r"'run\udcff' is not in UTF-8" in result.stderr
    assert not list(empty_folder.iterdir())
