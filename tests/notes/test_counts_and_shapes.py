"""How many weights layers have, and how large what they give is, as the notes count them."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.networks.alexnet import AlexNet  # noqa: E402
from oddflow.networks.attention_gan import AttentionGenerator  # noqa: E402
from oddflow.networks.autoencoder import Autoencoder  # noqa: E402
from oddflow.networks.convolutional import ConvolutionalNetwork  # noqa: E402
from oddflow.networks.convolutions import GlobalAverageHead, SeparableConvolution  # noqa: E402
from oddflow.networks.dcgan import DcganDiscriminator, DcganGenerator  # noqa: E402
from oddflow.networks.dense import MultilayerPerceptron  # noqa: E402
from oddflow.networks.densenet import DenseBlock  # noqa: E402
from oddflow.networks.fully_convolutional import FullyConvolutionalNetwork  # noqa: E402
from oddflow.networks.inception import Inception  # noqa: E402
from oddflow.networks.inputs import RowsAsImage  # noqa: E402
from oddflow.networks.lenet import LeNet5  # noqa: E402
from oddflow.networks.normalisation import Normalisation  # noqa: E402
from oddflow.networks.recurrent import Cell  # noqa: E402
from oddflow.networks.resnet import Block, Residual, ResNet  # noqa: E402
from oddflow.networks.sequence_convolutional import SequenceConvolutions  # noqa: E402
from oddflow.networks.variational import VariationalAutoencoder  # noqa: E402
from oddflow.networks.vgg import VGG_11, VGG_13, Vgg  # noqa: E402


def weights(network):
    return sum(parameter.numel() for parameter in network.parameters())


def by_layer(network):
    """Trainable parameters of each layer that has some, in order."""
    leaves = [part for part in network.modules() if not list(part.children())]
    return [weights(leaf) for leaf in leaves if weights(leaf)]


def shapes(layers, x):
    """The shape after each layer, without the rows."""
    given = []
    for layer in layers:
        x = layer(x)
        given.append(tuple(x.shape[1:]))
    return given


def test_the_three_convolutions_have_122_570_weights():
    """Notes 000, lines 522 to 557."""
    network = ConvolutionalNetwork(channels=3, side=32, outputs=10)
    assert by_layer(network) == [896, 18_496, 36_928, 65_600, 650]
    assert weights(network) == 122_570


def test_the_three_convolutions_make_maps_of_the_notes_sizes():
    """Notes 000, lines 535 to 553: 30, 15, 13, 6, 4 pixels, then 1024 numbers.

    Line 519 puts channels before rows in the shape; the summary below it has them last, as Keras does by default.
    """
    network = ConvolutionalNetwork(channels=3, side=32, outputs=10)
    maps = shapes(network.body, torch.zeros(1, 3, 32, 32))
    assert [size for _, _, size in maps] == [30, 30, 15, 13, 13, 6, 4, 4]
    assert [channels for channels, _, _ in maps] == [32, 32, 32, 64, 64, 64, 64, 64]
    assert shapes(network.head, torch.zeros(1, 64, 4, 4)) == [(1024,), (64,), (64,), (10,)]


def test_a_layer_has_a_weight_more_for_each_output_than_it_has_inputs():
    """Notes 004, lines 75 to 77: (inputs + 1) · outputs; from 32 to 64 channels with 3×3, (32 · 9 + 1) · 64."""
    assert weights(nn.Linear(7, 5)) == (7 + 1) * 5
    assert weights(nn.Conv2d(32, 64, 3)) == (32 * 9 + 1) * 64 == 18_496


def test_as_many_maps_come_out_as_there_are_kernels():
    """Notes 004, line 73, and 001, line 449. Line 59 of 004 is wrong: a layer has many kernels, not one."""
    assert nn.Conv2d(3, 1, 3)(torch.zeros(1, 3, 8, 8)).shape[1] == 1
    assert nn.Conv2d(3, 17, 3)(torch.zeros(1, 3, 8, 8)).shape[1] == 17


def test_the_generator_has_2_305_472_weights_and_25_472_running_statistics():
    """Notes 000, lines 606 to 634.

    Line 611 wonders at 12544 · 4: a scale and a shift that learn, a mean and a variance that are kept, for each.
    """
    generator = DcganGenerator()
    assert by_layer(generator) == [1_254_400, 2 * 12_544, 819_200, 2 * 128, 204_800, 2 * 64, 1_600]
    assert weights(generator) == 2_305_472
    kept = sum(buffer.numel() for name, buffer in generator.named_buffers() if "running" in name)
    assert kept == 25_472
    assert weights(generator) + kept == 2_330_944
    batch_norm = generator.body[1]
    kept_of_first = batch_norm.running_mean.numel() + batch_norm.running_var.numel()
    assert weights(batch_norm) + kept_of_first == 50_176 == 4 * 12_544


def test_the_generator_grows_7_by_7_to_28_by_28():
    """Notes 000, lines 587 to 601."""
    maps = shapes(DcganGenerator().body, torch.zeros(2, 100))
    assert maps[0] == (12_544,)
    assert [shape for shape in dict.fromkeys(maps) if len(shape) == 3] == [
        (256, 7, 7),
        (128, 7, 7),
        (64, 14, 14),
        (1, 28, 28),
    ]


def test_the_discriminator_has_212_865_weights():
    """Notes 000, lines 657 to 678."""
    discriminator = DcganDiscriminator()
    assert by_layer(discriminator) == [1_664, 204_928, 6_273]
    assert weights(discriminator) == 212_865
    maps = list(dict.fromkeys(shapes(discriminator.body, torch.zeros(1, 1, 28, 28))))
    assert maps == [(64, 14, 14), (128, 7, 7), (6_272,)]


def test_lenet_is_28_14_10_5_400():
    """Notes 002, lines 1123 to 1127 (LeCun's 32×32 without padding), 1129 to 1133 (28×28, and maxima for means)."""
    network = LeNet5()
    maps = list(dict.fromkeys(shapes(network.body, torch.zeros(1, 1, 28, 28))))
    assert maps == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (400,), (120,), (84,)]
    assert nn.Conv2d(1, 6, 5)(torch.zeros(1, 1, 32, 32)).shape == (1, 6, 28, 28)
    assert any(isinstance(layer, nn.MaxPool2d) for layer in network.body)


