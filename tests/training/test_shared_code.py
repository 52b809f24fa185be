"""The shared code of two small modalities: its terms, and that it learns to cross."""

import msgspec
import numpy as np
import pytest
import torch

from featlearn.config.autoencoding import DenoisingSpec, MaskNoiseSpec
from featlearn.config.banks import DenseSpec
from featlearn.config.data import DataSpec, ShiftSpec
from featlearn.config.modalities import (
    ModalitySpec,
    MultimodalRecipe,
    PairsSpec,
    SharedSpec,
)
from featlearn.config.stages import StageSpec
from featlearn.config.training import AdamSpec, PretrainSpec
from featlearn.datasets.imageset import ImageSet
from featlearn.datasets.pairing import pair_samples
from featlearn.errors import DataError
from featlearn.ops.agreement import contrastive_agreement
from featlearn.ops.random import generator
from featlearn.training.loop import Loop
from featlearn.training.multimodal import MultimodalPretraining, Paired, shared_problem
from featlearn.training.pictures import Pictures
from featlearn.training.shared_code import fit_shared_scalers
from featlearn.training.unrecorded import Unrecorded

CPU = torch.device("cpu")


def rows(count: int, side: int, seed: int) -> ImageSet:
    """Make noise with a bright row, whose place is the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = rng.random((count, 1, side, side), np.float32) * np.float32(0.3)
    images[np.arange(count), 0, labels] += 0.6
    return ImageSet(images, labels.astype(np.int64), ("a", "b", "c"), None, f"rows {seed}")


def stage(name: str) -> StageSpec:
    objective = DenoisingSpec(corruption=MaskNoiseSpec())
    return StageSpec(name=name, filter=DenseSpec(maps=12), objective=objective)


def recipe(**shared: object) -> MultimodalRecipe:
    modalities = tuple(
        ModalitySpec(
            name=name,
            data=DataSpec(source=name),
            stages=(stage(f"{name}-stage"),),
            pretrain=PretrainSpec(epochs=2, batch=32),
        )
        for name in ("image", "sound")
    )
    spec = SharedSpec(epochs=12, batch=32, code=8, hidden=(16,), optimizer=AdamSpec(lr=5e-3))
    spec = msgspec.structs.replace(spec, **shared)
    return MultimodalRecipe(
        title="t", modalities=modalities, pairs=PairsSpec(by="class"), shared=spec
    )


def paired(spec: MultimodalRecipe, *, seed: int = 0, count: int = 120) -> Paired:
    sets = [rows(count, 4, seed), rows(count // 2, 5, seed + 1)]
    pairs = pair_samples(spec.names, sets, spec.pairs, seed=0)
    return Paired([Pictures(each, CPU) for each in sets], pairs)


def test_the_code_of_one_modality_is_named_by_a_reader_of_the_other() -> None:
    spec = recipe(views=0.5)
    training = MultimodalPretraining(spec, paired(spec))
    training.run(Unrecorded())
    judged = [rows(60, 4, 8), rows(60, 5, 9)]
    with torch.no_grad():
        image, sound = (
            training.net.encode({name: torch.tensor(each.images)})
            for name, each in zip(spec.names, judged, strict=True)
        )
    assert image.norm(dim=1) == pytest.approx(8**0.5, rel=1e-4)
    labels = judged[1].labels
    assert labels is not None
    centres = torch.stack([sound[torch.from_numpy(labels == c)].mean(0) for c in range(3)])
    named = (image @ centres.T).argmax(1).numpy()
    assert np.mean(named == judged[0].labels) > 0.9


def test_terms_are_those_of_the_formula() -> None:
    spec = recipe(dropout=0.0, agreement=0.7, rebuild=2.0)
    data = paired(spec)
    net = MultimodalPretraining(spec, data).net
    fit_shared_scalers(net, data.samples)
    problem = shared_problem(net, spec, data)
    chosen = torch.arange(20)
    terms = problem.terms(chosen, generator(0, "x"))
    pairs = torch.from_numpy(data.pairs)[chosen]
    shared = net.shared
    scaled = [net.features(p, data.samples[p].at(pairs[:, p])) for p in (0, 1)]
    lifted = [shared.lift(p, scaled[p]) for p in (0, 1)]
    codes = {"all": (lifted[0] + lifted[1]) / 2, "image": lifted[0], "sound": lifted[1]}
    for name, code in codes.items():
        unit = code / code.norm(dim=1, keepdim=True) * 8**0.5
        expected = sum(
            ((shared.rebuild(p, unit) - scaled[p]) ** 2).sum(1).mean() / scaled[p].shape[1]
            for p in (0, 1)
        )
        torch.testing.assert_close(terms[f"rebuild_from_{name}"], 2.0 * torch.as_tensor(expected))
    same = (pairs[:, None] == pairs[None]).any(2)
    agreement = contrastive_agreement(*lifted, temperature=0.1, same=same)
    torch.testing.assert_close(terms["agreement"], 0.7 * agreement)
    assert {"rebuild_image", "rebuild_sound"} <= set(terms)
    assert "views_image" not in terms


def test_few_pairs_come_again_and_an_epoch_goes_through_the_largest_modality() -> None:
    spec = recipe()
    data = paired(spec)
    few = data._replace(pairs=data.pairs[:3])
    net = MultimodalPretraining(spec, few).net
    problem = shared_problem(net, spec, few)
    assert problem.samples == 120
    assert all(term.isfinite() for term in problem.terms(torch.arange(32), generator(0)).values())


def test_held_out_pairs_are_measured_alike_each_time() -> None:
    spec = recipe()
    data = paired(spec)
    training = MultimodalPretraining(spec, data, held_out=paired(spec, seed=5, count=30))
    problem = training._problem()
    first, again = problem.held_out(), problem.held_out()
    assert first is not None
    assert first == again
    assert first["loss"] == pytest.approx(sum(v for k, v in first.items() if k != "loss"))


def test_changed_copies_are_the_same_each_time_and_differ_from_one_another() -> None:
    spec = recipe()
    changed = msgspec.structs.replace(spec.modalities[0], augment=(ShiftSpec(pixels=1),), copies=3)
    spec = msgspec.structs.replace(spec, modalities=(changed, spec.modalities[1]))
    data = paired(spec)
    net = MultimodalPretraining(spec, data).net
    samples = [shared_problem(net, spec, data).learned.samples[0] for _ in range(2)]
    told: list[tuple[str, int, int]] = []

    def count(name: str, *, done: int, of: int) -> None:
        told.append((name, done, of))

    banks = [each.copied(count) for each in samples]
    assert told == [("changed copies of image", done, 360) for done in (0, 120, 240, 360)] * 2
    assert samples[0].copied(count) is banks[0]
    assert len(told) == 8
    assert banks[0].shape[:2] == (3, 120)
    assert torch.equal(banks[0], banks[1])
    assert not torch.equal(banks[0][0], banks[0][1])


def test_a_loop_that_is_put_back_goes_on_with_the_same_bytes() -> None:
    spec = recipe(views=1.0)
    data = paired(spec)

    def fresh() -> Loop:
        net = MultimodalPretraining(spec, data).net
        fit_shared_scalers(net, data.samples)
        return Loop(shared_problem(net, spec, data), spec.shared, epochs=2, seed=3)

    whole = fresh()
    assert len(list(whole.steps())) == 8
    cut = fresh()
    steps = cut.steps()
    for _ in range(3):
        next(steps)
    tensors, values = cut.save()
    resumed = fresh()
    resumed.problem.module.load_state_dict(cut.problem.module.state_dict())
    resumed.restore(tensors, values)
    assert len(list(resumed.steps())) == 5
    for name, tensor in whole.problem.module.state_dict().items():
        assert torch.equal(tensor, resumed.problem.module.state_dict()[name]), name


def test_no_pair_at_all_is_refused() -> None:
    spec = recipe()
    data = paired(spec)
    with pytest.raises(DataError, match="image and sound have no pair left to learn from"):
        MultimodalPretraining(spec, data._replace(pairs=data.pairs[:0]))
