"""What a sweep remembers of its trials: whole lines, or a sentence."""

from pathlib import Path

import pytest

from featlearn.errors import CheckpointError
from featlearn.workflows.trial import Score, Trial
from featlearn.workflows.trial_log import TrialLog

LINE = (
    b'{"images":10,"right":7,"trial":'
    b'{"arm":"pretrained","labels":20,"label_seed":0,"seed":0,"choosing":false}}\n'
)


class Judge:
    """Knows nothing."""

    def scores(self, trials: object, *, workers: int) -> object:
        raise NotImplementedError


def opened(path: Path) -> TrialLog:
    return TrialLog(Judge(), path, told=lambda *_: None)  # pyright: ignore[reportArgumentType]


def test_a_line_that_is_cut_off_is_cut_away(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    trial = Trial(arm="pretrained", labels=20, label_seed=0, seed=0)
    for length in range(len(LINE), 2 * len(LINE)):
        path.write_bytes((LINE + LINE)[:length])
        log = opened(path)
        assert path.read_bytes() == LINE
        assert [*log.scores([trial], workers=1)] == [Score(7, 10)]


@pytest.mark.parametrize("line", [b"[" * 100_000, b"{}", b"\xff", b"null", LINE[:-9], b""])
def test_a_damaged_line_is_refused(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_bytes(line + b"\n" + LINE)
    with pytest.raises(CheckpointError, match=r"trials.jsonl is damaged .*--overwrite$"):
        opened(path)
