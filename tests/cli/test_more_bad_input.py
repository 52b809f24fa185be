"""Every command on files, runs and words that are wrong: a code, one line, nothing written."""

import gzip
import os
import pickle
import shlex
import shutil
import struct
import zipfile
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from featlearn.networks.formats import FORMAT
from featlearn_cli.main import group

RUNS = Path(__file__).resolve().parents[1] / "golden" / f"format-{FORMAT}"
DRAW = np.random.default_rng(0)
IMAGES = DRAW.random((40, 8, 8)).astype(np.float32)
LABELS = np.arange(40) % 4


def write_arrays() -> None:
    holed = IMAGES.copy()
    holed[3, 1, 1] = np.nan
    np.savez("good.npz", images=IMAGES, labels=LABELS)
    np.savez("nan.npz", images=holed, labels=LABELS)
    np.savez("short.npz", images=IMAGES, labels=LABELS[:9])
    np.savez("strings.npz", images=IMAGES.astype("U4"))
    np.savez("other.npz", photos=IMAGES)
    np.savez("none.npz")
    np.save("bare.npy", IMAGES)
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    np.save("ints.npy", IMAGES.astype(np.int64))
    np.save("flat.npy", IMAGES.reshape(40, 64))
    np.save("zero.npy", IMAGES[:0])
    np.save("wide.npy", DRAW.random((4, 3, 8, 3)).astype(np.float32))
    np.save("rgb.npy", DRAW.random((12, 8, 8, 3)).astype(np.float32))
    Path("pickle.npy").write_bytes(pickle.dumps(IMAGES))
    huge = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**31, 9)
    Path("huge-images-idx3-ubyte").write_bytes(huge)
    Path("cut-images-idx3-ubyte.gz").write_bytes(gzip.compress(huge + bytes(99))[:-9])


def write_pictures() -> None:
    for path in (
        *("half/train/a/1.png", "half/test/b/1.png", "beside/a/1.png", "beside/2.png"),
        *("extra/train/a/1.png", "extra/test/a/1.png", "extra/more/a/1.png", "mixed/a.png"),
    ):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 7).save(path)
    Image.new("L", (9, 8), 7).save("mixed/b.png")
    for name, member in {
        "slip.zip": "../../x.png",
        "text.zip": "x.txt",
        "escape.zip": "a\x1b[31m/1.png",
    }.items():
        with zipfile.ZipFile(name, "w") as archive:
            archive.writestr(member, b"no picture")
    locked = bytearray(Path("text.zip").read_bytes().replace(b"x.txt", b"x.png"))
    locked[6] |= 1  # encrypted, say the member's header and the directory
    locked[locked.index(b"PK\1\2") + 8] |= 1
    Path("locked.zip").write_bytes(locked)
    Path("text.png").write_text("no picture")


def write_recipes() -> None:
    Path("tiny.toml").write_text(
        'title = "t"\ndata = { source = "good.npz" }\npretrain = { epochs = 1, batch = 9 }\n'
        '[[stages]]\nname = "s"\nfilter = { kind = "dense", maps = 3 }\n'
        'objective = { kind = "plain" }\n'
    )
    Path("latin.toml").write_bytes('title = "é"'.encode("latin1"))
    Path("large.toml").write_bytes(b"#" * 1_100_000)
    Path("deep.toml").write_text("a=" + "[" * 5000)
    Path("twice.toml").write_text('title = "t"\ntitle = "u"\n')
    Path("stageless.toml").write_text('title = "t"\ndata = { source = "digits" }\n')
    Path("escape.toml").write_text('title = "t"\n"\\u001b[2J\\n" = 1\n')
    Path("null.toml").write_bytes(b'title = "a\0b"')


