"""A net of two layers: 800 hidden units, trained by its cross-entropy."""

import time
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from featlearn.baselines.choosing import Predict, choose
from featlearn.baselines.task import Allowance, Examples, Fitted, Settings, Task, as_rows
from featlearn.datasets.imageset import Images, Indices
from featlearn.ops.random import generator

HIDDEN = 800
EPOCHS = 40

_BATCH = 100
_RATE = 1e-3
_DECAY = 0.01
_TIMED = 20
"""Steps that tell how long one takes."""

CANDIDATES: tuple[Settings, ...] = (
    {"hidden": HIDDEN, "dropout": 0.5, "dropout of pixels": 0.2},
    {"hidden": HIDDEN, "dropout": 0.0, "dropout of pixels": 0.0},
)


class _Net(NamedTuple):
    """Weights of both layers."""

    hidden: nn.Linear
    out: nn.Linear

    def logits(self, rows: Tensor) -> Tensor:
        """Give the logits of rows that are prepared."""
        return self.out(F.relu(self.hidden(rows)))


def fit_two_layer(task: Task, allowance: Allowance) -> Fitted:
    """Choose whether to drop units out, then train for as many epochs as the budget allows.

    With a budget there is no choice: the first candidate is trained.

    Args:
        task: What it is fitted to.
        allowance: Seconds.
    """
    epochs = task.rounds or EPOCHS
    if allowance.seconds is None:
        settings, choice = choose(
            lambda settings, learned: _train(settings, learned, task, epochs=epochs),
            CANDIDATES,
            task,
        )
    else:
        settings, choice = CANDIDATES[0], None
    if allowance.seconds is not None:
        steps = -(-len(task.train) // _BATCH)
        each = _step_seconds(settings, task)
        epochs = min(epochs, max(int(allowance.left / each / steps), 1))
    predict = _train(settings, task.train, task, epochs=epochs, told=True)
    return Fitted(
        predict,
        settings,
        choice,
        len(task.train),
        allowance.spent,
        rounds=epochs,
        wanted=task.rounds or EPOCHS,
    )


def _train(
    settings: Settings, learned: Examples, task: Task, *, epochs: int, told: bool = False
) -> Predict:
    """Train a net with AdamW at a rate that falls to zero along half a cosine."""
    draw = generator(task.seed, "two-layer")
    rows, labels = torch.from_numpy(learned.rows), torch.from_numpy(learned.labels)
    net = _initial(rows.shape[1], task.classes, draw)
    parameters = [*net.hidden.parameters(), *net.out.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=_DECAY)
    total = epochs * -(-len(rows) // _BATCH)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
    for epoch in range(epochs):
        for places in torch.randperm(len(rows), generator=draw).split(_BATCH):
            _step(net, optimizer, rows[places], labels[places], settings, draw)
            rate.step()
        if told:
            task.progress.count("epochs of the two-layer net", done=epoch + 1, of=epochs)

    @torch.no_grad()
    def predict(images: Images) -> Indices:
        return net.logits(torch.from_numpy(as_rows(images))).argmax(1).numpy()

    return predict


def _step(
    net: _Net,
    optimizer: torch.optim.Optimizer,
    rows: Tensor,
    labels: Tensor,
    settings: Settings,
    draw: torch.Generator,
) -> None:
    """Take one step."""
    x = _drop(rows, float(settings["dropout of pixels"]), draw)
    h = _drop(F.relu(net.hidden(x)), float(settings["dropout"]), draw)
    loss = F.cross_entropy(net.out(h), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _drop(x: Tensor, rate: float, draw: torch.Generator) -> Tensor:
    """Set some numbers to zero, and let the others keep the mean."""
    if not rate:
        return x
    return x * (torch.rand(x.shape, generator=draw) >= rate) / (1 - rate)


def _initial(pixels: int, classes: int, draw: torch.Generator) -> _Net:
    """Draw first weights (He et al. 2015); biases are zero."""
    net = _Net(nn.Linear(pixels, HIDDEN), nn.Linear(HIDDEN, classes))
    for layer in net:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=draw)
        nn.init.zeros_(layer.bias)
    return net


def _step_seconds(settings: Settings, task: Task) -> float:
    """Time a step, the first one apart."""
    some = Examples(task.train.images[: _BATCH * _TIMED], task.train.labels[: _BATCH * _TIMED])
    _train(settings, some.some(torch.arange(min(_BATCH, len(some))).numpy()), task, epochs=1)
    begun = time.monotonic()
    _train(settings, some, task, epochs=1)
    return (time.monotonic() - begun) / -(-len(some) // _BATCH)
