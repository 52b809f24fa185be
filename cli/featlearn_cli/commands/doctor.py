"""`featlearn doctor`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from featlearn_cli.options import DataOptions, data_options, example

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.doctor import Diagnosis


@click.command("doctor", epilog=example("featlearn doctor", "featlearn doctor --json"))
@data_options
def command(options: DataOptions) -> None:
    """Say what is installed and usable here: versions, devices, data sets, disks."""
    from featlearn.workflows.doctor import doctor

    options.show(doctor(options.root), _findings)


def _findings(result: "Diagnosis") -> "Iterable[RenderableType]":
    from featlearn.wording import human_bytes
    from featlearn_cli.text import facts, table

    yield facts(
        [
            ("featlearn", result.featlearn),
            ("python", f"{result.python} ({result.platform})"),
            ("threads", f"{result.threads} of {result.cores} cores"),
            ("memory", None if result.memory is None else human_bytes(result.memory)),
        ]
    )
    yield ""
    yield table(
        ["package", "version", "needed for"],
        [(row.name, row.version or "missing", row.needed_for) for row in result.packages],
    )
    yield ""
    rows = [(device.name, device.kind, _size(device.memory)) for device in result.devices]
    yield table(["device", "", "memory"], rows)
    yield ""
    yield table(
        ["folder", "path", "writable", "free"],
        [(row.name, row.path, row.writable, _size(row.free)) for row in result.places],
    )
    yield ""
    yield table(["data set", "here"], [(row.name, row.present) for row in result.datasets])
    for problem in result.problems:
        yield f"! {problem}"


def _size(count: int | None) -> str | None:
    from featlearn.wording import human_bytes

    return None if count is None else human_bytes(count)
