"""Hearing to see where the speaker was never heard: six folds, one for each speaker."""

import msgspec
import numpy as np

from featlearn.config.modalities import one_modality
from featlearn.datasets.imageset import ImageSet, Indices
from featlearn.datasets.recordings import speakers_of
from featlearn.networks.multimodal import MultimodalNet, build_shared
from featlearn.studies.digits_av.hearing import Draw, hear, seed_of
from featlearn.studies.digits_av.material import IMAGE, SOUND, Material
from featlearn.training.pictures import Pictures
from featlearn.training.pretraining import Pretraining
from featlearn.training.progress import Progress
from featlearn.training.settling import fitting_sample
from featlearn.training.shared_code import fit_shared_scalers
from featlearn.training.unrecorded import Unrecorded


def fold_of(whole: Material, speaker: str, *, draw: int, progress: Progress) -> Material:
    """Leave one speaker out of training, and test on that one only.

    The stack of the sounds learns anew, as it must not have heard the speaker either; the
    stack of the images is the run's.

    Args:
        whole: All samples, and the run's network.
        speaker: Who is left out.
        draw: Which training, by its own seed.
        progress: Told of every step.
    """
    recipe = msgspec.structs.replace(whole.recipe, seed=seed_of(whole, draw))
    learned = [whole.learned[IMAGE], _said(whole.learned[SOUND], speaker, by=False)]
    judged = [whole.judged[IMAGE], _said(whole.judged[SOUND], speaker, by=True)]
    samples = [Pictures(each, whole.device) for each in learned]
    training = Pretraining(one_modality(recipe, SOUND), samples[SOUND], held_out=None)
    training.run(Unrecorded(progress))
    stacks = [whole.net.stack(IMAGE), training.stack]
    net = MultimodalNet(stacks, build_shared(recipe, stacks).to(whole.device))
    fitted = [
        fitting_sample(one_modality(recipe, place), each) for place, each in enumerate(samples)
    ]
    fit_shared_scalers(net, fitted)
    return Material(net, recipe, learned=learned, kept=[], judged=judged, trained=False)


def hear_speaker(whole: Material, speaker: str, *, draw: int, progress: Progress) -> Draw:
    """Judge every method, learned from all pairs, on a speaker who was never heard."""
    left = fold_of(whole, speaker, draw=draw, progress=progress)
    return hear(left, count=None, draw=0, progress=progress)


def _said(samples: ImageSet, speaker: str, *, by: bool) -> ImageSet:
    """Take what a speaker said, or what all others did."""
    assert samples.ids is not None
    mine: Indices = np.flatnonzero((np.array(speakers_of(samples.ids)) == speaker) == by)
    return samples.subset(mine)
