"""Files, recipes and runs that are wrong in one way each."""

import gzip
import pickle
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from featlearn.networks.formats import FORMAT

RUNS = Path(__file__).resolve().parents[1] / "golden" / f"format-{FORMAT}"

LONG = "x" * 3000
"""A name that no file may have."""


def write_all() -> None:
    """Write them into the current folder."""
    _write_arrays()
    _write_pictures()
    _write_recipes()
    _write_runs()
    Path("empty").touch()
    Path("hole").mkdir()
    Path("folder.npy").mkdir()
    Path("garbage").write_bytes(bytes(range(256)))
    Path("loop").symlink_to("loop")
    Path("gone.npz").symlink_to("/nowhere/at/all")


def _write_arrays() -> None:
    draw = np.random.default_rng(0)
    images, labels = draw.random((40, 8, 8)).astype(np.float32), np.arange(40) % 4
    holed = images.copy()
    holed[3, 1, 1] = np.nan
    np.savez("good.npz", images=images, labels=labels)
    np.savez("nan.npz", images=holed, labels=labels)
    np.savez("short.npz", images=images, labels=labels[:9])
    np.savez("strings.npz", images=images.astype("U4"))
    np.savez("other.npz", photos=images)
    np.savez("none.npz")
    np.save("bare.npy", images)
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    np.save("ints.npy", images.astype(np.int64))
    np.save("flat.npy", images.reshape(40, 64))
    np.save("zero.npy", images[:0])
    np.save("wide.npy", draw.random((4, 3, 8, 3)).astype(np.float32))
    np.save("rgb.npy", draw.random((12, 8, 8, 3)).astype(np.float32))
    Path("pickle.npy").write_bytes(pickle.dumps(images))
    huge = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**31, 9)
    Path("huge-images-idx3-ubyte").write_bytes(huge)
    Path("cut-images-idx3-ubyte.gz").write_bytes(gzip.compress(huge + bytes(99))[:-9])


def _write_pictures() -> None:
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


def _write_recipes() -> None:
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


def _write_runs() -> None:
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