def test_padding_28_pixels_by_two_makes_them_32():
    """Notes 002, lines 339 to 344."""
    assert nn.functional.pad(torch.zeros(4, 1, 28, 28), (2, 2, 2, 2)).shape == (4, 1, 32, 32)


def test_pooling_2_by_2_halves_and_a_stride_that_does_not_fit_drops_the_rest():
    """Notes 000, line 517; 002, line 1111; 004, line 69 ("valid" gives less, "same" as much)."""
    assert nn.MaxPool2d(2)(torch.zeros(1, 1, 28, 28)).shape == (1, 1, 14, 14)
    assert nn.MaxPool2d(2)(torch.zeros(1, 1, 13, 13)).shape == (1, 1, 6, 6)
    assert nn.Conv2d(1, 1, 3)(torch.zeros(1, 1, 8, 8)).shape == (1, 1, 6, 6)
    assert nn.Conv2d(1, 1, 3, padding=1)(torch.zeros(1, 1, 8, 8)).shape == (1, 1, 8, 8)


def test_a_separable_convolution_has_27_and_12_weights_where_a_plain_one_has_108():
    """Notes 002, lines 1278 to 1288. "About a third" is for these 4 outputs: the share is 1/m + 1/k²."""
    separable = SeparableConvolution(3, 4, 3, bias=False)
    assert (weights(separable.depthwise), weights(separable.pointwise)) == (27, 12)
    assert weights(nn.Conv2d(3, 4, 3, bias=False)) == 108
    assert pytest.approx(1 / 4 + 1 / 9) == (27 + 12) / 108
    wide = SeparableConvolution(64, 128, 3, bias=False)
    assert weights(wide) / weights(nn.Conv2d(64, 128, 3, bias=False)) == pytest.approx(1 / 128 + 1 / 9)
    x = torch.zeros(1, 3, 9, 9)
    assert separable(x).shape == nn.Conv2d(3, 4, 3)(x).shape


