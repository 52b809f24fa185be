"""`doctor`: what is installed and usable on this machine."""

import contextlib
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import msgspec

from featlearn._version import __version__
from featlearn.datasets.catalogue import KNOWN, KnownSet
from featlearn.datasets.known import is_present
from featlearn.datasets.limits import whole_memory
from featlearn.workflows.speed import Speed, product_speed

_REQUIRED = (
    "click",
    "jinja2",
    "joblib",
    "matplotlib",
    "msgspec",
    "numpy",
    "pillow",
    "pooch",
    "rich",
    "safetensors",
    "scikit-learn",
    "scipy",
    "threadpoolctl",
    "tomli-w",
    "torch",
)
_EXTRAS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "audio": ("recordings other than WAV", ("soundfile",)),
    "fast": ("locally connected layers at full speed on the CPU", ("llvmlite",)),
    "tables": ("encode to Parquet", ("pyarrow",)),
    "track": ("--track", ("tensorboard",)),
    "tune": ("sweep", ("optuna",)),
    "dev": (
        "work on featlearn itself",
        (
            "axe-playwright-python",
            "build",
            "hypothesis",
            "import-linter",
            "pandas",
            "playwright",
            "pre-commit",
            "pyright",
            "pytest",
            "pytest-cov",
            "pytest-xdist",
            "ruff",
            "setuptools",
        ),
    ),
}
"""What each extra is for, and its packages."""

_LITTLE = 2 * 10**9
"""Bytes of free disk below which a run may fill it."""


class Package(msgspec.Struct, frozen=True):
    """A package, its version (`None`: not installed) and what needs it."""

    name: str
    version: str | None
    needed_for: str


class Extra(msgspec.Struct, frozen=True, kw_only=True):
    """Packages that some uses need.

    Attributes:
        name: As pip is told.
        needed_for: Those uses.
        missing: Packages of it that are not here.
        command: What installs them; `None` if nothing is missing.
    """

    name: str
    needed_for: str
    missing: list[str]
    command: str | None


class Device(msgspec.Struct, frozen=True):
    """Something to compute on.

    Attributes:
        name: What it is.
        kind: What `--device` takes.
        memory: In bytes, if it is known.
        speed: How fast it multiplies matrices; `None` if it cannot in bfloat16.
    """

    name: str
    kind: str
    memory: int | None
    speed: Speed | None


class Place(msgspec.Struct, frozen=True):
    """A folder that commands write to; `free` is in bytes, of its disk."""

    name: str
    path: str
    writable: bool
    free: int | None


class Present(msgspec.Struct, frozen=True):
    """A known set, whether it can be used here, and else what fetches it."""

    name: str
    present: bool
    command: str | None


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; `problems` are sentences, none of them if all is well.

    `cuda` is the version that PyTorch was built for, `None` in a build for the CPU alone.
    `memory` is the machine's, in bytes, where the system tells it. `others` are the
    folders of the data root that are no known set.
    """

    featlearn: str
    python: str
    platform: str
    cuda: str | None
    cores: int
    threads: int
    memory: int | None
    packages: list[Package]
    extras: list[Extra]
    devices: list[Device]
    places: list[Place]
    datasets: list[Present]
    others: list[str]
    problems: list[str]


def doctor(root: Path) -> Diagnosis:
    """Look at versions, devices, data sets and disks; nothing is changed.

    Args:
        root: Where data sets are.
    """
    import torch

    packages = [_package(name, "every run") for name in _REQUIRED]
    packages += [
        _package(name, f"{use} (extra `{extra}`)")
        for extra, (use, names) in _EXTRAS.items()
        if extra != "dev"
        for name in names
    ]
    places = [
        _place("data root", root),
        _place("current folder", Path.cwd()),
        _place("temporary files", Path(tempfile.gettempdir())),
    ]
    return Diagnosis(
        featlearn=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        cuda=torch.version.cuda,
        cores=_cores(),
        threads=torch.get_num_threads(),
        memory=whole_memory(),
        packages=packages,
        extras=[_extra(name) for name in _EXTRAS],
        devices=_devices(),
        places=places,
        datasets=[_set(known, root) for known in KNOWN.values()],
        others=_others(root),
        problems=_problems(packages, places),
    )


def _package(name: str, use: str) -> Package:
    """Look up a package without importing it."""
    try:
        return Package(name, metadata.version(name), use)
    except metadata.PackageNotFoundError:
        return Package(name, None, use)


def _extra(name: str) -> Extra:
    """See what an extra lacks."""
    use, packages = _EXTRAS[name]
    missing = [package for package in packages if _package(package, use).version is None]
    command = f"pip install 'featlearn[{name}]'" if missing else None
    return Extra(name=name, needed_for=use, missing=missing, command=command)


def _devices() -> list[Device]:
    """List the processor and the CUDA devices."""
    import torch

    from featlearn.training.device import processor

    found = [Device(processor(), "cpu", whole_memory(), product_speed(torch.device("cpu")))]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        speed = product_speed(torch.device("cuda", index))
        found.append(Device(properties.name, "cuda", properties.total_memory, speed))
    return found


def _set(known: KnownSet, root: Path) -> Present:
    """Look for a known set."""
    here = is_present(known.name, root)
    fetched = here or not known.mirrors
    return Present(known.name, here, None if fetched else f"featlearn data fetch {known.name}")


def _others(root: Path) -> list[str]:
    """List the folders of the data root that are no known set."""
    try:
        names = [path.name for path in root.iterdir() if path.is_dir()]
    except OSError:  # not there, or not to be read
        return []
    return sorted(name for name in names if name not in KNOWN and not name.startswith("."))


def _place(name: str, path: Path) -> Place:
    """Look at a folder, or at the nearest one above it that exists."""
    existing = next(
        (folder for folder in (path, *path.absolute().parents) if folder.exists()), path
    )
    free = None
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(existing).free
    return Place(name, str(path), os.access(existing, os.W_OK), free)


def _problems(packages: list[Package], places: list[Place]) -> list[str]:
    """Say what would stand in the way, and what to do."""
    found = [
        f"{package.name} is not installed, and every run needs it; install featlearn again"
        for package in packages
        if package.version is None and package.name in _REQUIRED
    ]
    for place in places:
        if not place.writable:
            found.append(f"the {place.name} ({place.path}) cannot be written to")
        elif place.free is not None and place.free < _LITTLE:
            found.append(f"the disk of the {place.name} ({place.path}) is almost full")
    return found


def _cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
