"""`featlearn bench`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from featlearn_cli.options import Computing, computing_options, example

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featlearn.bench.layers import LayerSpeed, Speeds
    from featlearn.bench.machine import Machine


@click.command(
    "bench",
    epilog=example("featlearn bench", "featlearn bench --threads 1 --rounds 3 --json"),
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=7,
    show_default=True,
    help="Times that each layer is measured; the medians are shown.",
)
@computing_options
def command(rounds: int, options: Computing) -> None:
    """Measure how fast each kind of layer is on this machine, in float32 and bfloat16.

    Every layer gets batches of 128, forward and in training, that is forward and backward.
    Beside it stands the share of the machine's best, which is measured first: of its rate of
    products or, for pooling and normalisation, of copying. Takes about a minute; other work on
    the machine makes the figures worse.
    """
    from featlearn.bench.layers import BATCH, LayerSpeed, Speeds, measure_layers
    from featlearn.training.device import pick_device, use_threads

    use_threads(options.threads)
    layers: list[LayerSpeed] = []
    machine = None
    for found in measure_layers(pick_device(options.device), rounds=rounds):
        if isinstance(found, LayerSpeed):
            layers.append(found)
            options.note(f"{found.layer}, {found.dtype}: {found.training_ms:.1f} ms")
        else:
            machine = found
            options.note(f"the machine at best: {_best(machine)}")
    assert machine is not None
    options.show(Speeds(machine=machine, batch=BATCH, layers=layers), _table)


def _best(machine: "Machine") -> str:
    rates = (f"{rate:.0f} GFLOP/s in {name}" for name, rate in machine.best_gflops.items())
    return f"{', '.join(rates)}, copies {machine.copy_gb_s:.0f} GB/s"


def _table(result: "Speeds") -> "Iterable[RenderableType]":
    from featlearn_cli.text import facts, table

    machine = result.machine
    yield facts(
        [
            ("device", machine.device),
            ("threads", machine.threads),
            ("at best", _best(machine)),
            ("batch", result.batch),
        ]
    )
    yield ""
    headers = ["layer", "over", "dtype", "forward", "training", "images/s", "rate", "of best"]
    yield table(headers, map(_row, result.layers))


def _row(layer: "LayerSpeed") -> tuple[object, ...]:
    rate = f"{layer.gb_s:.1f} GB/s" if layer.gflops is None else f"{layer.gflops:.0f} GFLOP/s"
    share = layer.fraction_of_best
    return (
        layer.layer,
        layer.input,
        layer.dtype,
        f"{layer.forward_ms:.2f} ms",
        f"{layer.training_ms:.2f} ms",
        round(layer.images_s),
        rate,
        None if share is None else f"{100 * share:.0f} %",
    )
