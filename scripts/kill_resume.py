#!/usr/bin/env python3
"""Kill training with SIGKILL at random moments, resume it, and compare bytes.

Starts `featlearn pretrain` and `featlearn finetune` as processes of their own, kills each
one or several times while it begins, in the middle of a save, of an epoch, or between two
stages, and resumes it until it is done. Then compares `model.safetensors` and
`metrics.jsonl` byte for byte with those of a training that nothing disturbed, and exits
with 1 if any byte differs.
"""

import argparse
import itertools
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RECIPE = """
title = "A target for kills"

[data]
source = "digits"

[[stages]]
name = "first"
filter = {{ kind = "local", size = 3, maps = 8 }}
pool = {{ kind = "l2", size = 2, stride = 2 }}
norm = {{ kind = "batch" }}
objective = {{ kind = "denoising", corruption = {{ kind = "mask", rate = 0.3 }} }}

[[stages]]
name = "second"
filter = {{ kind = "dense", maps = 100 }}
objective = {{ kind = "sparse", penalty = {{ kind = "l1", weight = 0.1 }}, decoder = "untied" }}

[pretrain]
epochs = {epochs}
batch = 32
rate = {{ kind = "one-cycle" }}

[finetune]
epochs = {epochs}
batch = 16
patience = {epochs}
head = {{ kind = "classification", hidden = [50], dropout = 0.3 }}
augment = [{{ kind = "shift", pixels = 1 }}]
"""
FIRST_STAGE_ENDS = '{"phase": "second"'
START, BETWEEN = "while it begins", "between two stages"
SAVE, EPOCH = "in the middle of a save", "in an epoch"
MOMENTS = {"pretrain": (START, BETWEEN, SAVE, EPOCH), "finetune": (START, SAVE, EPOCH)}
LIMIT = 300.0
"""Seconds after which a process that should have ended is given up."""


class Failed(Exception):
    """A command that should have ended well."""


@dataclass
class Trial:
    """A training that is killed, resumed and compared.

    Attributes:
        command: `pretrain` or `finetune`.
        arguments: What comes after it.
        folder: Where it writes.
        reference: Where the undisturbed training wrote.
        kills: What was done to it, in words.
    """

    command: str
    arguments: list[str]
    folder: Path
    reference: Path
    kills: list[str] = field(default_factory=list)

    @property
    def metrics(self) -> Path:
        """The figures, which grow as training goes on."""
        return self.folder / "metrics.jsonl"

    def start(self) -> subprocess.Popen[str]:
        """Begin or go on."""
        resume = ["--resume"] if (self.folder / "identity.json").exists() else []
        words = [sys.executable, "-m", "featlearn_cli", self.command, *self.arguments, *resume]
        words += ["--threads", "1", "--device", "cpu", "--save-seconds", "0.2", "--quiet"]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def finish(self) -> None:
        """Go on until it is done."""
        process = self.start()
        _, text = process.communicate(timeout=LIMIT)
        if process.returncode != 0:
            raise Failed(f"{self.command} ended with {process.returncode}: {text.strip()}")

    def same(self) -> bool:
        """Compare with the undisturbed training."""
        return all(
            (self.folder / name).read_bytes() == (self.reference / name).read_bytes()
            for name in ("model.safetensors", "metrics.jsonl")
        )


