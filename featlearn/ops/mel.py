"""Sound as maps: powers in mel bands, and their cosine transform."""

import math

import torch
from torch import Tensor

from featlearn.errors import ShapeError

_QUIETEST = 1e-20  # power; what is quieter is silence


def mel_of(hertz: float) -> float:
    """Give the pitch of a frequency, in mel: 2595 log₁₀(1 + f / 700).

    Source:
        O'Shaughnessy, Speech Communication, 1987; the constants of the HTK book.
    """
    return 2595.0 * math.log10(1.0 + hertz / 700.0)


def mel_filterbank(*, bands: int, window: int, rate: int, low: float, high: float) -> Tensor:
    """Make triangular bands whose corners are even on the mel scale.

    Band b rises from 0 at corner b to 1 at corner b + 1 and falls to 0 at corner b + 2, linearly
    in hertz, of `bands` + 2 corners from `low` to `high`.

    Args:
        bands: How many bands.
        window: Samples of a spectrum; it has `window // 2 + 1` frequencies.
        rate: Samples a second.
        low: Lower end of the first band, in hertz.
        high: Upper end of the last band, in hertz.

    Returns:
        `(bands, window // 2 + 1)` weights in [0, 1].

    Raises:
        ShapeError: If a band is so narrow that no frequency lies in it.

    Source:
        Davis & Mermelstein, IEEE Transactions on ASSP 28(4), 1980, figure 1.
    """
    pitches = torch.linspace(mel_of(low), mel_of(high), bands + 2, dtype=torch.float64)
    corners = 700.0 * (10.0 ** (pitches / 2595.0) - 1.0)
    frequencies = torch.arange(window // 2 + 1, dtype=torch.float64) * rate / window
    left, centre, right = (corners[place : place + bands, None] for place in range(3))
    rising = (frequencies - left) / (centre - left)
    falling = (right - frequencies) / (right - centre)
    weights = torch.minimum(rising, falling).clamp_min(0.0)
    empty = (weights.sum(1) == 0).nonzero().flatten().tolist()
    if empty:
        raise ShapeError(
            f"{bands} mel bands from {low:g} to {high:g} Hz are too narrow for spectra of {window} "
            f"samples at {rate} Hz: none of their frequencies lies in band {empty[0]}; take fewer "
            "bands or a longer window"
        )
    return weights.float()


def log_mel(
    waves: Tensor, filterbank: Tensor, *, window: int, hop: int, depth: float = 80.0
) -> Tensor:
    """Describe recordings by the powers in their mel bands, relative to the loudest.

    y = max(1 + 10 log₁₀(p / max p) / depth, 0), p = M |STFT(x)|² under a Hann window. So a gain
    of the recording changes nothing. A silent recording gives zeros.

    Args:
        waves: `(n, samples)`, any unit.
        filterbank: M, `(bands, window // 2 + 1)`, as `mel_filterbank` makes it.
        window: Samples of a spectrum.
        hop: Samples from one spectrum to the next.
        depth: What is heard, in decibels below the loudest power.

    Returns:
        `(n, bands, frames)` in [0, 1], with `frames = (samples - window) // hop + 1`.

    Raises:
        ShapeError: If the recordings are shorter than a window, or the bands for another one.
    """
    if waves.ndim != 2 or waves.shape[1] < window:
        raise ShapeError(f"log_mel needs (n, samples >= {window}); got {tuple(waves.shape)}")
    if filterbank.shape[-1] != window // 2 + 1:
        raise ShapeError(
            f"the mel bands are for {filterbank.shape[-1]} frequencies, but spectra of {window} "
            f"samples have {window // 2 + 1}"
        )
    hann = torch.hann_window(window, dtype=waves.dtype, device=waves.device)
    spectra = torch.stft(
        waves, window, hop_length=hop, window=hann, center=False, return_complex=True
    )
    powers = filterbank.to(waves) @ (spectra.real.square() + spectra.imag.square())
    loudest = powers.amax((1, 2), keepdim=True)
    # Silence has no loudest power; against the least one it is as quiet as can be.
    heard = loudest > _QUIETEST
    relative = powers / torch.where(heard, loudest, torch.ones_like(loudest))
    decibels = 10.0 * relative.clamp_min(_QUIETEST).log10()
    return (1.0 + decibels / depth).clamp_min(0.0) * heard


def cosine_transform(x: Tensor, *, count: int) -> Tensor:
    """Take the first coefficients of the orthonormal cosine transform along the bands.

    c_k = s_k Σ_b x_b cos(π k (b + ½) / B), s_0 = √(1 / B) and s_k = √(2 / B): the DCT-II.

    Args:
        x: `(n, bands, frames)`.
        count: How many coefficients, at most `bands`.

    Returns:
        `(n, count, frames)`; of log-mel bands, the mel cepstrum.

    Raises:
        ShapeError: If there are fewer bands.

    Source:
        Davis & Mermelstein, IEEE Transactions on ASSP 28(4), 1980, equation 1, here orthonormal.
    """
    bands = x.shape[-2]
    if not 1 <= count <= bands:
        raise ShapeError(f"{bands} bands have 1 to {bands} coefficients; got {count}")
    k = torch.arange(count, dtype=torch.float64)[:, None]
    b = torch.arange(bands, dtype=torch.float64)[None, :]
    basis = torch.cos(math.pi * k * (b + 0.5) / bands) * math.sqrt(2.0 / bands)
    basis[0] *= math.sqrt(0.5)
    return basis.to(x) @ x
