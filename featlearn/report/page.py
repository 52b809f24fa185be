"""One page about one run or several: a file that needs nothing else to be read."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import cast

import jinja2
import torch
from markupsafe import Markup, escape

from featlearn._version import __version__
from featlearn.config.load import has_modalities
from featlearn.datasets.source import find_root
from featlearn.errors import UsageError
from featlearn.filenames import PAGE
from featlearn.files import write_bytes
from featlearn.networks.formats import read_figures
from featlearn.report.charts import as_data
from featlearn.report.comparison import comparison_view
from featlearn.report.records import read_comparison
from featlearn.report.run import run_view
from featlearn.report.several import several_view
from featlearn.report.shown import MOST
from featlearn.report.side_by_side import side_by_side
from featlearn.report.views import Chart, PageView, RunView
from featlearn.report.words import distinct_names, names_only
from featlearn.training.rundir import RunDirectory

_TEMPLATES = "featlearn.report"
_STYLES = ("page.css", "gallery.css", "sheet.css")
_SCRIPTS = (
    "core.js",
    "tiles.js",
    "plots.js",
    "parts.js",
    "sheet.js",
    "gallery.js",
    "curves.js",
    "map.js",
    "compare.js",
    "start.js",
)
"""What the page's script is put together from, in this order."""


def build_report(
    runs: Sequence[Path],
    out: Path,
    *,
    comparison: object | None = None,
    root: Path | None = None,
    device: torch.device | str = "cpu",
    untested: Mapping[Path, str] | None = None,
) -> Path:
    """Write the page about finished runs.

    The page holds its pictures, style and script in itself, loads nothing, and forbids
    the browser to.

    Args:
        runs: Folders of finished runs, in the order of the page.
        out: Folder that the page goes to; it is made if missing.
        comparison: What `quickstart.json` holds, to be shown at the top.
        root: Where data sets are, for reconstructions; found as usual if absent.
        device: Where to compute.
        untested: Why single units were not tested, for runs where that could have been.

    Returns:
        The file, `out/index.html`.

    Raises:
        UsageError: If no run is named, one is named twice, or one does not exist.
        CheckpointError: If a run is unfinished or damaged.
        DataError: If the comparison lacks something.
    """
    if not runs:
        raise UsageError("name at least one run to report on")
    root = find_root(root)
    worth = None if comparison is None else comparison_view(read_comparison(comparison))
    opened = [RunDirectory.open(path) for path in runs]
    refuse_repeats([run.path for run in opened])
    names = distinct_names([run.path for run in opened])
    said = untested or {}
    views = [
        _view(
            f"run{number}",
            run,
            name=name,
            root=root,
            device=device,
            most=MOST // len(opened),
            untested=said.get(run.path, ""),
        )
        for number, (run, name) in enumerate(zip(opened, names, strict=True), start=1)
    ]
    page = PageView(
        title=_title(views, compared=comparison is not None),
        version=__version__,
        runs=views,
        comparison=worth,
        together=side_by_side(views, [v.metrics for v in views]) if len(views) > 1 else None,
        data=[_figures(run) for run in opened],
    )
    path = out / PAGE
    write_bytes(path, render(page).encode())
    return path


def _view(
    key: str,
    run: RunDirectory,
    *,
    name: str,
    root: Path,
    device: torch.device | str,
    most: int,
    untested: str,
) -> RunView:
    """Gather everything about a run of one stack, or of several modalities."""
    if has_modalities(run.path):
        return several_view(key, run, name=name, root=root, device=device, most=most)
    return run_view(key, run, name=name, root=root, device=device, most=most, untested=untested)


def refuse_repeats(paths: Sequence[Path]) -> None:
    """Refuse a run that is named twice: beside itself it shows nothing.

    Raises:
        UsageError: If one is.
    """
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise UsageError(f"the run {path} is named twice; name each run once")
        seen.add(path.resolve())


def render(page: PageView) -> str:
    """Write a page as HTML."""
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.PackageLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["coded"] = _coded
    early, script = _packaged("early.js"), _script()
    return environment.get_template("page.html.j2").render(
        page=page,
        style=Markup("".join(map(_packaged, _STYLES))),  # noqa: S704 - files of this package
        early=Markup(early),  # noqa: S704 - a file of this package
        script=Markup(script),  # noqa: S704 - files of this package
        script_hashes=[_source_hash(early), _source_hash(script)],
        figures=_script_json(page.data),
        units=_script_json(
            {
                "runs": [stack.data for run in page.runs for stack in run.stacks],
                "charts": as_data(_charts(page)),
            }
        ),
    )


def _coded(text: str) -> Markup:
    """Set what stands between backticks as code; `jinja2` keeps what is marked as it is."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def _charts(page: PageView) -> list[Chart]:
    """Collect the charts of all runs, and those that compare them."""
    own = [chart for run in page.runs for chart in run.every_chart]
    return [*own, *(page.together.charts if page.together else [])]


def _script() -> str:
    """Put the page's script together, in a scope of its own."""
    return "(() => {\n" + "".join(map(_packaged, _SCRIPTS)) + "})();\n"


def _title(runs: Sequence[RunView], *, compared: bool) -> str:
    """Name the page."""
    if compared:
        return "What was learned without labels, and what it was worth"
    if len(runs) == 1:
        return runs[0].title
    return f"{len(runs)} runs, side by side"


def _figures(run: RunDirectory) -> dict[str, object]:
    """Collect a run's figures as they were written, for programs that read the page."""
    heads: dict[str, object] = {}
    for name in run.heads():
        folder = run.head(name)
        files = {"results": folder.results_file, "evaluation": folder.evaluation_file}
        heads[name] = {
            key: _without_folders(read_figures(file, dict[str, object]))
            for key, file in files.items()
            if file.exists()
        }
    results = read_figures(run.results_file, dict[str, object])
    sweeps = {
        name: _without_folders(read_figures(run.sweep(name).results_file, dict[str, object]))
        for name in run.sweeps()
    }
    return {"results": _without_folders(results), "heads": heads, "sweeps": sweeps}


def _without_folders(figures: dict[str, object]) -> dict[str, object]:
    """Name runs and sources by their own names: a page may be shown to others."""
    shown: dict[str, object] = {}
    for key, value in figures.items():
        if isinstance(value, dict):
            shown[key] = _without_folders(cast("dict[str, object]", value))
        elif key in {"run", "source"} and isinstance(value, str):
            shown[key] = names_only(value, value)
        else:
            shown[key] = value
    return shown


def _script_json(value: object) -> Markup:
    """Write JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - no sign is left that HTML could read


def _packaged(name: str) -> str:
    """Read a file that lies beside the templates."""
    return resources.files(_TEMPLATES).joinpath("templates", name).read_text(encoding="utf-8")


def _source_hash(script: str) -> str:
    """Name a script by its hash, so that the browser runs this one and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