def test_a_separable_convolution_is_a_plain_one_of_rank_one():
    """Notes 002, line 1290: the same sizes with fewer weights, because a kernel is a product of two."""
    torch.manual_seed(0)
    separable = SeparableConvolution(3, 4, 3, bias=False)
    kernel = separable.pointwise.weight * separable.depthwise.weight.transpose(0, 1)  # (4, 3, 3, 3)
    x = torch.randn(2, 3, 9, 9)
    torch.testing.assert_close(separable(x), nn.functional.conv2d(x, kernel), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("size", "stride", "kernel"), [(5, 1, 3), (4, 2, 3), (7, 2, 5), (3, 3, 4), (2, 2, 2)])
def test_a_transposed_convolution_gives_i_minus_1_times_s_plus_k(size, stride, kernel):
    """Notes 002, line 1265, "VALID". TensorFlow gives i · s where k < s, torch still the formula's."""
    grown = nn.ConvTranspose2d(1, 1, kernel, stride)(torch.zeros(1, 1, size, size))
    assert grown.shape[-1] == (size - 1) * stride + kernel


@pytest.mark.parametrize(("size", "stride", "padding", "extra"), [(7, 1, 2, 0), (7, 2, 2, 1), (14, 2, 2, 1)])
def test_a_transposed_convolution_with_padding_gives_i_times_s(size, stride, padding, extra):
    """Notes 002, line 1266, "SAME": the generator's three, with a kernel of 5."""
    layer = nn.ConvTranspose2d(1, 1, 5, stride, padding=padding, output_padding=extra)
    assert layer(torch.zeros(1, 1, size, size)).shape[-1] == size * stride


def test_a_transposed_convolution_is_the_transposed_matrix():
    """Notes 002, lines 1250 to 1259: W′ᵀ [16, 4] @ O′ [4, 1] has X's shape and not X's values."""
    torch.manual_seed(0)
    kernel, x = torch.randn(1, 1, 3, 3), torch.randn(1, 1, 4, 4)
    unit = torch.eye(16).reshape(16, 1, 4, 4)
    matrix = nn.functional.conv2d(unit, kernel).flatten(1).t()  # W′: (4, 16)
    out = nn.functional.conv2d(x, kernel)
    torch.testing.assert_close(matrix @ x.flatten(), out.flatten())
    again = nn.functional.conv_transpose2d(out, kernel)
    torch.testing.assert_close(matrix.t() @ out.flatten(), again.flatten())
    assert again.shape == x.shape
    assert not torch.allclose(again, x)


def test_a_dilated_kernel_sees_more_with_as_many_weights():
    """Notes 002, lines 1226 to 1232."""
    plain, dilated = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3, dilation=2)
    assert weights(plain) == weights(dilated)
    x = torch.zeros(1, 1, 7, 7, requires_grad=True)
    for layer, seen in ((plain, 3), (dilated, 5)):
        (reached,) = torch.autograd.grad(layer(x)[0, 0, 1, 1], x)
        touched = reached[0, 0].abs().sum(dim=0).nonzero().flatten()
        assert int(touched.max() - touched.min()) + 1 == seen
        assert int((reached != 0).sum()) == 9


