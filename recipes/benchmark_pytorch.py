"""The same networks in PyTorch, with the weights of ours.

What stands against `fdin_tf` in the benchmark. Each is written for speed as
PyTorch offers it: its own LSTM, time-major and over all regions at once; the
first layer on pairs as two products for each region; convolutions in
channels-last order; the response normalisation as one product with a band.

They take masks of clips that are padded at their end, and networks with the
options of the papers alone. Needs PyTorch, the extra `bench`.
"""

try:
    import torch
    from torch.nn import Module
except ImportError:  # told by `recipes.benchmark_references`
    torch, Module = None, object


def fdin_from_keras(model, dropout=None):
    """FDIN in PyTorch, with the weights of `build_fdin`.

    Args:
        model: Keras model on features, by `build_fdin`, of a number such as
            age, without `neutral_frames`, with location and importance.
        dropout: Share dropped after the layers on pairs and in the head;
            None: as in the model.

    Returns:
        A `torch.nn.Module` of features `(batch, frames, h, w, c)`, float, and
        of a mask `(batch, frames)`, bool, True where a frame is real: at
        least one frame of every clip, and none behind one that is not. It
        gives `(batch, 1)`, float32.
    """
    return _Fdin(model, dropout)


def siam_from_keras(model):
    """SIAM in PyTorch, with the weights of `build_siam`.

    Args:
        model: Keras model by `build_siam`, of a number such as age, with all
            modules, the mechanism `spatially_indexed` after the second
            convolution, and no dropout.

    Returns:
        A `torch.nn.Module` of frames `(batch, frames, height, width,
        channels)`, uint8, and of a mask as in `fdin_from_keras`. It gives
        `(batch, 1)`, float32.
    """
    return _Siam(model).to(memory_format=torch.channels_last)


def vggface_from_keras(encoder):
    """The frame encoder in PyTorch, with the weights of ours.

    Args:
        encoder: Keras model by `build_vggface_encoder`.

    Returns:
        A `torch.nn.Module` of frames `(batch, height, width, 3)`, uint8, to
        feature maps `(batch, h, w, c)` in the dtype of its weights.
    """
    return _Vggface(encoder).to(memory_format=torch.channels_last)


class _Fdin(Module):
    def __init__(self, model, dropout):
        super().__init__()
        layers = {layer.name: layer for layer in model.layers}
        relations, importance = layers["relations"], layers["importance"]
        share = relations.dropout if dropout is None else dropout
        self.drop = torch.nn.Dropout(share)
        self.dense = _linear(*_weights(layers["dense"]))
        self.lstm = _recurrent(
            torch.nn.LSTM, [layers[n] for n in layers if n.startswith("lstm_")]
        )
        kernel, bias, *others = _weights(relations)
        first, second = kernel.chunk(2)
        self.first = _linear(first, bias)
        self.second = _linear(second, None)
        self.others = torch.nn.ModuleList(
            _linear(*pair) for pair in zip(others[::2], others[1::2])
        )
        kernel, bias = _weights(importance)
        self.scores = torch.nn.Parameter(kernel.T.contiguous())
        self.scores_bias = torch.nn.Parameter(bias)
        head = []
        for name in layers:
            if name.startswith("head_") and name.endswith("_norm"):
                dense = layers[name.removesuffix("_norm")]
                head += [_linear(*_weights(dense)), _batch_norm(layers[name])]
                head += [torch.nn.ReLU(), torch.nn.Dropout(share)]
        self.head = torch.nn.Sequential(*head)
        (target,) = model.output_names
        self.answer = _linear(*_weights(layers[target]))
        i, j = torch.triu_indices(9, 9, 1)
        self.register_buffer("i", i)
        self.register_buffer("j", j)
        y, x = torch.meshgrid(*[torch.arange(3) / 3 + 1 / 6] * 2, indexing="ij")
        centers = torch.stack([x, y], dim=-1).reshape(9, 2)
        self.register_buffer("centers", centers)

    def forward(self, features, mask):
        batch, frames, height, width, channels = features.shape
        regions = features.view(
            batch, frames, 3, height // 3, 3, width // 3 * channels
        )
        regions = regions.permute(1, 0, 2, 4, 3, 5)
        regions = regions.reshape(frames, batch * 9, -1)
        sequence, _ = self.lstm(torch.relu(self.dense(regions)))
        last = (mask.sum(1) - 1).repeat_interleave(9)
        rows = torch.arange(batch * 9, device=last.device)
        dynamics = sequence[last, rows].view(batch, 9, -1)
        centers = self.centers.to(dynamics.dtype).expand(batch, 9, 2)
        dynamics = torch.cat([dynamics, centers], dim=-1)
        relations = (
            self.first(dynamics)[:, self.i] + self.second(dynamics)[:, self.j]
        )
        relations = self.drop(torch.relu(relations))
        for dense in self.others:
            relations = self.drop(torch.relu(dense(relations)))
        scores = (relations * self.scores.to(relations.dtype)).sum(-1)
        importance = torch.softmax(scores.float() + self.scores_bias, dim=-1)
        importance = importance.to(relations.dtype)[:, None]
        hidden = self.head(torch.bmm(importance, relations)[:, 0])
        return _in_float32(self.answer, hidden)


