"""One small network of each kind, fed with flat rows."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from oddflow.networks.activation import Activation
from oddflow.networks.adversarial_autoencoder import AdversarialAutoencoder
from oddflow.networks.alexnet import AlexNet
from oddflow.networks.attention import TransformerEncoder
from oddflow.networks.attention_gan import AttentionDiscriminator, AttentionGenerator
from oddflow.networks.autoencoder import Autoencoder
from oddflow.networks.biggan import BigDiscriminator, BigGenerator
from oddflow.networks.byte_vectors import ByteVectors
from oddflow.networks.conditional_gan import ConditionalDiscriminator, ConditionalGenerator
from oddflow.networks.convolutional import ConvolutionalNetwork
from oddflow.networks.convolutional_autoencoder import ConvolutionalAutoencoder
from oddflow.networks.convolutional_recurrent import ConvolutionalRecurrent, SpatialTemporalNetwork
from oddflow.networks.convolutions import Convolution, Head, Pooling
from oddflow.networks.dcgan import DcganDiscriminator, DcganGenerator
from oddflow.networks.deep_belief import DeepBeliefNetwork
from oddflow.networks.deep_boltzmann import DeepBoltzmannMachine
from oddflow.networks.dense import MultilayerPerceptron
from oddflow.networks.densenet import DenseNet
from oddflow.networks.embeddings import CategoryEmbeddings, SkipGram
from oddflow.networks.encoder_gan import EncoderGan, JointDiscriminator
from oddflow.networks.feature_recurrent import FeatureRecurrent
from oddflow.networks.fully_convolutional import FullyConvolutionalNetwork
from oddflow.networks.generative_adversarial import Discriminator, Generator
from oddflow.networks.image_gan import ImageEncoder, ImageNetwork, ImagePair, Pixels
from oddflow.networks.inception import GoogLeNet
from oddflow.networks.information_gan import InformationDiscriminator, InformationImageDiscriminator
from oddflow.networks.inputs import RowsAsImage, RowsAsPieces, RowsAsSequence, SequenceAsRows
from oddflow.networks.inversion import Inversion
from oddflow.networks.language_model import PacketSurprise, PacketTokens
from oddflow.networks.lenet import LeNet5
from oddflow.networks.linear import LogisticRegression, Perceptron
from oddflow.networks.localiser import Localiser
from oddflow.networks.multimodal import MultimodalNetwork
from oddflow.networks.normalisation import Normalisation
from oddflow.networks.queue import ActionPreference, QueueValue
from oddflow.networks.recurrent import Cell, RecurrentNetwork
from oddflow.networks.recurrent_autoencoder import RecurrentAutoencoder
from oddflow.networks.recursive import RecursiveAutoencoder, RecursiveNetwork
from oddflow.networks.resnet import Block, ResNet
from oddflow.networks.restricted_boltzmann import RestrictedBoltzmannMachine, Visible
from oddflow.networks.sequence_convolutional import SequenceConvolutions
from oddflow.networks.statistics_image import StatisticsAutoencoder
from oddflow.networks.unet import UNet
from oddflow.networks.upsampling import Upsampling
from oddflow.networks.variational import VariationalAutoencoder
from oddflow.networks.vgg import Vgg

STEPS = 2
"""Few, because torch traces each step of a recurrent layer."""


@dataclass(frozen=True)
class Case:
    make: Callable[[], nn.Module]
    """A network of flat rows (n, width)."""
    width: int
    outputs: tuple[tuple[int, ...], ...]
    """Shapes without the row."""
    rows: Callable[[int, int], Tensor] = torch.randn
    """(count, width) -> rows."""
    idle: tuple[str, ...] = ()
    """Parts of parameters' names that this use of the network leaves alone."""


class Labelled(nn.Module):
    """Rows whose last column is a class, or whose last columns are the second argument."""

    def __init__(self, network: nn.Module, second: int = 0) -> None:
        super().__init__()
        self.network = network
        self.second = second

    def forward(self, x: Tensor) -> Tensor:
        if self.second:
            return self.network(x[:, : -self.second], x[:, -self.second :])
        return self.network(x[:, :-1], x[:, -1].long())


class Images(nn.Module):
    """Rows of an image and a class."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.image = RowsAsImage()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(self.image(x[:, :-1]), x[:, -1].long())


class Pairs(nn.Module):
    """Rows of a thing and two that stand beside it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x[:, 0].long(), x[:, 1:].long())


