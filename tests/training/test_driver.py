"""Driving loops: records, checkpoints, stops, and going on."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from featlearn.config.recipe import Recipe
from featlearn.errors import CheckpointError, Interrupted, TrainingError
from featlearn.training.driver import Driver
from featlearn.training.folder import Folder
from featlearn.training.identity import Environment, Identity
from featlearn.training.loop import Loop
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.progress import Progress, Silent, StepReport
from featlearn.training.signals import StopRequest

Tiny = Callable[..., Recipe]
Make = Callable[..., Pictures]


class Watched:
    """Remembers what a watcher sees."""

    def __init__(self) -> None:
        self.steps: list[StepReport] = []
        self.begun: list[tuple[str, int, int]] = []
        self.shown: list[Pictures] = []

    def start(self, phase: str, *, before: int, step: int) -> None:
        self.begun.append((phase, before, step))

    def step(self, report: StepReport) -> None:
        self.steps.append(report)

    def end(self, images: Pictures) -> None:
        self.shown.append(images)


class Notes(Silent):
    """Remembers what it is told, and may ask for a stop."""

    def __init__(self, stop: StopRequest | None = None, *, at: int = 0) -> None:
        self.stop_request, self.at = stop, at
        self.steps: list[StepReport] = []
        self.notes: list[str] = []
        self.phases: list[str] = []

    def start(self, phase: str, *, epochs: int, steps: int) -> None:
        self.phases.append(f"{phase}: {epochs} epochs, {steps} steps")

    def stop(self) -> None:
        self.phases.append("end")

    def note(self, text: str) -> None:
        self.notes.append(text)

    def step(self, report: StepReport) -> None:
        self.steps.append(report)
        if self.stop_request is not None and len(self.steps) == self.at:
            self.stop_request.signal_number = signal.SIGTERM


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    found = Folder(tmp_path / "run")
    found.begin("", identity(), resume=False)
    return found


def identity(**settings: Any) -> Identity:
    return Identity(settings, Environment.here("cpu"))


def drive(
    folder: Folder,
    progress: Progress | None = None,
    stop: StopRequest | None = None,
    now: Identity | None = None,
    **options: Any,
) -> Driver:
    return Driver(
        folder,
        now or identity(),
        progress=progress or Silent(),
        stop=StopRequest() if stop is None else stop,
        resume_hint="Go on with: this",
        **options,
    )


@pytest.fixture
def work(tiny: Tiny, pictures: Make) -> Callable[[], Pretraining]:
    def make() -> Pretraining:
        return Pretraining(tiny(), pictures(48), held_out=pictures(8, seed=1))

    return make


def test_every_step_is_recorded_and_every_phase_summed_up(
    folder: Folder, work: Callable[[], Pretraining]
) -> None:
    told, training, watched = Notes(), work(), Watched()
    driver = drive(folder, told, watcher=watched)
    training.run(driver)
    assert told.phases == ["edges: 2 epochs, 4 steps", "end", "parts: 2 epochs, 4 steps", "end"]
    assert told.steps == watched.steps
    assert watched.begun == [("edges", 0, 0), ("parts", 4, 0)]
    assert [(report.phase, report.step) for report in told.steps] == [
        (name, step) for name in ("edges", "parts") for step in (1, 2, 3, 4)
    ]
    assert not watched.shown
    driver.show(training.sample)
    assert watched.shown == [training.sample]
    results = driver.standing.results
    assert [(r.name, r.epochs, r.steps) for r in results] == [("edges", 2, 4), ("parts", 2, 4)]
    assert results[0].loss == told.steps[3].loss
    assert results[0].held_out == told.steps[3].held_out
    assert driver.standing.phase == 2
    lines = [json.loads(line) for line in folder.metrics_file.read_text().splitlines()]
    assert [(line["phase"], line["step"], "held_out" in line) for line in lines] == [
        (name, step, held_out)
        for name in ("edges", "parts")
        for step, held_out in ((1, False), (2, False), (2, True), (4, False), (4, True))
    ]


def test_checkpoints_come_at_their_interval_and_between_phases(
    folder: Folder, work: Callable[[], Pretraining], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock: Iterator[int] = iter(range(1000))
    monkeypatch.setattr("featlearn.training.driver.time.monotonic", lambda: next(clock))
    driver = drive(folder, save_seconds=2)  # the clock is read once a step
    work().run(driver)
    # Steps 2 and 4 of each phase, and the ends of both.
    assert driver.standing.saves == 6

    never = drive(folder, save_seconds=1e9)
    work().run(never)
    assert never.standing.saves == 2


@pytest.mark.parametrize("at", [1, 2, 4, 5, 8])
def test_a_stop_is_obeyed_after_the_step_and_a_checkpoint(
    folder: Folder, work: Callable[[], Pretraining], at: int
) -> None:
    stop = StopRequest()
    told = Notes(stop, at=at)
    driver = drive(folder, told, stop)
    with pytest.raises(Interrupted, match=r"a checkpoint is kept\. Go on with: this") as hit:
        work().run(driver)
    assert hit.value.signal_number == signal.SIGTERM
    assert len(told.steps) == at
    assert told.phases[-1] == "end"

    again = drive(folder)
    found = again.resume()
    assert found is not None
    assert found.state["standing"]["loop"]["step"] == (at - 1) % 4 + 1


def test_a_stop_is_obeyed_while_something_is_made_ready(folder: Folder) -> None:
    stop, told = StopRequest(), Notes()
    driver = drive(folder, told, stop)
    driver.count("copies", done=0, of=5)
    assert not told.phases
    stop.signal_number = signal.SIGTERM
    with pytest.raises(Interrupted, match=r"stopped before the first step\. Go on with: this"):
        driver.count("copies", done=1, of=5)
    assert told.phases == ["end"]


def test_without_a_checkpoint_it_starts_from_the_beginning(folder: Folder) -> None:
    folder.metrics_file.write_text("of steps that are lost\n")
    told = Notes()
    assert drive(folder, told).resume() is None
    assert told.notes == ["there is no checkpoint to go on from; starting from the beginning"]
    assert folder.metrics_file.read_bytes() == b""


def test_broken_checkpoints_are_named_and_removed_where_none_verifies(folder: Folder) -> None:
    for number in (7, 8):
        (folder.checkpoints / f"checkpoint-0000000{number}").mkdir(parents=True)
    told = Notes()
    assert drive(folder, told).resume() is None
    eight, seven, last = told.notes
    assert "checkpoint-00000008" in eight
    assert "checkpoint-00000007" in seven
    assert last == "there is no checkpoint to go on from; starting from the beginning"
    assert not folder.checkpoints.exists()


def test_metrics_after_the_checkpoint_are_cut_off(
    folder: Folder, work: Callable[[], Pretraining]
) -> None:
    stop = StopRequest()
    with pytest.raises(Interrupted):
        work().run(drive(folder, Notes(stop, at=3), stop))
    kept = folder.metrics_file.read_bytes()
    assert kept
    with folder.metrics_file.open("ab") as file:
        file.write(b'{"phase": "edges", "half a li')
    drive(folder).resume()
    assert folder.metrics_file.read_bytes() == kept


def test_a_checkpoint_of_other_settings_is_refused(
    folder: Folder, work: Callable[[], Pretraining]
) -> None:
    work().run(drive(folder, now=identity(seed=1)))
    with pytest.raises(CheckpointError, match="other settings: seed was 1, now it is 2"):
        drive(folder, now=identity(seed=2)).resume()


def test_a_run_that_breaks_keeps_its_last_good_checkpoint(
    folder: Folder, work: Callable[[], Pretraining], monkeypatch: pytest.MonkeyPatch
) -> None:
    training, told = work(), Notes()
    driver = drive(folder, told, save_seconds=0)
    real = Loop._advance

    def spoil(loop: Loop) -> StepReport:
        report = real(loop)
        if report.step == 3:  # a step that its own loss does not show
            with torch.no_grad():
                training.stack.stage(0).filter.weight.fill_(float("inf"))
        return report

    monkeypatch.setattr(Loop, "_advance", spoil)
    with pytest.raises(
        TrainingError,
        match=r"edges: step 3: 'filter\.weight' holds.*; the last checkpoint is kept$",
    ):
        training.run(driver)
    found = drive(folder).resume()
    assert found is not None
    assert found.state["standing"]["loop"]["step"] == 2
    assert bool(found.model["stages.0.filter.weight"].isfinite().all())


def test_no_checkpoint_is_promised_where_none_was_written(
    folder: Folder, work: Callable[[], Pretraining]
) -> None:
    training = work()
    with torch.no_grad():
        training.stack.stage(0).filter.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"edges: step 1: the term .* is nan; .* set clip$"):
        training.run(drive(folder))
    assert not folder.checkpoints.exists()


def test_a_watcher_is_told_where_a_phase_goes_on(
    folder: Folder, work: Callable[[], Pretraining]
) -> None:
    stop = StopRequest()
    with pytest.raises(Interrupted):
        work().run(drive(folder, Notes(stop, at=7), stop))
    watched = Watched()
    driver = drive(folder, watcher=watched)
    work().run(driver, driver.resume())
    assert watched.begun == [("parts", 4, 3)]
