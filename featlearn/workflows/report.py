"""`report`: one page about one run or several."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import msgspec

from featlearn.errors import CheckpointError, UsageError
from featlearn.filenames import COMPARISON, REPORT
from featlearn.files import BAD_JSON
from featlearn.report.page import build_report, refuse_repeats
from featlearn.workflows.report_units import units_of_runs
from featlearn.workflows.run_options import WorkOptions
from featlearn.workflows.running import Running


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
    out: Path | None = None,
    units: bool = True,
    **how: Unpack[WorkOptions],
) -> ReportResult:
    """Write the page about finished runs.

    The best single units of a run whose data have labels are found first, as `evaluate --units`
    finds them, and kept in the run; unless that was done before, or would take more operations
    than `MOST_OPERATIONS` of `featlearn.workflows.report_units`: then the page says how.

    Args:
        runs: Folders of runs; one that `quickstart` made stands for its runs and
            their comparison.
        out: Folder that the page goes to; `RUN/report` if there is one run only.
        units: Whether to find the best single units where they were not found yet.
        **how: `root` of the data sets, `device`, `threads` and `progress`: see `WorkOptions`.

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
    refuse_repeats(paths)  # before minutes of work, too
    running = Running.prepare(**how)
    untested = units_of_runs(paths, **how) if units else None
    page = build_report(
        paths,
        runs[0] / REPORT if out is None else out,
        comparison=comparisons[0] if comparisons else None,
        root=running.root,
        device=running.device,
        untested=untested,
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
