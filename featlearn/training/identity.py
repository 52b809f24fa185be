"""What must be the same for a run to go on with the same bytes."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch

from featlearn._version import __version__
from featlearn.errors import CheckpointError


class Environment(msgspec.Struct, frozen=True):
    """What a run computed with."""

    featlearn: str
    torch: str
    python: str
    threads: int
    device: str

    @staticmethod
    def here(device: torch.device) -> "Environment":
        """Describe this process."""
        return Environment(
            featlearn=__version__,
            torch=str(torch.__version__),
            python=platform.python_version(),
            threads=torch.get_num_threads(),
            device=device.type,
        )


class Identity(msgspec.Struct, frozen=True):
    """What decides the bytes of a result.

    Attributes:
        settings: The resolved recipe and the options, as nested tables.
        environment: Versions, threads, device.
    """

    settings: dict[str, Any]
    environment: Environment

    @staticmethod
    def read(state: Mapping[str, Any], run: Path) -> "Identity":
        """Read the identity that a checkpoint's state holds."""
        try:
            return msgspec.convert(state["identity"], Identity)
        except (KeyError, msgspec.ValidationError) as error:
            raise CheckpointError(f"a checkpoint of {run} names no usable settings ({error})") from None

    def check(self, now: "Identity", run: Path) -> list[str]:
        """Refuse to go on with what would end in other bytes.

        Returns:
            Sentences about differences that are allowed, but may change the bytes.

        Raises:
            CheckpointError: If the settings, the threads or the device differ; the
                sentence says which.
        """
        differing = differences(self.settings, now.settings)
        if differing:
            more = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
            raise CheckpointError(
                f"{run} was started with other settings: {differing[0]}{more}; resume with the "
                "same, or start anew with --overwrite or in another folder"
            )
        for what in ("threads", "device"):
            then, here = getattr(self.environment, what), getattr(now.environment, what)
            if then != here:
                raise CheckpointError(
                    f"{run} was started with --{what} {then}, now it is {here}; "
                    f"resume with --{what} {then}, or start anew with --overwrite"
                )
        return [
            f"the run was started with {what} {then}, this is {here}; "
            "the result may differ in its last bits"
            for what in ("featlearn", "torch")
            if (then := getattr(self.environment, what)) != (here := getattr(now.environment, what))
        ]


def differences(then: object, now: object, path: str = "") -> list[str]:
    """List the keys in which two nested tables differ, each as a phrase."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        return [
            line
            for key in sorted({*then, *now}, key=str)
            for line in differences(then.get(key), now.get(key), f"{path}.{key}" if path else str(key))
        ]
    if isinstance(then, list | tuple) and isinstance(now, list | tuple) and len(then) == len(now):
        return [
            line
            for place, pair in enumerate(zip(then, now, strict=True))
            for line in differences(*pair, f"{path}.{_label(pair[0], place)}")
        ]
    return [] if then == now else [f"{path} was {_said(then)}, now it is {_said(now)}"]


def _label(item: object, place: int) -> str:
    """Call an item of a list by its name where it has one."""
    if isinstance(item, Mapping) and isinstance(item.get("name"), str):
        return item["name"]
    return str(place)


def _said(value: object) -> str:
    """Write a value as a sentence can hold it."""
    return "the default" if value is None else repr(value)
