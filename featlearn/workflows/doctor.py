"""`doctor`: what is installed and usable on this machine."""

import contextlib
import os
import platform
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

import msgspec

from featlearn._version import __version__
from featlearn.datasets.catalogue import KNOWN
from featlearn.datasets.known import is_present
from featlearn.datasets.limits import whole_memory

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
    "tomli-w",
    "torch",
)
_OPTIONAL = {
    "tensorboard": "--track (extra `track`)",
    "pyarrow": "encode to Parquet (extra `tables`)",
}
_LITTLE = 2 * 10**9
"""Bytes of free disk below which a run may fill it."""


class Package(msgspec.Struct, frozen=True):
    """A package, its version (`None`: not installed) and what needs it."""

    name: str
    version: str | None
    needed_for: str


class Device(msgspec.Struct, frozen=True):
    """Something to compute on; `kind` is what `--device` takes, `memory` is in bytes."""

    name: str
    kind: str
    memory: int | None


class Place(msgspec.Struct, frozen=True):
    """A folder that commands write to; `free` is in bytes, of its disk."""

    name: str
    path: str
    writable: bool
    free: int | None


class Present(msgspec.Struct, frozen=True):
    """A known set and whether it can be used here."""

    name: str
    present: bool


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; `problems` are sentences, none of them if all is well.

    `memory` is the machine's, in bytes, where the system tells it.
    """

    featlearn: str
    python: str
    platform: str
    cores: int
    threads: int
    memory: int | None
    packages: list[Package]
    devices: list[Device]
    places: list[Place]
    datasets: list[Present]
    problems: list[str]


def doctor(root: Path) -> Diagnosis:
    """Look at versions, devices, data sets and disks; nothing is changed.

    Args:
        root: Where data sets are.
    """
    import torch

    packages = [_package(name, "every run") for name in _REQUIRED]
    packages += [_package(name, use) for name, use in _OPTIONAL.items()]
    places = [
        _place("data root", root),
        _place("current folder", Path.cwd()),
        _place("temporary files", Path(tempfile.gettempdir())),
    ]
    return Diagnosis(
        featlearn=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        cores=_cores(),
        threads=torch.get_num_threads(),
        memory=whole_memory(),
        packages=packages,
        devices=_devices(),
        places=places,
        datasets=[Present(name, is_present(name, root)) for name in KNOWN],
        problems=_problems(packages, places),
    )


def _package(name: str, use: str) -> Package:
    """Look up a package without importing it."""
    try:
        return Package(name, metadata.version(name), use)
    except metadata.PackageNotFoundError:
        return Package(name, None, use)


def _devices() -> list[Device]:
    """List the processor and the CUDA devices."""
    import torch

    found = [Device(platform.processor() or platform.machine(), "cpu", whole_memory())]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        found.append(Device(properties.name, "cuda", properties.total_memory))
    return found


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
