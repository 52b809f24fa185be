"""Runs and their heads that are wrong: a code, one line, nothing written."""

from collections.abc import Callable

import pytest

from tests.cli.wrong_files import LONG

Check = Callable[[str, int, str], None]

CASES = [
    ("visualize local --out ''", 2, "'--out': the path is empty"),
    ("predict local images.npz --out ''", 2, "'--out': the path is empty"),
    ("report ''", 2, "the path is empty; name the folder of a run"),
    ("finetune empty", 2, "empty is a file; a run is a folder"),
    ("finetune local --name x --labels 9", 1, "9 labels cannot be shared among 10 classes"),
    ("finetune local --name x --labels 61", 1, "61 labels were asked for, but there are 60"),
    ("finetune local --labels -3", 2, "'-3' is no number of labels"),
    ("finetune local --labels 1.5", 2, "'1.5' is no number of labels"),
    ("finetune local --label-seed -1", 2, "'--label-seed'"),
    ("finetune local --name ../x", 2, "'../x' cannot name a head"),
    ("finetune local --name ''", 2, "'' cannot name a head"),
    (f"finetune local --name {LONG}", 2, "cannot name a head"),
    ("finetune local --name x --freeze 3", 2, "--freeze 3: `finetune.freeze` is 3"),
    ("finetune local", 1, "local/heads/default holds a finished run"),
    ("finetune local --name x --resume", 1, "local/heads/x has nothing to resume"),
    ("finetune local --labels 20 --resume --seed 3", 1, "options.seed was 0, now it is 3"),
    ("finetune local --name x --set pretrain.epochs=2", 2, "only finetune.* can be set here"),
    ("finetune local --name x --set finetune.head.classes=3", 1, "the labels have 10 classes"),
    ("finetune local --name x --set finetune.epochs=0", 2, "finetune.epochs must be >= 1"),
    ("finetune local --labels 9,10 -q", 1, "9 labels cannot be shared among 10 classes"),
    ("finetune local --label-seeds 99999", 2, "not in the range"),
    ("finetune unfinished", 1, "unfinished is not finished; go on with `featlearn pretrain"),
    ("finetune unlisted", 1, "unlisted/results.json is damaged"),
    ("finetune norecipe", 2, "there is no recipe file norecipe/recipe.toml"),
    ("finetune nomodel --name x", 1, "nomodel/model.safetensors does not exist"),
    ("finetune changed --name x", 1, "changed/model.safetensors is not the file that training"),
    ("encode local images.npz --out x.txt", 2, "--out must end in .npy or .parquet"),
    ("encode local images.npz --out x.npy --stage stroke", 2, "the stages are strokes, parts"),
    ("encode local images.npz --out x.npy --head nobody", 2, "local has no head 'nobody'"),
    ("encode local images.npz --out folder.npy", 2, "'folder.npy' is a directory"),
    ("encode local images.npz --out bare.npy", 2, "bare.npy exists already"),
    ("encode local images.npz --out empty/x.npy", 1, "empty is a file, or lies under one"),
    ("encode components images.npz --out x.npy --what pooled", 2, "stage 'mix' has no pooling"),
    ("encode local rgb.npy --out x.npy", 1, "rgb.npy has images of 3 maps of 6x6"),
    ("encode nomodel images.npz --out x.npy", 1, "nomodel/model.safetensors is missing"),
    ("encode unfinished images.npz --out x.npy", 1, "unfinished is not finished"),
    ("encode local '' --out x.npy", 2, "there is no file or folder ''"),
    ("evaluate components", 2, "components has no trained head"),
    ("evaluate local bare.npy", 1, "bare.npy has no labels"),
    ("evaluate local mixed", 1, "mixed has no labels"),
    ("evaluate twoheads", 2, "several heads; name one with --head: first, second"),
    ("evaluate twoheads --head third", 2, "twoheads has no head 'third'; it has first, second"),
    ("evaluate twoheads --head first", 1, "labels.json is missing: training wrote it"),
    ("evaluate unlisted", 1, "unlisted/results.json is damaged"),
    ("evaluate local --probe --labels 5", 1, "5 labels cannot be shared among 10 classes"),
    ("evaluate local --probe --labels 61", 1, "61 labels were asked for"),
    ("evaluate local garbage", 1, "garbage is of no format that is read here"),
    ("predict local hole", 1, "hole holds no images"),
    ("predict local images.npz --out bare.npy", 2, "bare.npy exists already"),
    ("predict local images.npz --out empty/x.csv", 1, "empty is a file, or lies under one"),
    ("predict local escape.zip", 1, r"escape.zip: a\x1b[31m/1.png is not an image"),
    ("predict components images.npz", 2, "components has no trained head"),
    ("predict local digits:validation", 2, "there is no file or folder 'digits:validation'"),
    ("visualize local --out empty", 2, "'empty' is a file"),
    ("visualize local --out x --head nobody --what confusion", 2, "local has no head 'nobody'"),
    ("visualize metrics --out x --what curves", 1, "metrics/metrics.jsonl, line 1, holds no fig"),
    ("visualize figures --out x --what confusion", 1, "evaluation.json is damaged"),
    ("visualize changed --out x", 1, "changed/model.safetensors is not the file that training"),
    ("report local shared", 2, "name the page's folder with --out"),
    ("report local hole --out x", 1, "hole is not a run"),
    ("report quick --out x", 1, "quick/quickstart.json is damaged"),
    ("report figures --out x", 1, "figures/heads/default/evaluation.json is damaged"),
    ("report metrics --out x", 1, "metrics/metrics.jsonl, line 1, holds no figures"),
    ("report unlisted --out x", 1, "unlisted/results.json is damaged"),
    ("report local --out local/model.safetensors", 2, "is a file"),
    ("report local --out x --threads 2000000", 2, "between 1 and 1024; got 2000000"),
]


@pytest.mark.parametrize(("line", "code", "said"), CASES, ids=[case[0][:70] for case in CASES])
def test_bad_input_is_one_line_and_a_code(
    check_refused: Check, line: str, code: int, said: str
) -> None:
    check_refused(line, code, said)
