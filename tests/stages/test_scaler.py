"""Scaling of a stage's input: what it fits, what it floors, what it refuses."""

import pytest
import torch

from featlearn.config.inputs import InputName
from featlearn.errors import DataError
from featlearn.geometry import MapShape
from featlearn.stages.scaler import InputScaler

SHAPE = MapShape(3, 4, 5)


@pytest.fixture
def x() -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    spread = torch.tensor([1.0, 2.0, 0.5]).view(3, 1, 1)
    return torch.randn(400, *SHAPE, generator=draw) * spread + torch.arange(3).view(3, 1, 1)


@pytest.mark.parametrize(("per_unit", "dims"), [(False, (0, 2, 3)), (True, (0,))])
def test_standardising_gives_zero_mean_and_unit_deviation(
    x: torch.Tensor, per_unit: bool, dims: tuple[int, ...]
) -> None:
    scaler = InputScaler(SHAPE, "standardize", per_unit=per_unit)
    scaler.fit(x.split(64))
    assert scaler.centre.shape == (SHAPE if per_unit else (3, 1, 1))
    y = scaler(x)
    torch.testing.assert_close(y.mean(dims), torch.zeros_like(y.mean(dims)), atol=1e-4, rtol=0)
    torch.testing.assert_close(y.std(dims, correction=0), torch.ones_like(y.mean(dims)))
    torch.testing.assert_close(scaler.invert(y), x)


def test_unit_maps_the_range_of_each_map(x: torch.Tensor) -> None:
    scaler = InputScaler(SHAPE, "unit", per_unit=True)
    scaler.fit([x])
    y = scaler(x)
    assert scaler.scale.shape == (3, 1, 1)
    torch.testing.assert_close(y.amin((0, 2, 3)), torch.zeros(3))
    torch.testing.assert_close(y.amax((0, 2, 3)), torch.ones(3))
    torch.testing.assert_close(scaler.invert(y), x)


def test_unit_clips_what_it_has_not_seen(x: torch.Tensor) -> None:
    scaler = InputScaler(SHAPE, "unit")
    scaler.fit([x])
    y = scaler(3 * x)
    assert float(y.min()) == 0
    assert float(y.max()) == 1


def test_none_leaves_the_input(x: torch.Tensor) -> None:
    scaler = InputScaler(SHAPE, "none")
    scaler.fit([x])
    assert torch.equal(scaler(x), x)
    assert torch.equal(scaler.invert(x), x)


def test_how_the_sample_is_cut_does_not_matter(x: torch.Tensor) -> None:
    whole, parts = InputScaler(SHAPE, "standardize"), InputScaler(SHAPE, "standardize")
    whole.fit([x])
    parts.fit(x.split(7))
    torch.testing.assert_close(parts.state_dict(), whole.state_dict())


def test_a_unit_that_hardly_varies_is_not_blown_up() -> None:
    x = torch.randn(1000, 1, 2, 2) * torch.tensor([[1.0, 1.0], [1e-3, 0.0]])
    scaler = InputScaler(MapShape(1, 2, 2), "standardize", per_unit=True)
    scaler.fit([x])
    floor = 0.1 * x.double().var(0, correction=0).mean().sqrt()
    torch.testing.assert_close(scaler.scale[0, 1], floor.float().expand(2))
    assert scaler.scale[0, 0].min() > 5 * floor


@pytest.mark.parametrize("kind", ["standardize", "unit"])
@pytest.mark.parametrize("value", [0.0, 0.7])
def test_a_constant_input_is_only_shifted(kind: InputName, value: float) -> None:
    scaler = InputScaler(SHAPE, kind)
    x = torch.full((5, *SHAPE), value)
    scaler.fit([x])
    torch.testing.assert_close(scaler.scale, torch.ones(3, 1, 1))
    torch.testing.assert_close(scaler(x), torch.zeros_like(x))


def test_running_numbers_approach_the_batches(x: torch.Tensor) -> None:
    scaler, fitted = (InputScaler(SHAPE, "standardize") for _ in range(2))
    fitted.fit([x])
    scaler.running = True
    for _ in range(100):
        scaler.update(x, 0.1)
    torch.testing.assert_close(scaler.state_dict(), fitted.state_dict(), rtol=1e-3, atol=1e-3)


def test_one_update_is_a_step_of_the_momentum(x: torch.Tensor) -> None:
    scaler = InputScaler(SHAPE, "standardize")
    scaler.running = True
    scaler.update(x, 0.25)
    torch.testing.assert_close(scaler.centre[:, 0, 0], 0.25 * x.mean((0, 2, 3)))
    variance = 0.75 + 0.25 * x.var((0, 2, 3), correction=0)
    torch.testing.assert_close(scaler.scale[:, 0, 0], variance.sqrt())


@pytest.mark.parametrize("kind", ["standardize", "unit"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
def test_a_batch_without_a_finite_measure_changes_nothing(
    x: torch.Tensor, kind: InputName, bad: float | None
) -> None:
    scaler = InputScaler(SHAPE, kind)
    scaler.fit([x])
    before = {name: value.clone() for name, value in scaler.state_dict().items()}
    scaler.running = True
    spoilt = x[:0] if bad is None else x.clone()
    if bad is not None:
        spoilt[3, 1, 2, 2] = bad
    scaler.update(spoilt)
    assert all(torch.equal(scaler.state_dict()[name], value) for name, value in before.items())
    scaler.update(x + 1)
    assert not torch.equal(scaler.centre, before["centre"])


def test_frozen_numbers_stay(x: torch.Tensor) -> None:
    scaler = InputScaler(SHAPE, "standardize")
    scaler.update(x)
    assert torch.equal(scaler.centre, torch.zeros(3, 1, 1))


def test_it_is_stored_with_the_model(x: torch.Tensor) -> None:
    scaler, loaded = (InputScaler(SHAPE, "standardize") for _ in range(2))
    scaler.fit([x])
    loaded.load_state_dict(scaler.state_dict())
    assert torch.equal(loaded(x), scaler(x))
    assert not list(scaler.parameters())


def test_gradients_pass_and_none_is_kept(x: torch.Tensor) -> None:
    scaler = InputScaler(SHAPE, "standardize")
    x = x.clone().requires_grad_()
    scaler.fit([x])
    scaler(x).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad[0], (1 / scaler.scale).expand(SHAPE))


def test_an_empty_batch_passes() -> None:
    assert InputScaler(SHAPE, "standardize")(torch.zeros(0, *SHAPE)).shape == (0, *SHAPE)


def test_no_sample_is_refused() -> None:
    with pytest.raises(DataError, match="at least one sample"):
        InputScaler(SHAPE, "standardize").fit([])


def test_nan_is_refused() -> None:
    scaler = InputScaler(SHAPE, "standardize")
    with pytest.raises(DataError, match="NaN or infinity"):
        scaler.fit([torch.full((2, *SHAPE), float("nan"))])
    assert torch.equal(scaler.scale, torch.ones(3, 1, 1))


def test_a_batch_is_measured_in_its_own_precision() -> None:
    x = 1e6 + torch.randn(50, 1, 4, 4, dtype=torch.float64)
    scaler = InputScaler(MapShape(1, 4, 4), "standardize").double()
    scaler.running = True
    scaler.update(x, momentum=1.0)
    torch.testing.assert_close(scaler.centre.flatten(), x.mean().view(1))
    torch.testing.assert_close(scaler.scale.flatten(), x.std(correction=0).view(1))
