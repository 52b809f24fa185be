import re

import pytest

from featlearn.training.progress import Silent, StepReport
from featlearn_cli import progress as module
from featlearn_cli.progress import Bar, Clock, Lines, downloads, make_progress


def report(step: int, *, steps: int = 4, held_out: dict[str, float] | None = None) -> StepReport:
    return StepReport(
        phase="strokes",
        epoch=(step - 1) // 2,
        step=step,
        steps=steps,
        lr=0.001,
        loss=12.5,
        terms={"reconstruction": 12.0, "l1": 0.5},
        held_out=held_out,
        ended=step % 2 == 0,
    )


def test_quiet_shows_nothing() -> None:
    assert isinstance(make_progress(-1), Silent)


def test_lines_where_there_is_no_terminal() -> None:
    assert isinstance(make_progress(0), Lines)
    usual, verbose = make_progress(0), make_progress(1)
    assert isinstance(usual, Lines)
    assert isinstance(verbose, Lines)
    assert verbose.every < usual.every


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "on_terminal", lambda: True)
    assert isinstance(make_progress(0), Bar)


def test_lines_say_the_figures_of_a_long_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(every=1000, after_epoch=0)
    lines.start("strokes", epochs=2, steps=4)
    lines.step(report(1))
    lines.step(report(2, held_out={"loss": 11.0, "error": 0.25}))
    lines.step(report(3))
    lines.step(report(4))
    lines.note("saved")
    lines.stop()
    captured = capsys.readouterr()
    assert captured.out == ""
    said = captured.err.splitlines()
    assert said[0] == "strokes: 2 epochs, 4 steps"
    assert said[1].startswith(
        "strokes: epoch 1/2, step 2/4, loss 12.5 (reconstruction 12, l1 0.5), "
        "held out 11, error 25.00%, rate 0.001, "
    )
    assert re.search(r" steps/s, \d.* left$", said[1])
    assert said[2].startswith("strokes: epoch 2/2, step 4/4")
    assert "held out 11" in said[2]  # the last that is known
    assert said[3] == "saved"
    assert len(said) == 5


def test_short_epochs_do_not_have_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.start("strokes", epochs=100, steps=200)
    for step in range(1, 201):
        lines.step(report(step, steps=200, held_out={"loss": 11.0} if step % 2 == 0 else None))
    said = capsys.readouterr().err.splitlines()
    assert [line.split(",")[1] for line in said] == [" 200 steps", " step 200/200"]
    assert "held out 11" in said[1]


def test_lines_keep_their_distance(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(every=0.0)
    lines.start("strokes", epochs=1, steps=4)
    lines.step(report(1))
    assert "step 1/4" in capsys.readouterr().err


def test_stopping_twice_says_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.stop()
    assert capsys.readouterr().err == ""


def test_a_bar_shows_terms_rate_and_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    bar = Bar()
    bar.note("before")
    bar.step(report(1))
    bar.start("strokes[1]", epochs=2, steps=4)
    bar.step(report(1))
    bar.step(report(2, held_out={"loss": 11.0}))
    bar.note("a [bold] note")
    bar.stop()
    bar.stop()
    captured = capsys.readouterr()
    assert captured.out == ""
    for part in ("before", "strokes[1]", "2/4", "reconstruction 12", "held out 11", "rate 0.001"):
        assert part in captured.err
    assert "a [bold] note" in captured.err


@pytest.mark.parametrize("columns", [72, 80, 160])
def test_a_narrow_terminal_cuts_figures_and_not_counts_or_times(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    bar = Bar()
    bar.start("sound: syllables", epochs=20, steps=1338)
    bar.step(report(1337, steps=1338, held_out={"loss": 11.0}))
    bar.stop()
    last = capsys.readouterr().err.splitlines()[-1]
    for part in ("sound: syllables", "1337/1338", "0:00:00", "loss 12.5"):
        assert part in last
    assert ("reconstruction 12" in last) == (columns == 160)


def test_the_rate_of_a_resumed_phase_counts_from_where_it_resumed() -> None:
    clock = Clock()
    for step in (501, 502, 503, 505):
        clock.tick(step)
    clock.since -= 2.0
    assert clock.rate == pytest.approx(2.0, rel=0.05)
    assert clock.left(605) == pytest.approx(50, rel=0.05)


def test_what_was_prepared_for_the_first_step_is_no_part_of_the_rate() -> None:
    clock = Clock()
    clock.started = clock.since = clock.started - 3600.0
    clock.tick(1)
    assert not clock.moved  # so that nothing is said of the time left
    clock.tick(5)
    assert clock.rate > 1.0
    assert clock.seconds > 3600


def test_downloads_are_lines_bars_or_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with downloads(-1) as show:
        assert show is None
    with downloads(0) as show:
        assert show is not None
        show("x.gz", 5, 10)
        show("x.gz", 10, 10)
    assert capsys.readouterr().err == "x.gz: 10 bytes\n"
    monkeypatch.setattr(module, "on_terminal", lambda: True)
    with downloads(0) as show:
        assert show is not None
        show("y.gz", 10, 10)
    assert "y.gz" in capsys.readouterr().err


def test_lines_count_trials_from_where_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(every=0.0)
    lines.count("trials", done=3, of=5)
    lines.count("trials", done=4, of=5, words="draw 1: error 3.00 %")
    lines.every = 1000
    lines.count("trials", done=5, of=5, words="draw 2: error 4.00 %")
    lines.stop()
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "5 trials, 3 of them done before"
    assert re.fullmatch(r"trials: 4/5, draw 1: error 3.00 %, 0.\d s left", said[1])
    assert said[2] == "trials: 5/5, draw 2: error 4.00 %, 0.0 s left"
    assert said[3].startswith("trials: ")
    assert len(said) == 4


def test_lines_of_a_count_keep_their_distance(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(every=1000)
    lines.count("trials", done=0, of=3)
    for done in (1, 2, 3):
        lines.count("trials", done=done, of=3, words="x")
    assert capsys.readouterr().err.splitlines() == ["3 trials", "trials: 3/3, x, 0.0 s left"]


def test_the_bar_counts_trials() -> None:
    bar = Bar()
    bar.count("trials", done=2, of=5)
    bar.count("trials", done=3, of=5, words="draw 1")
    assert bar.bar is not None
    (task,) = bar.bar.tasks
    assert (task.description, task.completed, task.total) == ("trials", 3, 5)
    assert task.fields["figures"] == "draw 1"
    bar.stop()
    assert bar.bar is None
