"""The convolutional networks as detectors of first bytes."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, final

from torch import nn

from oddflow.detectors.classifying import ClassifyingDetector
from oddflow.detectors.registry import registered
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.features.image import PIXELS, SIDE
from oddflow.features.representation import Reads
from oddflow.networks.activation import Activation
from oddflow.networks.alexnet import AlexNet
from oddflow.networks.byte_vectors import ByteVectors
from oddflow.networks.convolutional import ConvolutionalNetwork
from oddflow.networks.convolutions import Convolution, Head, Pooling
from oddflow.networks.densenet import DenseNet
from oddflow.networks.inception import GoogLeNet
from oddflow.networks.inputs import RowsAsImage
from oddflow.networks.lenet import LeNet5
from oddflow.networks.normalisation import Normalisation
from oddflow.networks.resnet import Block, ResNet
from oddflow.networks.styling import restyle
from oddflow.networks.vgg import Vgg


class Architecture(StrEnum):
    """How convolutions follow each other; each is described where its network is."""

    LENET = "lenet"
    THREE_CONVOLUTIONS = "three-convolutions"
    ALEXNET = "alexnet"
    VGG = "vgg"
    INCEPTION = "inception"
    RESNET = "resnet"
    RESNET_BOTTLENECK = "resnet-bottleneck"
    DENSENET = "densenet"
    ALL_CONVOLUTIONAL = "all-convolutional"
    DILATED = "dilated"
    SEPARABLE = "separable"


Made = Callable[[int, int, Pooling], nn.Module]
"""Of channels, outputs and pooling: images (n, channels, 28, 28) to logits (n, outputs)."""

NETWORKS: Mapping[Architecture, Made] = {
    Architecture.LENET: lambda channels, outputs, pooling: LeNet5(channels, outputs, pooling=pooling),
    Architecture.THREE_CONVOLUTIONS: lambda channels, outputs, pooling: ConvolutionalNetwork(
        channels, SIDE, outputs, pooling=pooling
    ),
    Architecture.ALEXNET: lambda channels, outputs, _: AlexNet(channels, outputs),
    Architecture.VGG: lambda channels, outputs, _: Vgg(channels, SIDE, outputs),
    Architecture.INCEPTION: lambda channels, outputs, _: GoogLeNet(channels, outputs),
    Architecture.RESNET: lambda channels, outputs, _: ResNet(channels, outputs),
    Architecture.RESNET_BOTTLENECK: lambda channels, outputs, _: ResNet(channels, outputs, block=Block.BOTTLENECK),
    Architecture.DENSENET: lambda channels, outputs, _: DenseNet(channels, outputs),
    Architecture.ALL_CONVOLUTIONAL: lambda channels, outputs, pooling: ConvolutionalNetwork(
        channels, SIDE, outputs, pooling=pooling, head=Head.GLOBAL_AVERAGE
    ),
    # a third dilated convolution would see more than is left of the image
    Architecture.DILATED: lambda channels, outputs, pooling: ConvolutionalNetwork(
        channels, SIDE, outputs, (32, 64), pooling=pooling, convolution=Convolution.DILATED
    ),
    Architecture.SEPARABLE: lambda channels, outputs, pooling: ConvolutionalNetwork(
        channels, SIDE, outputs, pooling=pooling, convolution=Convolution.SEPARABLE
    ),
}
POOLED = frozenset({
    Architecture.LENET, Architecture.THREE_CONVOLUTIONS, Architecture.ALL_CONVOLUTIONAL, Architecture.DILATED,
    Architecture.SEPARABLE,
})  # fmt: skip
"""Those whose pooling is a choice; the others' is their own."""


@registered
@final
class ConvolutionalNetworkDetector(ClassifyingDetector):
    """Sees the first 784 bytes of a flow as an image of 28×28 and says how likely an attack is.

    Source: Wang et al. 2017, "Malware Traffic Classification Using Convolutional Neural Network for Representation
    Learning" (LeNet-5 on such images); the other networks as `oddflow.networks` tells them.

    Args:
        features: The pixels: 784 of each channel.
        network: lenet, three-convolutions, alexnet, vgg, inception, resnet, resnet-bottleneck, densenet,
            all-convolutional (a mean over maps in place of dense layers), dilated or separable.
        pooling: What is kept of four pixels, max or average; of lenet, three-convolutions, all-convolutional, dilated
            and separable.
        normalisation: Between a convolution and what follows it.
        byte_vectors: Numbers of the learnt vector that each byte becomes; 0 shows a byte as a brightness.
        shared: See `ClassifyingDetector`.
    """

    name: ClassVar[str] = "convolutional-network"
    needs: ClassVar[str] = "train"
    summary: ClassVar[str] = "a network of convolutions on a flow's first bytes; learns from labels"
    good_at: ClassVar[str] = "malware by its own protocol; attacks in plain text"
    bad_at: ClassVar[str] = "encrypted payload; floods and scans without payload; attacks that were not learnt"
    paper: ClassVar[str] = "LeCun et al. 1998; Wang et al. 2017"
    reads: ClassVar[Reads] = Reads.IMAGE
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {
        **ClassifyingDetector.choices,
        "network": Architecture,
        "pooling": Pooling,
    }
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {**ClassifyingDetector.limits, "byte_vectors": (0, 32)}

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        network: str = Architecture.LENET,
        pooling: str = Pooling.MAX,
        epochs: int = 15,
        patience: int = 4,
        normalisation: str = Normalisation.BATCH,
        byte_vectors: int = 0,
        **shared: Any,
    ) -> None:
        super().__init__(features, epochs=epochs, patience=patience, normalisation=normalisation, **shared)
        self.network = network
        self.pooling = pooling
        self.byte_vectors = byte_vectors

    def _network(self, width: int, outputs: int) -> nn.Module:
        channels, left = divmod(width, PIXELS)
        if left or not channels:
            raise UsageError(f"{self.name} sees images of {PIXELS} pixels a channel; {width} columns given")
        kind, pooling = Architecture(self.network), Pooling(self.pooling)
        if pooling is not Pooling.MAX and kind not in POOLED:
            raise UsageError(f"pooling of {kind} is its own; leave it out, or use {', '.join(sorted(POOLED))}")
        maps = channels * (self.byte_vectors or 1)
        body = NETWORKS[kind](maps, outputs, pooling)
        restyle(body, Activation(self.activation), Normalisation(self.normalisation), self.dropout)
        seen = [RowsAsImage(SIDE, channels), *([ByteVectors(self.byte_vectors)] if self.byte_vectors else [])]
        return nn.Sequential(*seen, body)
