"""What must be the same for a run to go on with the same bytes."""

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from featlearn._version import __version__
from featlearn.errors import CheckpointError
from featlearn.files import BAD_JSON, write_json
from featlearn.networks.formats import FORMAT, check_format
from featlearn.ops import local_kernels
from featlearn.training.commit import own_commit

UNLABELLED = "unlabelled"
"""The name for images of another source, which a head learns from without labels."""


class Environment(msgspec.Struct, frozen=True):
    """What a run computed with."""

    featlearn: str
    torch: str
    numpy: str
    python: str
    threads: int
    device: str
    kernels: str = "plain"
    commit: str | None = None

    @staticmethod
    def here(device: str) -> "Environment":
        """Describe this process, which computes on a device of this type."""
        return Environment(
            featlearn=__version__,
            torch=str(torch.__version__),
            numpy=np.__version__,
            python=platform.python_version(),
            threads=torch.get_num_threads(),
            device=device,
            kernels=local_kernels.described(),
            commit=own_commit(),
        )


class Identity(msgspec.Struct, frozen=True):
    """What decides the bytes of a result.

    Attributes:
        settings: The resolved recipe and the options, as nested tables.
        environment: Versions, threads, device.
        data: Fingerprints of the splits, `train` and perhaps `test`, of other `unlabelled` images
            if there are, and the number of training `images`.
        options: Words of a command line that goes on with the training as it was begun;
            they decide nothing.
        format: Version of the run directory.
    """

    settings: dict[str, Any]
    environment: Environment
    data: dict[str, str | int] = {}
    options: list[str] = []
    format: int = FORMAT

    @staticmethod
    def read(value: object, path: Path) -> "Identity":
        """Read an identity from JSON's types.

        Raises:
            CheckpointError: If it is damaged or of another format version; the
                sentence names `path`.
        """
        version = value.get("format") if isinstance(value, Mapping) else None
        if isinstance(version, int):
            check_format(version, path)
        try:
            return msgspec.convert(value, Identity)
        except msgspec.ValidationError as error:
            raise CheckpointError(
                f"{path} is damaged ({error}); start anew with --overwrite"
            ) from None

    @staticmethod
    def load(path: Path) -> "Identity":
        """Read the file that `save` wrote.

        Raises:
            CheckpointError: If it is missing, damaged or of another format version.
        """
        try:
            value = json.loads(path.read_bytes())
        except (OSError, *BAD_JSON):
            raise CheckpointError(
                f"{path} is missing or damaged; start anew with --overwrite"
            ) from None
        return Identity.read(value, path)

    def save(self, path: Path) -> None:
        """Write the identity to a file of its own."""
        write_json(path, msgspec.to_builtins(self))

    def check_settings(self, now: "Identity", run: Path) -> None:
        """Refuse to go on with another recipe or other options.

        Raises:
            CheckpointError: The sentence names what differs.
        """
        differing = differences(self.settings, now.settings)
        if differing:
            more = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
            raise CheckpointError(
                f"{run} was begun with other settings: {differing[0]}{more}; resume with the "
                "same, or start anew with --overwrite or in another folder"
            )

    def check_data(self, now: "Identity", run: Path) -> None:
        """Refuse to go on with other images.

        Raises:
            CheckpointError: The sentence says which.
        """
        then, here = self.data, now.data
        if then == here:
            return
        if then.get("images") != here.get("images"):
            what = f"{then.get('images')} training images, now there are {here.get('images')}"
        else:
            changed = next(key for key in {**then, **here} if then.get(key) != here.get(key))
            place = "finetune.semi.source" if changed == UNLABELLED else f"data.{changed}"
            what = f"other {changed} images ({place}) than there are now"
        raise CheckpointError(
            f"{run} was begun with {what}; put the data back as they were, or start anew with "
            "--overwrite or in another folder"
        )

    def check(self, now: "Identity", run: Path) -> list[str]:
        """Refuse to go on with what would end in other bytes.

        Returns:
            Sentences about differences that are allowed, but may change the bytes.

        Raises:
            CheckpointError: If the settings, the images, the threads or the device
                differ; the sentence says which.
        """
        self.check_settings(now, run)
        self.check_data(now, run)
        then, here = self.environment, now.environment
        for what, before, after in (
            ("threads", then.threads, here.threads),
            ("device", then.device, here.device),
        ):
            if before != after:
                raise CheckpointError(
                    f"{run} was begun with --{what} {before}, now it is {after}; "
                    f"resume with --{what} {before}, or start anew with --overwrite"
                )
        return [
            f"the run was begun with {what} {before}, this is {after}; "
            "the result may differ in its last bits"
            for what, before, after in (
                ("featlearn", then.featlearn, here.featlearn),
                ("torch", then.torch, here.torch),
                ("numpy", then.numpy, here.numpy),
                ("python", then.python, here.python),
                ("kernels", then.kernels, here.kernels),
                ("commit", then.commit or here.commit, here.commit or then.commit),
            )
            if before != after
        ]


def differences(then: object, now: object, path: str = "") -> list[str]:
    """List the keys in which two nested tables differ, each as a phrase."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        return [
            line
            for key in sorted({*then, *now}, key=str)
            for line in differences(
                then.get(key), now.get(key), f"{path}.{key}" if path else str(key)
            )
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
