"""The questions: every message is one that is printed, every command one that there is."""

import re
import shlex
import shutil
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from featlearn.config.load import dump_recipe, load_recipe
from featlearn.datasets.limits import check_set_bytes
from featlearn.errors import DataError, MissingExtraError
from featlearn_cli.errors import explain
from featlearn_cli.main import group

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "faq.md").read_text(encoding="utf-8")
QUOTES = re.findall(r"^> (.*)$", TEXT, flags=re.MULTILINE)
COMMANDS = [
    line.split("#")[0].split(" > ")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL)
    for line in block.splitlines()
    if line.startswith("featlearn ")
]
DENSE = ("pretrain", "dense", "-q", "--set", "pretrain.epochs=2", "--set", "data.limit=100")


def said(*words: str) -> str:
    """Run a command, and give all that it says in one line."""
    return " ".join(CliRunner().invoke(group, [*words], prog_name="featlearn").output.split())


def images_of(count: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 8, 8)).astype(np.float32)


def write(path: str, images: np.ndarray, labels: np.ndarray | None = None) -> str:
    if labels is None:
        np.savez(path, images=images)
    else:
        np.savez(path, images=images, labels=labels)
    return path


def on(source: str) -> tuple[str, ...]:
    return (*DENSE, "--set", f"data.source={source}")


def picture(path: str, height: int) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, 60), 99, np.uint8)).save(path)


def about_images() -> list[str]:
    for number in range(4):
        picture(f"photos/cats/{number}.png", 40 + number % 2)
        picture(f"beside/cats/{number}.png", 40)
    picture("beside/x.png", 40)
    np.save("objects.npy", np.array([{}], dtype=object))
    write("plain.npz", images_of(30))
    write("flat.npz", np.full((30, 8, 8), 0.5, np.float32))
    said(*on("plain.npz"), "--out", "plain")
    shutil.copytree("plain", "pickled")
    Path("pickled", "model.safetensors").write_bytes(b"\x80\x04}q\x00.")
    return [
        said(*on("photos"), "--out", "x"),
        said(*on("beside"), "--out", "x"),
        said(*on("objects.npy"), "--out", "x"),
        said(*on("flat.npz"), "--out", "x"),
        said("finetune", "plain", "-q"),
        said("encode", "pickled", "digits", "--out", "x.npy"),
        said("pretrain", "mnist-local", "--out", "x", "-q", "--data-root", "nowhere"),
    ]


def changed(recipe: str, *sets: str) -> str:
    return said(
        "pretrain", recipe, "--out", "x", "-q", *(w for text in sets for w in ("--set", text))
    )


def about_recipes() -> list[str]:
    features, strokes = "stages.features", "stages.strokes"
    return [
        changed("digits", f"{strokes}.filter.map=3"),
        changed("digits", f"{strokes}.filter.size=30"),
        changed("dense", f"{features}.objective.reconstruction=cross-entropy"),
        changed(
            "dense",
            f"{features}.activation=relu",
            f'{features}.objective={{ kind = "sparse", penalty = {{ kind = "kl" }} }}',
        ),
        changed("digits", f"{strokes}.patches={{ size = 6 }}"),
        changed("digits", 'stages.digits.norm={ kind = "batch" }', "finetune.batch=1"),
    ]


def about_training() -> list[str]:
    few = [word for word in DENSE if word != "-q"]
    return [
        said("pretrain", "dense", "-q", "--out", "nan", "--set", "pretrain.optimizer.lr=1e30"),
        said(*few, "--out", "few"),
    ]


