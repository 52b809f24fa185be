"""Data sets, images and archives that are wrong: a code, one line, nothing written."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from featlearn_cli.main import group
from tests.cli.wrong_files import LONG

Check = Callable[[str, int, str], None]

CASES = [
    ("data list --data-root ''", 2, "'--data-root': the path is empty"),
    ("data list --data-root tiny.toml", 2, "'tiny.toml' is a file"),
    ("data fetch", 2, "Missing argument 'NAME'"),
    ("data fetch natural-olshausen-field --data-root x", 1, "no address is published"),
    ("data fetch faces-in-scenes --data-root x", 1, "is made of faces-cbcl, faces-olivetti"),
    ("data fetch fsdd --data-root x", 1, "put its folders of recordings, recordings, into"),
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
]


@pytest.mark.parametrize(("line", "code", "said"), CASES, ids=[case[0][:70] for case in CASES])
def test_bad_input_is_one_line_and_a_code(
    check_refused: Check, line: str, code: int, said: str
) -> None:
    check_refused(line, code, said)


def test_a_pipe_is_refused_and_not_waited_for(empty_folder: Path) -> None:
    (empty_folder / "images").mkdir()
    os.mkfifo(empty_folder / "images" / "a.png")
    os.mkfifo(empty_folder / "pipe")
    for source in ("images", "pipe"):
        result = CliRunner().invoke(group, ["data", "inspect", source], prog_name="featlearn")
        assert result.exit_code == 1
        assert "is no regular file" in result.stderr
