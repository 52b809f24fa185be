"""`study face-unit`: train the networks, judge every method alike, and show the best unit."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from featlearn.datasets.known import open_known
from featlearn.datasets.known_faces import judged_scenes
from featlearn.datasets.scenes import JITTERS
from featlearn.datasets.source import find_root, open_splits
from featlearn.filenames import CARD, RESULTS
from featlearn.files import write_bytes, write_json
from featlearn.networks.store import load_stack
from featlearn.studies.faces.crossed import Judged
from featlearn.studies.faces.evidence import Unit, gather
from featlearn.studies.faces.results import HEADLINE, FaceUnitResult, Regime, markdown
from featlearn.studies.faces.table import PUBLISHED, Materials, Network, Row, table
from featlearn.studies.faces.variants import WHOLE, Variant, variants
from featlearn.studies.folders import same_command
from featlearn.training.device import pick_device, use_threads
from featlearn.training.pictures import Pictures
from featlearn.training.progress import Progress, Silent
from featlearn.training.rundir import RunDirectory
from featlearn.visualize.style import save_figure
from featlearn.workflows.pretrain import pretrain


@same_command()
def face_unit(
    out: Path | str,
    *,
    root: Path | None = None,
    seed: int = 0,
    overrides: tuple[str, ...] = (),
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> FaceUnitResult:
    """Rerun the experiment of the face unit; what is trained in the folder already is kept.

    Args:
        out: Folder of the runs, the tables and the pictures.
        root: Where data sets are; `$FEATLEARN_DATA` or the user's cache if absent.
        seed: Of the trainings and of the controls.
        overrides: Changes of the recipe `faces`, as `key=value` texts.
        device: `auto`, `cpu` or `cuda`.
        threads: Threads of CPU operations; PyTorch's own choice if absent.
        progress: Told of every step.

    Raises:
        FeatlearnError: If the data are missing, or the folder holds other runs.
        Interrupted: If a signal asked for a stop; the same call goes on.
    """
    begun = time.monotonic()
    folder, root, progress = Path(out), find_root(root), progress or Silent()
    chosen = pick_device(device)
    use_threads(threads)
    networks: dict[str, Network] = {}
    runs: dict[str, str] = {}
    for variant in variants(folder, root=root, seed=seed, overrides=overrides):
        run = folder / "runs" / variant.name
        progress.note(f"training {variant.words}")
        _train(variant, run, root=root, device=device, threads=threads, progress=progress)
        networks[variant.name] = Network(load_stack(run).stack.to(chosen).eval(), variant.recipe)
        runs[variant.name] = str(run)
    recipe = networks[WHOLE].recipe
    scenes = Pictures(open_splits(recipe.data, root=root, seed=seed).train, chosen)
    materials = Materials(networks, scenes, seed)
    opened = partial(open_known, root=root)
    judged = {name: Judged.of(judged_scenes(opened, name), chosen) for name in JITTERS}
    tables = {
        name: table(materials, some, told=partial(_told, progress, name))
        for name, some in judged.items()
    }
    best = tables[HEADLINE][1].best[0]
    unit = Unit(networks[WHOLE].stack, networks[WHOLE].stack.index(best.part), best)
    progress.note(f"looking at {unit.name}")
    evidence, drawn = gather(unit, judged["none"], scenes, seed=seed)
    figures: list[str] = []
    for name, figure in drawn:
        for ending in ("png", "svg"):
            file = folder / "figures" / f"{name}.{ending}"
            save_figure(figure, file)
            figures.append(str(file))
    result = FaceUnitResult(
        out=str(folder),
        seconds=round(time.monotonic() - begun, 1),
        regimes=[_regime(name, judged[name], rows) for name, (rows, _) in tables.items()],
        evidence=evidence,
        published={method: share / 100 for method, share in PUBLISHED.items()},
        runs=runs,
        figures=figures,
    )
    write_json(folder / RESULTS, msgspec.to_builtins(result))
    write_bytes(folder / CARD, markdown(result).encode())
    return result


def _train(variant: Variant, run: Path, **how: Any) -> None:
    """Train a network, or go on where its training stopped."""
    pretrain(variant.recipe, out=run, resume=RunDirectory(run).started, **how)


def _told(progress: Progress, regime: str, method: str) -> None:
    """Say what is tried."""
    progress.note(f"faces moved by {regime}: {method}")


def _regime(name: str, judged: Judged, rows: list[Row]) -> Regime:
    """Say what the rows were measured on."""
    return Regime(
        name=name,
        scenes=len(judged.half),
        faces=int(judged.faces.sum()),
        groups=len(set(judged.groups.tolist())),
        rows=rows,
    )