def test_a_1_by_1_convolution_is_a_dense_layer_on_each_pixel():
    """Notes 001, lines 446 to 448: it keeps places, and needs far fewer weights than a dense layer over them."""
    torch.manual_seed(0)
    layer, x = nn.Conv2d(3, 5, 1), torch.randn(2, 3, 4, 4)
    dense = torch.einsum("oc,nchw->nohw", layer.weight[:, :, 0, 0], x) + layer.bias[:, None, None]
    torch.testing.assert_close(layer(x), dense)
    assert weights(GlobalAverageHead(64, 10)) == 650 < weights(nn.Linear(64 * 16, 10))


def test_global_averages_take_the_place_of_dense_layers():
    """Notes 002, lines 800 to 817: [4, 7, 7, 2048] to [4, 2048], then 100 classes.

    Keras' layer gives [4, 2048] at once, not [4, 1, 1, 2048] first, as line 806 has it.
    """
    pooled = nn.AdaptiveAvgPool2d(1)(torch.ones(4, 2048, 7, 7))
    assert pooled.shape == (4, 2048, 1, 1)
    assert nn.Linear(2048, 100)(pooled.flatten(1)).shape == (4, 100)
    assert weights(nn.Linear(2048, 100)) == 204_900


def test_vgg_blocks_halve_images_and_grow_channels():
    """Notes 001, lines 404 to 420: (1, 64), (1, 128), (2, 256), (2, 512), (2, 512) is VGG-11.

    Its last layer is a sigmoid there; for classes that exclude each other, as with its loss, softmax is right.
    """
    with torch.device("meta"):
        network = Vgg(3, 224, 1000, VGG_11, dense=(4096, 4096))
        maps = shapes(network.body, torch.zeros(1, 3, 224, 224))
    assert maps == [(64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7)]
    assert weights(network) == 132_863_336  # VGG-11 of Simonyan & Zisserman 2015, table 2: 133 million
    chances = torch.tensor([2.0, 1.0, 3.0])
    assert chances.softmax(0).sum() == pytest.approx(1)
    assert chances.sigmoid().sum() > 2


def test_vgg_13_for_small_images_ends_with_256_64_10():
    """Notes 002, lines 1218 to 1222."""
    network = Vgg(3, 32, 10, VGG_13, dense=(256, 64))
    assert [layer.out_features for layer in network.head if isinstance(layer, nn.Linear)] == [256, 64, 10]
    assert network.head[1].in_features == 512
    assert sum(isinstance(part, (nn.Conv2d, nn.Linear)) for part in network.modules()) == 13


def test_alexnet_has_five_convolutions_and_three_dense_layers():
    """Notes 002, lines 1190 to 1195.

    They are wrong in two points: only the first, second and fifth convolution are pooled (Krizhevsky et al. 2012,
    section 3.5), and its first kernel is 11×11; 7×7 is Zeiler & Fergus 2014's, and what fits 28 pixels.
    """
    parts = list(AlexNet().modules())
    assert sum(isinstance(part, nn.Conv2d) for part in parts) == 5
    assert sum(isinstance(part, nn.Linear) for part in parts) == 3
    pools = [part for part in parts if isinstance(part, nn.MaxPool2d)]
    assert [(pool.kernel_size, pool.stride) for pool in pools] == [(3, 2)] * 3
    assert sum(isinstance(part, nn.Dropout) for part in parts) == 2


def test_an_inception_block_has_four_paths_and_1_by_1_convolutions_save_weights():
    """Notes 001, lines 451 to 454; GoogLeNet's first block has 192 to 256 channels (Szegedy et al. 2015, table 1)."""
    block = Inception(192, 64, (96, 128), (16, 32), 32)
    assert len(list(block.children())) == 4
    assert block(torch.zeros(1, 192, 28, 28)).shape == (1, 256, 28, 28)
    direct = weights(nn.Conv2d(192, 32, 5))
    assert weights(block.five) < direct / 8