def about_resuming() -> list[str]:
    labels = np.arange(100) % 4
    source = write("mine.npz", images_of(100), labels)
    begun = [*on(source), "--out", "mine", "--threads", "1"]
    said(*begun)
    said("finetune", "mine", "-q", "--set", "finetune.steps=0")
    finished = said(*begun)
    shutil.copytree("mine", "half")
    Path("half", "results.json").unlink()
    half = [*on(source), "--out", "half"]
    other = ["--set", "pretrain.epochs=3", "--resume"]
    found = [
        finished,
        said(*half, "--threads", "1"),
        said(*half, "--threads", "1", *other),
        said(*half, "--threads", "2", "--resume"),
    ]
    write(source, images_of(101), np.arange(101) % 4)
    found.append(said(*half, "--threads", "1", "--resume"))
    write(source, images_of(100, seed=1), labels)
    return [*found, said("evaluate", "mine")]


def about_heads() -> list[str]:
    said(*DENSE, "--out", "heads")
    for name in ("a", "b"):
        quick = ("--set", "finetune.steps=0", "--set", "finetune.epochs=1")
        said("finetune", "heads", "--labels", "50", "--name", name, "-q", *quick)
    rare = np.concatenate([np.repeat(np.arange(9), 30), [9] * 5])
    said(
        *on(write("rare.npz", images_of(len(rare)), rare)),
        "--out",
        "rare",
        "--set",
        "data.limit=270",
    )
    return [
        said("evaluate", "heads"),
        said("finetune", "heads", "--labels", "9", "-q", "--name", "few"),
        said("finetune", "rare", "--labels", "100", "-q"),
        said("finetune", "heads", "--set", "pretrain.epochs=3"),
        said("evaluate", "heads", "digits:train", "--head", "b"),
    ]


def about_machines() -> list[str]:
    with pytest.raises(DataError) as much:
        check_set_bytes(10**18, name="x")
    return [
        said(*DENSE, "--out", "x", "--device", "cuda"),
        str(much.value),
        changed("dense", "pretrain.batch=1000000000000"),
        explain(MemoryError()).text,
        str(MissingExtraError("tensorboard", extra="track")),
    ]


PROVOKED = {
    "Images": about_images,
    "Recipes": about_recipes,
    "Training": about_training,
    "Stopping and resuming": about_resuming,
    "Heads and figures": about_heads,
    "Machines": about_machines,
}


def quoted(quote: str, message: str) -> bool:
    """Tell whether a message is the one that is quoted, with anything for each …"""
    pattern = ".*".join(re.escape(part.strip()) for part in quote.split("…"))
    return re.search(pattern, message) is not None


@pytest.mark.parametrize("chapter", PROVOKED)
def test_every_message_is_printed(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, chapter: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    own = TEXT.split(f"\n## {chapter}\n")[1].split("\n## ")[0]
    messages = PROVOKED[chapter]()
    unprinted = [
        quote
        for quote in re.findall(r"^> (.*)$", own, flags=re.MULTILINE)
        if not any(quoted(quote, message) for message in messages)
    ]
    assert not unprinted, messages


def test_every_chapter_is_looked_at() -> None:
    assert re.findall(r"^## (.*)$", TEXT, flags=re.MULTILINE) == list(PROVOKED)
    assert len(QUOTES) > 20


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_can_be_given(empty_folder: Path, line: str) -> None:
    words = shlex.split(line)[1:]
    assert isinstance(group, click.Group)
    command: click.Command = group
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None
        command = found
    options, arguments, _ = command.make_parser(click.Context(command)).parse_args([*words])
    assert len(arguments) <= len([p for p in command.params if isinstance(p, click.Argument)])
    sets = options.get("sets", [])
    recipe = words[0] if command.name in {"pretrain", "describe"} else "digits"
    if recipe.endswith(".toml"):
        Path(recipe).parent.mkdir(parents=True)
        Path(recipe).write_text(dump_recipe(load_recipe("digits")), encoding="utf-8")
    load_recipe(recipe, overrides=sets)


def test_every_quote_is_told_from_another() -> None:
    assert not quoted("… has several heads; name one", "x has no head")
    assert quoted(
        "… has several heads; name one with --head: a, b",
        "Error: x/y has several heads; name one with --head: a, b",
    )