def write_runs() -> None:
    shutil.copytree(RUNS, ".", dirs_exist_ok=True)
    shutil.rmtree("expected")
    for name in ("unlisted", "norecipe", "nomodel", "changed", "metrics", "figures", "twoheads"):
        shutil.copytree("local", name)
    Path("unlisted/results.json").write_text("[]")
    Path("norecipe/recipe.toml").unlink()
    Path("nomodel/model.safetensors").unlink()
    model = Path("changed/model.safetensors")
    data = model.read_bytes()
    model.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    Path("metrics/metrics.jsonl").write_text("{}\n{}\n")
    Path("figures/heads/default/evaluation.json").write_text('{"source": 1}')
    shutil.copytree("local/heads/default", "twoheads/heads/second")
    Path("twoheads/heads/default").rename("twoheads/heads/first")
    Path("twoheads/heads/first/labels.json").unlink()
    shutil.copytree("unfinished", "unnamed")
    Path("unnamed/identity.json").write_text("{")
    Path("quick").mkdir()
    Path("quick/quickstart.json").write_text("{}")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """Stand in a folder of files that are wrong in one way each."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("world")
    os.chdir(folder)
    try:
        write_arrays()
        write_pictures()
        write_recipes()
        write_runs()
        Path("empty").touch()
        Path("hole").mkdir()
        Path("folder.npy").mkdir()
        Path("garbage").write_bytes(bytes(range(256)))
        Path("loop").symlink_to("loop")
        Path("gone.npz").symlink_to("/nowhere/at/all")
        yield folder
    finally:
        os.chdir(before)


def files(world: Path) -> dict[Path, int]:
    """Tell when each file was written; folders are locked, and may be made for that, in passing."""
    return {path: 0 if path.is_dir() else path.lstat().st_mtime_ns for path in world.rglob("*")}


LONG = "x" * 3000

CASES = [
    ("recipes digits extra", 2, "unexpected extra argument (extra)"),
    ("recipes '\x1b[31m'", 2, r"is called \x1b[31m (recipes: "),
    (f"recipes {LONG}", 2, "no recipe or file is called"),
    ("recipes tiny.toml", 2, "no recipe or file is called tiny.toml"),
    ("pretrain tiny.toml --out ''", 2, "'--out': the path is empty"),
    ("describe tiny.toml --figure ''", 2, "'--figure': the path is empty"),
    ("visualize local --out ''", 2, "'--out': the path is empty"),
    ("predict local images.npz --out ''", 2, "'--out': the path is empty"),
    ("report ''", 2, "the path is empty; name the folder of a run"),
    ("data list --data-root ''", 2, "'--data-root': the path is empty"),
    ("data list --data-root tiny.toml", 2, "'tiny.toml' is a file"),
    ("data fetch", 2, "Missing argument 'NAME'"),
    ("data fetch natural-olshausen-field --data-root x", 1, "no address is published"),
    ("data fetch faces-in-scenes --data-root x", 1, "is made of faces-cbcl, faces-olivetti"),
    ("study face-unit --out new --data-root x", 1, "faces-olivetti is not under the data root"),
    ("study digits-av --out new --data-root x", 1, "mnist is not under the data root"),
    ("study face-unit --out new --draws 3", 2, "--draws belongs to digits-av and few-l"),
    ("study face-unit --out new --only mnist-local", 2, "--only belongs to few-labels"),
    ("study few-labels --out new --data-root x", 1, "mnist is not under the data root"),
    ("study few-labels --out new --draws 1", 2, "takes 2 to"),
    ("study few-labels --out new --only mnist", 2, "'mnist' is not one of"),
    (
        "study few-labels --out new --set stages.strokes.filter.maps=8",
        2,
        "fashion-local: stages.strokes.filter.maps=8: ",
    ),
    ("data fetch fsdd --data-root x", 1, "put its folders of recordings, recordings, into"),
    ("study cat-unit --out new", 2, "'cat-unit' is not one of"),
    ("study mnist-table --out new --data-root x", 1, "mnist is not under the data root"),
    ("study mnist-table --out new --set pretrain.epochs=1", 2, "as they are; drop --set"),
    ("baselines nowhere", 2, "there is no file or folder 'nowhere'"),
    ("baselines digits --only linea", 2, "no row 'linea'; did you mean linear?"),
    ("baselines digits --only svm --skip svm", 2, "--skip leaves no row to make"),
    ("baselines digits --budget 0", 2, "0.0 is not in the range x>0"),
    ("baselines digits --label-seed 1", 2, "--label-seed belongs to --labels"),
    ("baselines digits --labels 3", 1, "3 labels cannot be shared among 10 classes"),
    ("baselines bare.npy", 1, "bare.npy has no labels, and the baselines learn from nothing"),
    ("baselines digits:train", 1, "digits:train has no test images to judge by"),
    ("baselines digits --only linear --out tiny.toml", 2, "'tiny.toml' is a file"),
    ("data fetch 'a\nb'", 2, r"no known data set 'a\nb'"),
    ("data inspect empty", 1, "empty is empty"),
    ("data inspect garbage", 1, "garbage is of no format that is read here"),
    ("data inspect text.png", 1, "text.png is not an image that can be read"),
    ("data inspect hole", 1, "hole holds no images"),
    ("data inspect folder.npy", 1, "folder.npy holds no images"),
    ("data inspect loop", 2, "there is no file or folder 'loop'"),
    ("data inspect gone.npz", 2, "there is no file or folder 'gone.npz'"),
    (f"data inspect {LONG}", 2, "there is no file or folder"),
    ("data inspect nan.npz", 1, "nan.npz has a value that is NaN or infinite in image 3"),
    ("data inspect short.npz", 1, "short.npz has 40 images, so its labels are (40,)"),
    ("data inspect strings.npz", 1, "strings.npz has the type <U4"),
    ("data inspect other.npz", 1, "no array `images`, `x` or `x_train`; it has photos"),
    ("data inspect none.npz", 1, "no array `images`, `x` or `x_train`; it has none at all"),
    ("data inspect objects.npy", 1, "objects.npy holds Python objects"),
    ("data inspect pickle.npy", 1, "pickle.npy is not an NPY file"),
    ("data inspect ints.npy", 1, "ints.npy has the type int64"),
    ("data inspect flat.npy", 1, "flat.npy has the shape (40, 64)"),
    ("data inspect zero.npy", 1, "zero.npy holds nothing"),
    ("data inspect wide.npy", 1, "in which maps may be second or last"),
    ("data inspect half", 1, "half has the class 'b' in 'test' but not in 'train'"),
    ("data inspect beside", 1, "beside holds images both in subfolders"),
    ("data inspect extra", 1, "extra has the folder 'more' beside"),
    ("data inspect slip.zip", 1, "'../../x.png', which points out of the archive"),
    ("data inspect text.zip", 1, "text.zip holds no images"),
    ("data inspect locked.zip", 1, "locked.zip: x.png cannot be unpacked"),
    ("data inspect escape.zip", 1, r"escape.zip: a\x1b[31m/1.png is not an image"),
    ("data inspect huge-images-idx3-ubyte", 1, "more than the file can hold"),
    ("data inspect cut-images-idx3-ubyte.gz", 1, "cut-images-idx3-ubyte.gz"),
    ("data inspect good.npz:test", 2, "good.npz has no splits of its own"),
    ("data inspect digits:val", 2, "did you mean digits?"),
    ("data inspect digits --size 0x4", 2, "write HxW"),
    ("data inspect digits --size 100000x100000 --fit resize", 1, "an image may have"),
    ("data inspect digits --out hole", 2, "'hole' is a directory"),
    ("data inspect images.npz --out images.npz --overwrite", 2, "must end in .png"),
    ("data inspect digits --augment nope", 2, "no recipe or file is called nope"),
    ("data inspect good.npz --augment stageless.toml", 1, "stages is missing"),
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
def test_bad_input_is_one_line_and_a_code(world: Path, line: str, code: int, said: str) -> None:
    before = files(world)
    result = CliRunner().invoke(group, shlex.split(line), prog_name="featlearn")
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    # Of a word that is wrong, click shows beforehand how the command is used.
    lines = [text for text in result.stderr.splitlines() if text.strip()]
    (sentence,) = (text for text in lines if not text.startswith(("Usage: ", "Try '")))
    assert sentence.startswith("Error: ")
    assert said in sentence
    assert "unforeseen" not in sentence
    assert sentence.isprintable()
    assert files(world) == before


def test_every_command_is_among_them() -> None:
    from featlearn_cli.main import COMMANDS

    lines: list[str] = [case[0] for case in CASES]
    assert {line.split()[0] for line in lines} >= COMMANDS.keys()
    assert len({*lines}) == len(lines)


@pytest.mark.parametrize("words", [["data"], ["data", "inspect", "--help"]])
def test_help_is_still_shown_whole(words: list[str]) -> None:
    result = CliRunner().invoke(group, words, prog_name="featlearn")
    assert len(result.output.splitlines()) > 8
    assert "Error" not in result.output


def test_a_pipe_is_refused_and_not_waited_for(empty_folder: Path) -> None:
    (empty_folder / "images").mkdir()
    os.mkfifo(empty_folder / "images" / "a.png")
    os.mkfifo(empty_folder / "pipe")
    for source in ("images", "pipe"):
        result = CliRunner().invoke(group, ["data", "inspect", source], prog_name="featlearn")
        assert result.exit_code == 1
        assert "is no regular file" in result.stderr


def test_names_that_are_not_utf_8_are_refused_before_anything_is_done(empty_folder: Path) -> None:
    words = ["pretrain", "digits", "--out", "run\udcff"]
    result = CliRunner().invoke(group, words, prog_name="featlearn")
    assert result.exit_code == 2
    assert r"'run\udcff' is not in UTF-8" in result.stderr
    assert not list(empty_folder.iterdir())
