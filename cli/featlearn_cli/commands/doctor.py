"""`featlearn doctor`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from featlearn_cli.options import DataOptions, data_options, example

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.workflows.doctor import Device, Diagnosis


@click.command("doctor", epilog=example("featlearn doctor", "featlearn doctor --json"))
@data_options
def command(options: DataOptions) -> None:
    """Say what is installed and usable here: versions, devices, data sets, disks.

    How fast bfloat16 is against float32 is measured, on a product of two matrices.
    Nothing is changed.
    """
    from featlearn.workflows.doctor import doctor

    options.show(doctor(options.root), _findings)


def _findings(result: "Diagnosis") -> "Iterable[RenderableType]":
    from featlearn.wording import human_bytes
    from featlearn_cli.text import facts, table

    yield facts(
        [
            ("featlearn", result.featlearn),
            ("python", f"{result.python} ({result.platform})"),
            ("cuda", result.cuda or "none: PyTorch is built for the CPU"),
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
    yield table(
        ["extra", "here", "needed for", "install with"],
        [(row.name, not row.missing, row.needed_for, row.command) for row in result.extras],
    )
    yield ""
    yield table(
        ["device", "", "memory", "float32", "bfloat16", "ratio"],
        [(device.name, device.kind, *_measured(device)) for device in result.devices],
    )
    yield ""
    yield table(
        ["folder", "path", "writable", "free"],
        [(row.name, row.path, row.writable, _size(row.free)) for row in result.places],
    )
    yield ""
    yield table(
        ["data set", "here", "fetch with"],
        [(row.name, row.present, row.command) for row in result.datasets],
    )
    others = f"Other folders of the data root: {', '.join(result.others)}"
    problems = [f"! {problem}" for problem in result.problems]
    lines = [others, *problems] if result.others else problems
    yield from ["", *lines] if lines else []


def _measured(device: "Device") -> tuple[object, ...]:
    speed = device.speed
    if speed is None:
        return _size(device.memory), None, None, None
    rates = (f"{rate / 1e9:.4g} GFLOP/s" for rate in (speed.float32, speed.bfloat16))
    return _size(device.memory), *rates, f"{speed.ratio:.2g}"


def _size(count: int | None) -> str | None:
    from featlearn.wording import human_bytes

    return None if count is None else human_bytes(count)