def test_a_residual_block_can_fall_back_to_what_it_was_given():
    """Notes 002, lines 1298 to 1300: a block with weights of 0 gives x, so that depth does no harm."""
    block = Residual(8, 8, 1, Block.BASIC, Normalisation.BATCH)
    for parameter in block.difference.parameters():
        nn.init.zeros_(parameter)
    x = torch.rand(2, 8, 5, 5)
    torch.testing.assert_close(block(x), x)
    fitted = Residual(8, 16, 2, Block.BOTTLENECK, Normalisation.BATCH)
    assert isinstance(fitted.skip[0], nn.Conv2d)
    assert fitted.skip[0].kernel_size == (1, 1)


def test_gradients_reach_the_first_layer_of_a_deep_residual_network():
    """Notes 002, lines 1298 and 1390: without the skips they vanish on their way."""

    def gradient_at_the_first_layer(skips):
        torch.manual_seed(0)
        network = ResNet(stages=(12,), width=8, normalisation=Normalisation.NONE)
        for part in network.modules():
            if isinstance(part, Residual) and not skips:
                part.skip = Nothing()
        network(torch.rand(4, 1, 8, 8)).square().sum().backward()
        return float(network.body[0].weight.grad.norm())

    class Nothing(nn.Module):
        def forward(self, x):
            return torch.zeros_like(x)

    assert gradient_at_the_first_layer(skips=False) < 1e-6
    assert gradient_at_the_first_layer(skips=True) > 1e-2


def test_a_dense_block_adds_its_channels_to_those_before():
    """Notes 002, lines 1304 to 1306: concatenated, not added, so that what was given comes first, unchanged."""
    block = DenseBlock(6, 3, 4)
    x = torch.rand(2, 6, 5, 5)
    assert block(x).shape == (2, 6 + 3 * 4, 5, 5)
    torch.testing.assert_close(block(x)[:, :6], x)


def test_a_pixelwise_classifier_has_a_channel_for_each_class_and_the_background():
    """Notes 004, line 162: n classes and 1."""
    assert FullyConvolutionalNetwork(outputs=3 + 1)(torch.zeros(1, 1, 28, 28)).shape == (1, 4, 28, 28)


def test_the_autoencoder_of_fashion_mnist():
    """Notes 002, lines 1434 to 1435: 784, 256, 128, 20 and back. Line 1428's 28×18 pixels are 28×28: 784."""
    network = Autoencoder(784, (256, 128, 20))
    assert [layer.out_features for layer in network.encoder if isinstance(layer, nn.Linear)] == [256, 128, 20]
    assert [layer.out_features for layer in network.decoder if isinstance(layer, nn.Linear)] == [128, 256, 784]
    assert RowsAsImage()(torch.zeros(3, 784)).shape == (3, 1, 28, 28)


def test_the_variational_autoencoder_has_five_dense_layers_and_20_latent_numbers():
    """Notes 002, lines 1541 to 1552.

    Lines 1521 and 1522 name the networks the wrong way round: the decoder gives p(x | z), the encoder q(z | x).
    """
    network = VariationalAutoencoder(784)
    assert sum(isinstance(part, nn.Linear) for part in network.modules()) == 5
    assert (network.mean.out_features, network.log_variance.out_features) == (20, 20)
    drawn, mean, log_variance = network(torch.zeros(3, 784), torch.zeros(3, 20))
    assert (drawn.shape, mean.shape, log_variance.shape) == ((3, 784), (3, 20), (3, 20))


def test_five_transposed_convolutions_grow_1_pixel_to_64():
    """Notes 002, lines 1675 to 1679: [b, 1, 1, 100] to 64×64×3, channels becoming fewer, without biases."""
    channels = [100, 512, 256, 128, 64, 3]
    x, sizes = torch.zeros(1, 100, 1, 1), []
    for number in range(5):
        stride, padding = (1, 0) if number == 0 else (2, 1)
        x = nn.ConvTranspose2d(channels[number], channels[number + 1], 4, stride, padding, bias=False)(x)
        sizes.append(x.shape[-1])
    assert sizes == [4, 8, 16, 32, 64]
    assert x.shape == (1, 3, 64, 64)


