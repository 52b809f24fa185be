"""`report`: one page about one run or several."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from featlearn.errors import CheckpointError, UsageError
from featlearn.filenames import COMPARISON, REPORT
from featlearn.files import BAD_JSON
from featlearn.report.page import build_report
from featlearn.training.device import pick_device, use_threads


class ReportResult(msgspec.Struct, frozen=True, kw_only=True):
    """Where the page is, and how large, in bytes."""

    report: str
    size: int
    runs: list[str]


class _Subject(NamedTuple):
    """What the page is about."""

    runs: list[Path]
    comparison: dict[str, Any] | None


def report(
    runs: Sequence[Path],
    *,
    root: Path | None = None,
    out: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> ReportResult:
    """Write the page about finished runs.

    Args:
        runs: Folders of runs; one that `quickstart` made stands for its runs and
            their comparison.
        root: Where data sets are (see `find_root`), for reconstructions.
        out: Folder that the page goes to; `RUN/report` if there is one run only.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.

    Raises:
        FeatlearnError: If a run or its files stand in the way, or several are named
            without `out`.
    """
    if out is None and len(runs) != 1:
        raise UsageError("name the page's folder with --out when there are several runs")
    subjects = [_subject(path) for path in runs]
    paths = [path for subject in subjects for path in subject.runs]
    comparisons = [subject.comparison for subject in subjects if subject.comparison is not None]
    if len(comparisons) > 1:
        raise UsageError(f"a page shows one comparison, but {len(comparisons)} folders hold one")
    chosen = pick_device(device)
    use_threads(threads)
    page = build_report(
        paths,
        runs[0] / REPORT if out is None else out,
        comparison=comparisons[0] if comparisons else None,
        root=root,
        device=chosen,
    )
    return ReportResult(
        report=str(page), size=page.stat().st_size, runs=[str(path) for path in paths]
    )


def _subject(path: Path) -> _Subject:
    """Say which runs a folder stands for."""
    file = path / COMPARISON
    if not file.exists():
        return _Subject([path], None)
    try:
        comparison = json.loads(file.read_text(encoding="utf-8"))
        runs = [path / str(folder) for folder in comparison["runs"].values()]
    except (*BAD_JSON, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{file} is damaged ({error!r}); run `featlearn quickstart` again"
        ) from None
    return _Subject(runs, comparison)
