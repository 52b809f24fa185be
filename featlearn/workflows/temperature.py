"""The temperature of a head, as a file beside it keeps it."""

import msgspec

from featlearn.errors import CheckpointError
from featlearn.files import sha256
from featlearn.networks.formats import FORMAT, read_figures
from featlearn.training.rundir import HeadFolder


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """A temperature, as a head's `calibration.json` holds it.

    Attributes:
        head: The head.
        temperature: What its logits are divided by.
        source: Where the images came from that it was fitted on.
        images: How many there were.
        nll_before: Mean cross-entropy on them at the temperature 1, in nats.
        nll: The same at this temperature.
        model: SHA-256 of the weights that it belongs to.
    """

    format: int = FORMAT
    head: str
    temperature: float
    source: str
    images: int
    nll_before: float
    nll: float
    model: str


def read_temperature(folder: HeadFolder) -> float | None:
    """Read the temperature of a head, if it has one.

    Raises:
        CheckpointError: If the file is damaged, or of other weights.
    """
    if not folder.calibration_file.exists():
        return None
    record = read_figures(folder.calibration_file, Calibration)
    if record.model != sha256(folder.model_file) or not record.temperature > 0:
        raise CheckpointError(
            f"{folder.calibration_file} is not of these weights; run "
            f"`featlearn evaluate {folder.run} --head {folder.path.name} --calibrate` again, or "
            "remove it"
        )
    return record.temperature