class _Siam(Module):
    def __init__(self, model):
        super().__init__()
        layers = {layer.name: layer for layer in model.layers}
        of_frame = layers["appearance"].encoder
        convolutions = [of_frame.get_layer(f"conv_{n}") for n in (1, 2, 3)]
        self.convolutions = torch.nn.ModuleList(map(_conv, convolutions))
        for block, convolution in enumerate(convolutions[:2], start=1):
            channel = torch.arange(convolution.filters)
            near = (channel[:, None] - channel).abs() <= 2
            self.register_buffer(f"band_{block}", near.float() * 1e-4)
        scale = of_frame.get_layer("scale")
        mean_face, deviation = _weights(scale)
        self.register_buffer("mean_face", mean_face)
        self.register_buffer("deviation", deviation)
        self.background = scale.background
        kernel, bias, fusion, fusion_bias = _weights(
            of_frame.get_layer("spatial_attention")
        )
        self.attention = torch.nn.Parameter(kernel)  # (places, c, units)
        self.attention_bias = torch.nn.Parameter(bias[:, None])
        self.fusion = _linear(fusion, fusion_bias)
        self.dense = torch.nn.Sequential(
            _linear(*_weights(of_frame.get_layer("dense_1"))),
            torch.nn.ReLU(),
            _linear(*_weights(of_frame.get_layer("dense_2"))),
            torch.nn.ReLU(),
        )
        self.rnn = _recurrent(
            torch.nn.RNN, [layers["rnn_1"], layers["rnn_2"]], "relu"
        )
        kernel, bias, fusion, fusion_bias = _weights(
            layers["temporal_attention"]
        )
        self.salience = torch.nn.Sequential(
            _linear(kernel, bias), torch.nn.Tanh(), _linear(fusion, fusion_bias)
        )
        (target,) = model.output_names
        self.answer = _linear(*_weights(layers[target]))

    def forward(self, frames, mask):
        batch, length = frames.shape[:2]
        maps = self._standardised(frames.flatten(0, 1)).permute(0, 3, 1, 2)
        for block, convolution in enumerate(self.convolutions[:2], start=1):
            maps = torch.relu(convolution(maps))
            maps = self._normalised(maps, getattr(self, f"band_{block}"))
            maps = torch.nn.functional.max_pool2d(maps, 2)
        maps = torch.relu(self.convolutions[2](self._attended(maps)))
        hidden = self.dense(maps.permute(0, 2, 3, 1).flatten(1))
        sequence, _ = self.rnn(hidden.view(batch, length, -1).transpose(0, 1))
        sequence = sequence.transpose(0, 1)
        salience = torch.sigmoid(self.salience(sequence).float())
        salience = salience * mask[..., None]
        weights = salience / salience.sum(1, keepdim=True)
        summary = (weights * sequence.float()).sum(1)
        return _in_float32(self.answer, summary)

    def _standardised(self, frames):
        """Grey levels of the face, without its mean and spread."""
        frames = frames.float()
        is_face = (frames != 0).any(-1, keepdim=True)
        of_image = {"dim": (1, 2, 3), "keepdim": True}
        count = is_face.sum(**of_image) * frames.shape[-1]
        count = count.clamp(min=1)
        away = (frames - frames.sum(**of_image) / count) * is_face
        variance = (away * away).sum(**of_image) / count
        standard = away * torch.rsqrt(variance.clamp(min=1))
        standard = (standard - self.mean_face) / self.deviation
        return torch.where(is_face, standard, self.background)

    def _normalised(self, maps, band):
        """Krizhevsky et al., with the constants that they print."""
        maps = maps.permute(0, 2, 3, 1)  # no copy: channels are last already
        root = torch.rsqrt(2 + (maps * maps) @ band.to(maps.dtype))
        return (maps * (root * root.sqrt())).permute(0, 3, 1, 2)

    def _attended(self, maps):
        """Equations 1 and 2 of Pei et al., all places in one product."""
        images, channels, height, width = maps.shape
        vectors = maps.permute(2, 3, 0, 1).reshape(-1, images, channels)
        hidden = torch.baddbmm(self.attention_bias, vectors, self.attention)
        scores = self.fusion(torch.tanh(hidden))[..., 0]
        attention = torch.sigmoid(scores.float()).T
        attention = attention.reshape(images, 1, height, width)
        return maps * attention.to(maps.dtype)