def size(path: Path) -> int:
    """Measure a file that may not be there yet."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def saving(trial: Trial) -> bool:
    """Tell whether a checkpoint is half written."""
    folder = trial.folder / "checkpoints"
    try:
        return any(path.name.startswith(".") for path in folder.iterdir())
    except FileNotFoundError:
        return False


def second_stage(trial: Trial) -> bool:
    """Tell whether the second stage has taken a step."""
    try:
        return FIRST_STAGE_ENDS in trial.metrics.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False


def first_stage_over(trial: Trial, epochs: int) -> bool:
    """Tell whether the last epoch of the first stage is over."""
    try:
        text = trial.metrics.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return any(
        f'"epoch": {epochs - 1},' in line and "held_out" in line for line in text.splitlines()
    )


def wait(process: subprocess.Popen[str], condition: Callable[[], bool]) -> bool:
    """Wait until a condition holds; False if the process ended first."""
    until = time.monotonic() + LIMIT
    while not condition():
        if process.poll() is not None:
            return False
        if time.monotonic() > until:
            process.kill()
            raise Failed("a training made no progress")
        time.sleep(0.0005)
    return True


def reached(trial: Trial, moment: str, share: float, epochs: int) -> Callable[[], bool]:
    """Give the condition under which a moment has come.

    Args:
        trial: The training.
        moment: Which one.
        share: Of the metrics that must be written before, where that matters.
        epochs: Epochs of a stage.
    """
    least = share * size(trial.reference / "metrics.jsonl")
    if moment == START:
        return trial.folder.exists
    if moment == BETWEEN:
        return lambda: first_stage_over(trial, epochs)
    if moment == SAVE:
        return lambda: size(trial.metrics) >= least and saving(trial)
    return lambda: size(trial.metrics) >= least


LATEST = {START: 0.3, BETWEEN: 0.06, SAVE: 0.015, EPOCH: 0.25}
"""Most seconds between a moment and the kill."""


def strike(trial: Trial, moment: str, condition: Callable[[], bool], draw: random.Random) -> bool:
    """Start a training, and kill it at a moment.

    Returns:
        False if the training was over before.
    """
    begun = time.monotonic()
    process = trial.start()
    if wait(process, condition):
        time.sleep(draw.uniform(0.0, LATEST[moment]))
    process.kill()
    _, text = process.communicate(timeout=LIMIT)
    if process.returncode > 0:
        raise Failed(f"{trial.command} ended with {process.returncode}: {text.strip()}")
    if process.returncode < 0:
        seconds = time.monotonic() - begun
        trial.kills.append(f"{trial.command} {moment} (after {seconds:.1f} s, {where(trial)})")
    return process.returncode < 0


def where(trial: Trial) -> str:
    """Say where a killed training was."""
    done = size(trial.metrics) / size(trial.reference / "metrics.jsonl")
    saved = sum(1 for _ in trial.folder.glob("checkpoints/checkpoint-*"))
    half = ", one half written" if saving(trial) else ""
    stage = ""
    if trial.command == "pretrain":
        stage = "second stage, " if second_stage(trial) else "first stage, "
    return f"{stage}{done:.0%} of the metrics, {saved} whole checkpoints{half}"


def moments(command: str, count: int, cycle: Mapping[str, Iterator[str]]) -> list[str]:
    """Choose the moments of one training, in the order in which they can come."""
    order = [START, BETWEEN, EPOCH, SAVE]
    chosen = sorted((next(cycle[command]) for _ in range(count)), key=order.index)
    once = [moment for moment in (START, BETWEEN) if moment in chosen]
    often = [moment for moment in chosen if moment not in once]
    return once + often + [EPOCH] * (count - len(once) - len(often))


def torment(trial: Trial, wanted: Sequence[str], draw: random.Random, epochs: int) -> None:
    """Kill a training at each of the moments, and resume it to its end."""
    least = 0.5 if BETWEEN in wanted else 0.05
    shares = sorted(draw.uniform(least, 0.95) for _ in wanted)
    for moment, share in zip(wanted, shares, strict=True):
        if not strike(trial, moment, reached(trial, moment, share, epochs), draw):
            return
    trial.finish()


def trials(folder: Path, epochs: int) -> Iterator[Trial]:
    """Train undisturbed once, and give one training after the other to be disturbed."""
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(epochs=epochs), encoding="utf-8")
    run = folder / "whole"
    head = run / "heads" / "whole"
    undisturbed(Trial("pretrain", [str(recipe), "--out", str(run)], run, run))
    for number in itertools.count(1):
        name = f"killed-{number}"
        arguments = [str(recipe), "--out", str(folder / name)]
        yield Trial("pretrain", arguments, folder / name, run)
        if not head.exists():
            undisturbed(Trial("finetune", [str(run), "--name", head.name], head, head))
        arguments = [str(run), "--name", name]
        yield Trial("finetune", arguments, run / "heads" / name, head)


def undisturbed(trial: Trial) -> None:
    """Train to the end, and say how long it takes."""
    begun = time.monotonic()
    trial.finish()
    print(f"undisturbed {trial.command}: {time.monotonic() - begun:.1f} s", flush=True)


def main() -> int:
    """Kill as often as asked, and tell how many times the bytes were equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how many in all [20]")
    parser.add_argument("--seed", type=int, default=0, help="of the moments [0]")
    parser.add_argument("--epochs", type=int, default=8, help="of each stage and head [8]")
    options = parser.parse_args()
    draw = random.Random(options.seed)  # noqa: S311 - no secret is drawn
    cycle: dict[str, Iterator[str]] = {
        name: itertools.cycle(draw.sample(known, len(known))) for name, known in MOMENTS.items()
    }
    done = equal = 0
    with tempfile.TemporaryDirectory(prefix="kill-resume-") as folder:
        for trial in trials(Path(folder), options.epochs):
            count = min(draw.randint(1, 4), options.kills - done)
            wanted = moments(trial.command, count, cycle)
            try:
                torment(trial, wanted, draw, options.epochs)
            except Failed as error:
                print(f"after {len(trial.kills)} kills: {error}")
                return 1
            same = trial.same()
            for kill in trial.kills:
                done += 1
                equal += same
                verdict = "byte-equal" if same else "OTHER BYTES"
                print(f"kill {done} of {options.kills}: {kill}: {verdict}", flush=True)
            if done >= options.kills:
                break
    print(f"{equal} of {done} byte-equal")
    return 0 if equal == done else 1


if __name__ == "__main__":
    sys.exit(main())
