"""Networks written anew from their papers, under torchvision's names: what maps of names must hit.

Nothing of the package is used here. Normalisations have random statistics, so that one that is
forgotten or taken for another shows.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_bn(
    channels: int, maps: int, size: int, *, stride: int = 1, padding: int = 0
) -> nn.Sequential:
    parts = OrderedDict[str, nn.Module]()
    parts["conv"] = nn.Conv2d(channels, maps, size, stride, padding, bias=False)
    parts["bn"] = nn.BatchNorm2d(maps, eps=1e-3)
    parts["relu"] = nn.ReLU()
    return nn.Sequential(parts)


class BasicBlock(nn.Module):
    def __init__(self, channels: int, maps: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, maps, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(maps)
        self.conv2 = nn.Conv2d(maps, maps, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(maps)
        self.downsample: nn.Module | None = None
        if stride > 1 or channels != maps:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, maps, 1, stride, bias=False), nn.BatchNorm2d(maps)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        below = 64
        for number, maps in enumerate((64, 128, 256, 512), start=1):
            stride = 1 if number == 1 else 2
            blocks = [BasicBlock(below, maps, stride), BasicBlock(maps, maps, 1)]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            below = maps
        self.fc = nn.Linear(512, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
        return self.fc(x.mean((2, 3)))


class DenseLayer(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 128, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(128)
        self.conv2 = nn.Conv2d(128, 32, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(F.relu(self.norm2(y)))], 1)


class DenseNet121(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        parts = OrderedDict[str, nn.Module]()
        parts["conv0"] = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        parts["norm0"] = nn.BatchNorm2d(64)
        parts["relu0"] = nn.ReLU()
        parts["pool0"] = nn.MaxPool2d(3, 2, 1)
        maps = 64
        for block, count in enumerate((6, 12, 24, 16), start=1):
            layers = {f"denselayer{i + 1}": DenseLayer(maps + 32 * i) for i in range(count)}
            parts[f"denseblock{block}"] = nn.Sequential(OrderedDict(layers))
            maps += 32 * count
            if block < 4:
                transition = OrderedDict[str, nn.Module]()
                transition["norm"] = nn.BatchNorm2d(maps)
                transition["relu"] = nn.ReLU()
                transition["conv"] = nn.Conv2d(maps, maps // 2, 1, bias=False)
                transition["pool"] = nn.AvgPool2d(2, 2)
                parts[f"transition{block}"] = nn.Sequential(transition)
                maps //= 2
        parts["norm5"] = nn.BatchNorm2d(maps)
        self.features = nn.Sequential(parts)
        self.classifier = nn.Linear(maps, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(F.relu(self.features(x)).mean((2, 3)))


class VGG11(nn.Module):
    """VGG-11 over 32x32 images, whose last maps have one position, with batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        below = 3
        for maps in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0):
            if maps == 0:
                layers.append(nn.MaxPool2d(2, 2))
                continue
            layers += [nn.Conv2d(below, maps, 3, padding=1), nn.BatchNorm2d(maps), nn.ReLU()]
            below = maps
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(512, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 1000),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


class Inception(nn.Module):
    def __init__(self, channels: int, *maps: int) -> None:
        super().__init__()
        one, before3, three, before5, five, pooled = maps
        self.branch1 = conv_bn(channels, one, 1)
        self.branch2 = nn.Sequential(
            conv_bn(channels, before3, 1), conv_bn(before3, three, 3, padding=1)
        )
        self.branch3 = nn.Sequential(
            conv_bn(channels, before5, 1), conv_bn(before5, five, 3, padding=1)
        )
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv_bn(channels, pooled, 1))

    def forward(self, x: Tensor) -> Tensor:
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return torch.cat([branch(x) for branch in branches], 1)


class GoogLeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv_bn(3, 64, 7, stride=2, padding=3)
        self.conv2 = conv_bn(64, 64, 1)
        self.conv3 = conv_bn(64, 192, 3, padding=1)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = nn.Linear(3, 2)  # a head that is only there while it learns
        self.fc = nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.conv3(self.conv2(x)), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.inception3b(self.inception3a(x)), 3, 2, ceil_mode=True)
        for name in "abcde":
            x = self.get_submodule(f"inception4{name}")(x)
        x = F.max_pool2d(x, 2, 2, ceil_mode=True)
        return self.fc(self.inception5b(self.inception5a(x)).mean((2, 3)))


def with_random_statistics(network: nn.Module, seed: int = 0) -> nn.Module:
    """Give every batch normalisation statistics, scales and offsets of its own."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.normal_(0.0, 0.1, generator=draw)
                module.running_var.uniform_(0.8, 1.2, generator=draw)
                module.weight.uniform_(0.4, 0.6, generator=draw)
                module.bias.normal_(0.0, 0.1, generator=draw)
    return network.eval()
