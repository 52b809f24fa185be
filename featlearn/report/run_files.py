"""What a finished run's folder holds, read before anything of it is computed or drawn."""

from typing import NamedTuple

from featlearn.errors import CheckpointError, UsageError
from featlearn.evaluate.units import find_unit
from featlearn.networks.formats import read_figures
from featlearn.networks.stack import Stack
from featlearn.networks.store import LoadedStack, load_stack
from featlearn.report.best_units import named_units
from featlearn.report.evaluations import read_evaluation
from featlearn.report.gabor import GaborRecord
from featlearn.report.records import HeadRecord, RunRecord, SweepRecord
from featlearn.report.unit_records import UnitTestRecord
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.curves import Metrics, read_metrics


class RunFiles(NamedTuple):
    """What a run's files say.

    Attributes:
        record: What pre-training wrote.
        loaded: The network.
        heads: What was trained on top.
        swept: Over numbers of labels.
        tested: Its best single units, if they were looked for.
        gabors: Gabor functions near its filters, if they were.
        metrics: Losses as they were logged.
    """

    record: RunRecord
    loaded: LoadedStack
    heads: list[HeadRecord]
    swept: list[SweepRecord]
    tested: UnitTestRecord | None
    gabors: GaborRecord | None
    metrics: Metrics

    @property
    def named(self) -> dict[str, list[str]]:
        """List the best units by the names of their stages."""
        return named_units(self.tested)


def read_run(run: RunDirectory) -> RunFiles:
    """Read all files of a run of one stack that the page is made from.

    Raises:
        CheckpointError: If one is missing, damaged, or not of this run's network.
    """
    record = read_figures(run.results_file, RunRecord)
    loaded = load_stack(run.path)
    folders = [run.head(name) for name in run.heads()]
    for folder in folders:
        if folder.evaluation_file.exists():
            read_evaluation(folder)
    units, gabor = run.units_file, run.gabor_file
    files = RunFiles(
        record=record,
        loaded=loaded,
        heads=[read_figures(folder.results_file, HeadRecord) for folder in folders],
        swept=[read_figures(run.sweep(name).results_file, SweepRecord) for name in run.sweeps()],
        tested=read_figures(units, UnitTestRecord) if units.exists() else None,
        gabors=read_figures(gabor, GaborRecord) if gabor.exists() else None,
        metrics=read_metrics(run.metrics_file),
    )
    try:
        _find(files.named, loaded.stack)
    except UsageError as error:
        raise CheckpointError(f"{units} is not of this run's network: {error}") from None
    return files


def _find(named: dict[str, list[str]], stack: Stack) -> None:
    """Refuse units that a network does not have, as where figures were changed by hand."""
    for stage, units in named.items():
        for unit in units:
            find_unit(stack.stage(stage).output_shape, unit)