class _Vggface(Module):
    def __init__(self, encoder):
        super().__init__()
        blocks, mean = [], None
        for layer in encoder.layers:
            if layer.name.startswith("conv"):
                blocks += [_conv(layer), torch.nn.ReLU(inplace=True)]
            elif layer.name.startswith("pool"):
                blocks.append(torch.nn.MaxPool2d(2))
            elif layer.name == "subtract_mean":
                mean = torch.tensor(layer.input_mean, dtype=torch.float32)
        self.blocks = torch.nn.Sequential(*blocks)
        self.register_buffer("mean", mean)

    def forward(self, frames):
        dtype = self.blocks[0].weight.dtype
        frames = (frames.float() - self.mean.float()).to(dtype)
        return self.blocks(frames.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def _weights(layer):
    """Weights of a Keras layer as tensors of their own, in its order."""
    return [torch.tensor(weight) for weight in layer.get_weights()]


def _linear(kernel, bias):
    inputs, outputs = kernel.shape
    linear = torch.nn.Linear(inputs, outputs, bias=bias is not None)
    with torch.no_grad():
        linear.weight.copy_(kernel.T)
        if bias is not None:
            linear.bias.copy_(bias)
    return linear


def _conv(layer):
    kernel, bias = _weights(layer)
    height, width, inputs, outputs = kernel.shape
    conv = torch.nn.Conv2d(
        inputs, outputs, (height, width), layer.strides, layer.padding
    )
    with torch.no_grad():
        conv.weight.copy_(kernel.permute(3, 2, 0, 1))
        conv.bias.copy_(bias)
    return conv


def _recurrent(kind, layers, *options):
    """Keras layers as one of PyTorch, which stacks them; time-major."""
    inputs = layers[0].get_weights()[0].shape[0]
    units = {layer.units for layer in layers}
    if len(units) > 1:
        raise ValueError(
            "Expected recurrent layers of one size, as PyTorch stacks them. "
            f"Received: units={sorted(units)}"
        )
    stack = kind(inputs, *units, len(layers), *options)
    with torch.no_grad():
        for number, layer in enumerate(layers):
            kernel, recurrent, bias = _weights(layer)
            getattr(stack, f"weight_ih_l{number}").copy_(kernel.T)
            getattr(stack, f"weight_hh_l{number}").copy_(recurrent.T)
            getattr(stack, f"bias_ih_l{number}").copy_(bias)
            # The second bias does nothing that the first does not.
            getattr(stack, f"bias_hh_l{number}").zero_().requires_grad_(False)
    return stack


def _batch_norm(layer):
    norm = torch.nn.BatchNorm1d(
        layer.moving_mean.shape[0], layer.epsilon, 1 - layer.momentum
    )
    names = ("weight", "bias", "running_mean", "running_var")
    with torch.no_grad():
        for name, value in zip(names, _weights(layer)):
            getattr(norm, name).copy_(value)
    return norm


def _in_float32(layer, hidden):
    """A layer in full precision, whatever the others compute in."""
    with torch.autocast(hidden.device.type, enabled=False):
        return layer(hidden.float())