class Marks(nn.Module):
    """Sequences with channels first, as what marks packets takes them."""

    def __init__(self, network: nn.Module, steps: int) -> None:
        super().__init__()
        self.sequence = RowsAsSequence(steps)
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(self.sequence(x).transpose(1, 2))


class Options(nn.Module):
    """Rows of several actions, each with "may be taken" first."""

    def __init__(self, network: nn.Module, width: int) -> None:
        super().__init__()
        self.network = network
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.unflatten(1, (-1, self.width)))


def from_0_to_1(count: int, width: int) -> Tensor:
    return torch.rand(count, width)


def packets(count: int, width: int) -> Tensor:
    """Signed lengths, then gaps; the second row is short of its last packet and the third is empty."""
    x = torch.cat([1500 * (2 * torch.rand(count, width // 2) - 1), 1e6 * torch.rand(count, width // 2) ** 4], dim=1)
    x = x.reshape(count, 2, -1)
    x[1:2, :, -1:] = 0
    x[2:3] = 0
    return x.flatten(1)


def scaled_packets(count: int, width: int) -> Tensor:
    x = packets(count, width)
    return torch.cat([x[:, : width // 2] / 1500, x[:, width // 2 :] / 1e6], dim=1)


def with_class(count: int, width: int) -> Tensor:
    return torch.cat([torch.randn(count, width - 1), torch.arange(count)[:, None] % 2], dim=1)


def codes(count: int, width: int) -> Tensor:
    return torch.randint(0, 5, (count, width)).float()


def image(network: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(RowsAsImage(), network())


def sequence(network: Callable[[], nn.Module], steps: int = STEPS) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(RowsAsSequence(steps), network())


def recurrent(**options: object) -> Case:
    return Case(sequence(lambda: RecurrentNetwork(2, 4, 6, **options)), 2 * STEPS, ((4,),), scaled_packets)  # type: ignore[arg-type]


def inversion() -> Inversion:
    generator, discriminator = Generator(3, 8, (6,)), Discriminator(8, (6,))
    layers = [*generator.body.body, generator.body.head]
    return Inversion(layers, list(discriminator.dense.body), torch.randn(9, 3), steps=2)


def encoder_gan() -> EncoderGan:
    return EncoderGan(Generator(3, 8, (6,)), Discriminator(8, (6,)), MultilayerPerceptron(8, 3, (6,)))


CASES: dict[str, Case] = {
    "logistic regression": Case(lambda: LogisticRegression(7, 3), 7, ((3,),)),
    "perceptron": Case(lambda: Perceptron(7), 7, ((),)),
    "action preference": Case(lambda: Options(ActionPreference(3), 4), 12, ((3,),), rows=from_0_to_1),
    "queue value": Case(lambda: Options(QueueValue(3), 4), 12, ((),), rows=from_0_to_1),
    "perceptron of many layers": Case(
        lambda: MultilayerPerceptron(7, 3, (6, 5), activation=Activation.TANH, dropout=0.1), 7, ((3,),)
    ),
    "perceptron, layer norm": Case(lambda: MultilayerPerceptron(7, 3, normalisation=Normalisation.LAYER), 7, ((3,),)),
    "convolutional": Case(image(lambda: ConvolutionalNetwork(widths=(4, 5, 6), dense=7)), 784, ((10,),)),
    "convolutional, separable": Case(
        image(
            lambda: ConvolutionalNetwork(
                widths=(4, 5), convolution=Convolution.SEPARABLE, pooling=Pooling.AVERAGE, head=Head.GLOBAL_AVERAGE
            )
        ),
        784,
        ((10,),),
    ),
    "convolutional, dilated": Case(
        image(lambda: ConvolutionalNetwork(widths=(4, 5), convolution=Convolution.DILATED)), 784, ((10,),)
    ),
    "LeNet-5": Case(image(LeNet5), 784, ((10,),)),
    "AlexNet": Case(image(lambda: AlexNet(width=4)), 784, ((10,),)),
    "VGG": Case(
        image(lambda: Vgg(blocks=((1, 4), (2, 6)), dense=(8, 7), normalisation=Normalisation.GROUP)), 784, ((10,),)
    ),
    "GoogLeNet": Case(image(lambda: GoogLeNet(width=2)), 784, ((10,),)),
    "ResNet": Case(image(lambda: ResNet(stages=(1, 1), width=4)), 784, ((10,),)),
    "ResNet, bottleneck": Case(
        image(lambda: ResNet(stages=(1, 1), width=8, block=Block.BOTTLENECK, normalisation=Normalisation.INSTANCE)),
        784,
        ((10,),),
    ),
    "DenseNet": Case(image(lambda: DenseNet(blocks=(2, 2), growth=4)), 784, ((10,),)),
    "sequence convolutions": Case(sequence(lambda: SequenceConvolutions(2, 4, (5, 6))), 2 * STEPS, ((4,),)),
    "RNN": recurrent(cell=Cell.SIMPLE, recurrent_dropout=0.2),
    "LSTM": recurrent(cell=Cell.LSTM, dropout=0.2, layers=2),
    "GRU, both ways": recurrent(cell=Cell.GRU, both_ways=True),
    "recurrent autoencoder": Case(
        lambda: nn.Sequential(
            RowsAsSequence(STEPS),
            RecurrentAutoencoder(2, STEPS, 6, 3, 2, cell=Cell.LSTM, both_ways=True, recurrent_dropout=0.2),
            SequenceAsRows(),
        ),
        2 * STEPS,
        ((2 * STEPS,),),
        scaled_packets,
    ),
    "recurrent over features": Case(lambda: FeatureRecurrent(7, 3, 6, 3, cell=Cell.GRU), 7, ((3,),)),
    "packets' bytes, then LSTM": Case(
        lambda: nn.Sequential(RowsAsPieces(STEPS, 12), SpatialTemporalNetwork(4, 3, 6)), 12 * STEPS, ((4,),)
    ),
    "convolution, then LSTM": Case(
        sequence(lambda: ConvolutionalRecurrent(2, 4, 3, 6)), 2 * STEPS, ((4,),), scaled_packets
    ),
    "Transformer": Case(
        sequence(lambda: TransformerEncoder(2, 4, steps=5, width=8, heads=2, layers=1), 5), 10, ((4,),), scaled_packets
    ),
    "recursive": Case(sequence(lambda: RecursiveNetwork(2, 4, 6), 2), 4, ((4,),), scaled_packets, idle=("apart",)),
    "recursive autoencoder": Case(sequence(lambda: RecursiveAutoencoder(2, 6), 3), 6, ((6,), ()), scaled_packets),
    "several views": Case(lambda: MultimodalNetwork(4, 3, steps=2, width=6), 4 + 4 + 784, ((3,), (3,))),
    "RBM": Case(lambda: RestrictedBoltzmannMachine(9, 5), 9, ((),), from_0_to_1),
    "RBM, Gaussian": Case(lambda: RestrictedBoltzmannMachine(9, 5, visible=Visible.GAUSSIAN), 9, ((),)),
    "DBN": Case(lambda: DeepBeliefNetwork(9, 2, (6, 5)), 9, ((2,),), from_0_to_1, idle=("visible_bias",)),
    "DBM": Case(lambda: DeepBoltzmannMachine(9, (6, 5), sweeps=2), 9, ((),), from_0_to_1),
    "DBM, Gaussian": Case(lambda: DeepBoltzmannMachine(9, (6, 5), sweeps=2, visible=Visible.GAUSSIAN), 9, ((),)),
    "autoencoder": Case(lambda: Autoencoder(9, (6, 3), dropout=0.2), 9, ((9,),)),
    "convolutional autoencoder": Case(
        image(lambda: ConvolutionalAutoencoder(code=5, width=3)), 784, ((1, 28, 28),), from_0_to_1
    ),
    "adversarial autoencoder": Case(lambda: AdversarialAutoencoder(9, (6, 3), (4,)), 9, ((9,), ())),
    "VAE": Case(lambda: VariationalAutoencoder(9, 6, 3), 9, ((9,), (3,), (3,))),
    "generator": Case(lambda: Generator(3, 9, (6,), last=Activation.SIGMOID), 3, ((9,),)),
    "discriminator": Case(lambda: Discriminator(9, (6,), dropout=0.2), 9, ((),)),
    "conditional generator": Case(lambda: Labelled(ConditionalGenerator(3, 9, 2, (6,))), 4, ((9,),), with_class),
    "conditional discriminator": Case(lambda: Labelled(ConditionalDiscriminator(9, 2, (6,))), 10, ((),), with_class),
    "InfoGAN": Case(lambda: InformationDiscriminator(9, 4, 2, (6, 5)), 9, ((), (4,), (2,))),
    "DCGAN generator": Case(lambda: DcganGenerator(5, 2), 5, ((1, 28, 28),)),
    "DCGAN discriminator": Case(image(lambda: DcganDiscriminator(2)), 784, ((),)),
    "attention generator": Case(lambda: AttentionGenerator(5, 2), 5, ((1, 28, 28),)),
    "attention discriminator": Case(image(lambda: AttentionDiscriminator(2)), 784, ((),)),
    "BigGAN generator": Case(lambda: Labelled(BigGenerator(6, 2, 2, 3)), 7, ((1, 28, 28),), with_class),
    "BigGAN discriminator": Case(lambda: Images(BigDiscriminator(2, 2)), 785, ((),), with_class),
    "InfoGAN of images": Case(image(lambda: InformationImageDiscriminator(4, 2, 2)), 784, ((), (4,), (2,))),
    "DCGAN pair": Case(lambda: ImagePair(ImageNetwork.DCGAN, 5, 2), 5, ((1, 28, 28), ())),
    "InfoGAN pair": Case(
        lambda: ImagePair(ImageNetwork.INFO, 15, 2), 15, ((1, 28, 28), ()), idle=("category", "continuous")
    ),
    "BigGAN pair": Case(lambda: ImagePair(ImageNetwork.BIG, 6, 2, 2), 6, ((2, 28, 28), ())),
    "image encoder": Case(lambda: nn.Sequential(Pixels(), ImageEncoder(3, 2)), 784, ((3,),), from_0_to_1),
    "inversion": Case(inversion, 8, ((8,), ())),
    "joint discriminator": Case(lambda: Labelled(JointDiscriminator(9, 3, (6,)), 3), 12, ((),)),
    "encoder GAN": Case(encoder_gan, 8, ((8,), ()), idle=("head", "discriminator")),
    "packets as language": Case(sequence(lambda: PacketSurprise(PacketTokens(), 6)), 2 * STEPS, ((),), packets),
    "FCN": Case(image(lambda: FullyConvolutionalNetwork(widths=(3, 4, 5))), 784, ((2, 28, 28),)),
    "FCN of packets": Case(
        lambda: Marks(FullyConvolutionalNetwork(2, 2, (3, 4), skips=0, dimensions=1), 4), 8, ((2, 4),)
    ),
    "U-Net": Case(image(lambda: UNet(widths=(2, 3, 4))), 784, ((2, 28, 28),)),
    "U-Net, interpolated": Case(
        lambda: Marks(UNet(2, 2, (3, 4), dimensions=1, upsampling=Upsampling.INTERPOLATED), 8), 16, ((2, 8),)
    ),
    "U-Net, unpooled": Case(image(lambda: UNet(widths=(2, 3), upsampling=Upsampling.UNPOOLED)), 784, ((2, 28, 28),)),
    "localiser": Case(image(Localiser), 784, ((2,), (4,))),
    "statistics as an image": Case(lambda: StatisticsAutoencoder(10, 3, 2), 10, ((10,),)),
    "embeddings": Case(lambda: CategoryEmbeddings((5, 3), (2, 2)), 4, ((6,),), codes),
    "skip-gram": Case(lambda: Pairs(SkipGram(5, 3)), 3, ((2,),), codes),
    "vectors of bytes": Case(image(lambda: ByteVectors(2)), 784, ((2, 28, 28),), torch.rand),
}


def made(name: str) -> tuple[nn.Module, Tensor]:
    """The network with weights by chance, running statistics as after some training, and rows."""
    case = CASES[name]
    torch.manual_seed(0)
    network = case.make()
    rows = case.rows(5, case.width)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 0:
                parameter.fill_(0.5)  # the γ of attention, which begins with 0
        network.train()(rows)
    return network.eval(), rows


def outputs(network: nn.Module, rows: Tensor) -> tuple[Tensor, ...]:
    """All that it gives, without gradients."""
    with torch.no_grad():
        given = network(rows)
    return given if isinstance(given, tuple) else (given,)