def test_the_dense_networks_of_the_notes():
    """Notes 003, lines 12 to 18 (128, then 10) and 001, lines 282 to 287 (256, 10); 002, line 756 (784 … 10).

    Line 762 of notes 002 builds that one for 20 · 28 columns; 28 · 28 is meant.
    """
    assert weights(MultilayerPerceptron(784, 10, (128,))) == (784 + 1) * 128 + (128 + 1) * 10 == 101_770
    assert weights(MultilayerPerceptron(784, 10, (256,))) == 203_530
    unbiased = sum(a * b for a, b in ((784, 256), (256, 128), (128, 64), (64, 32), (32, 10)))
    assert unbiased == 244_032


def test_the_experts_network_of_the_notes():
    """Notes 003, lines 52 to 65: 32 maps of 26×26 are 21,632 numbers."""
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(21_632, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    assert by_layer(network) == [320, 2_769_024, 1_290]
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_a_gru_has_three_quarters_of_the_weights_of_an_lstm_and_both_several_times_an_rnn():
    """Notes 004, lines 181 to 182; an LSTM has four gates' weights, a GRU three."""
    simple, lstm, gru = (weights(cell.layer(5, 7)) for cell in (Cell.SIMPLE, Cell.LSTM, Cell.GRU))
    assert (lstm, gru) == (4 * simple, 3 * simple)


def test_sequences_are_rows_by_steps_by_features():
    """Notes 002, line 1316; 003, lines 312 to 316: one convolution, one output."""
    x = torch.zeros(4, 32, 2)
    states, last = nn.RNN(2, 7, batch_first=True)(x)
    assert states.shape == (4, 32, 7)
    assert last.shape == (1, 4, 7)
    both, _ = nn.LSTM(2, 7, batch_first=True, bidirectional=True)(x)
    assert both.shape == (4, 32, 14)
    assert SequenceConvolutions(2, 3)(x).shape == (4, 3)


def test_words_become_vectors():
    """Notes 002, line 1322: GloVe.6B.50d is 400,000 words of 50 numbers; 003, line 306."""
    with torch.device("meta"):
        table = nn.Embedding(400_000, 50)
        assert weights(table) == 20_000_000
        assert table(torch.zeros(2, 5, dtype=torch.long)).shape == (2, 5, 50)


def test_splitting_ten_classes_by_4_2_2_2_gives_four_parts():
    """Notes 002, lines 291 to 299: line 295 says 10 parts; there are 4, as the list of sizes has."""
    parts = torch.zeros(10, 35, 8).split([4, 2, 2, 2])
    assert len(parts) == 4
    assert [tuple(part.shape) for part in parts] == [(4, 35, 8), (2, 35, 8), (2, 35, 8), (2, 35, 8)]
    assert torch.stack([parts[1], parts[2]]).shape == (2, 2, 35, 8)


def test_attention_stands_on_maps_of_14_by_14():
    """Notes 002, line 1723 (self-attention GAN): its images are as large as the plain generator's."""
    assert AttentionGenerator(100, 4)(torch.zeros(2, 100)).shape == (2, 1, 28, 28)


def test_the_convolutions_of_the_notes_own_weights():
    """Notes 002, lines 1081 to 1087: four 3×3 kernels on 5×5, padded by a pixel; strides of 2 and 1 on line 1097."""
    x = torch.zeros(2, 3, 5, 5)
    kernels = torch.zeros(4, 3, 3, 3)
    assert nn.functional.conv2d(x, kernels, padding=1).shape == (2, 4, 5, 5)
    padded = nn.functional.pad(x, (1, 2, 1, 1))  # "SAME" for a kernel of 3×4
    assert nn.Conv2d(3, 4, (3, 4), (2, 1))(padded).shape == (2, 4, 3, 5)
