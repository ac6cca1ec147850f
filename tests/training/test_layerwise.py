"""LayerwiseOptimizer: its update, its patterns, its state, its errors."""

import keras
import numpy as np
import pytest

from fdin_tf.training.layerwise import LayerwiseOptimizer

PAPER = {"conv*": 0.1, "fc7": 0.5}
MULTIPLIERS = {"conv1_1": 0.1, "fc7": 0.5, "gender": 1.0}
STEPS = 6


def build_network():
    """Three layers under the names of the paper's, the same each time."""
    keras.utils.set_random_seed(0)
    images = keras.Input((5, 5, 1))
    maps = keras.layers.Conv2D(2, 3, activation="relu", name="conv1_1")(images)
    features = keras.layers.Flatten()(maps)
    features = keras.layers.Dense(3, activation="relu", name="fc7")(features)
    classes = keras.layers.Dense(2, name="gender", dtype="float32")(features)
    return keras.Model(images, classes)


@pytest.fixture
def network():
    return build_network()


@pytest.fixture
def images():
    rng = np.random.default_rng(seed=0)
    return rng.normal(size=(8, 5, 5, 1)).astype("float32")


@pytest.fixture
def classes(images):
    return (images.mean(axis=(1, 2, 3)) > 0).astype("int64")


@pytest.fixture
def policy():
    """Sets a precision policy, and float32 again after the test."""
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


def compiled(model, optimizer, jit_compile=False):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=jit_compile)
    return model


def random_gradients(model, steps=STEPS):
    """One list of gradients a step, large enough to be told from noise."""
    rng = np.random.default_rng(seed=1)
    return [
        [rng.normal(size=v.shape).astype("float32") for v in model.variables]
        for _ in range(steps)
    ]


def apply_all(optimizer, model, gradients):
    """The weights by path, after all the updates."""
    for each in gradients:
        optimizer.apply(
            [keras.ops.convert_to_tensor(g) for g in each],
            model.trainable_variables,
        )
    return weights_of(model)


def weights_of(model):
    return {v.path: v.numpy() for v in model.variables}


def written_out(model, gradients, update):
    """The weights after updates `w, state = update(w, g, step, path, state)`.

    One variable at a time, in float64.
    """
    result = {}
    for i, variable in enumerate(model.variables):
        w, state = variable.numpy().astype("float64"), None
        for step, each in enumerate(gradients):
            w, state = update(w, each[i], step, variable.path, state)
        result[variable.path] = w
    return result


def multiplier_of(path):
    return MULTIPLIERS[path.split("/")[-2]]


def assert_same(ours, theirs, **tolerance):
    assert ours.keys() == theirs.keys()
    for path in ours:
        np.testing.assert_allclose(
            ours[path], theirs[path], err_msg=path, **tolerance
        )


# The update.


def test_momentum_and_polynomial_decay_equal_the_update_written_out(network):
    def update(w, g, step, path, velocity):
        share = 1 - min(step, 4) / 4
        rate = (0.1 - 0.01) * share**0.5 + 0.01
        velocity = 0.9 * (0 if velocity is None else velocity)
        velocity = velocity - multiplier_of(path) * rate * g
        return w + velocity, velocity

    gradients = random_gradients(network)
    expected = written_out(network, gradients, update)
    schedule = keras.optimizers.schedules.PolynomialDecay(
        0.1, decay_steps=4, end_learning_rate=0.01, power=0.5
    )
    sgd = keras.optimizers.SGD(schedule, momentum=0.9)
    found = apply_all(LayerwiseOptimizer(sgd, PAPER), network, gradients)
    assert_same(found, expected, atol=1e-6)


def test_l2_with_momentum_is_the_update_of_caffe(network):
    def update(w, g, step, path, velocity):
        decay = 0.0 if path.endswith("bias") else 0.05
        velocity = 0.9 * (0 if velocity is None else velocity)
        velocity = velocity + 0.1 * multiplier_of(path) * (g + decay * w)
        return w - velocity, velocity

    gradients = random_gradients(network)
    expected = written_out(network, gradients, update)
    sgd = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer = LayerwiseOptimizer(sgd, PAPER, l2=0.05)
    assert_same(apply_all(optimizer, network, gradients), expected, atol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.2])
def test_adam_and_its_decoupled_decay_equal_the_update_written_out(
    network, decay
):
    def update(w, g, step, path, moments):
        first, second = moments or (0.0, 0.0)
        rate = 0.05 * multiplier_of(path)
        first = 0.9 * first + 0.1 * g
        second = 0.999 * second + 0.001 * g**2
        first_hat = first / (1 - 0.9 ** (step + 1))
        second_hat = second / (1 - 0.999 ** (step + 1))
        w = w - rate * decay * w
        return w - rate * first_hat / np.sqrt(second_hat), (first, second)

    gradients = random_gradients(network)
    expected = written_out(network, gradients, update)
    adam = keras.optimizers.AdamW(0.05, weight_decay=decay, epsilon=1e-12)
    found = apply_all(LayerwiseOptimizer(adam, PAPER), network, gradients)
    assert_same(found, expected, atol=2e-6)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
        ("Adam", {"clipnorm": 0.5}),
        ("AdamW", {"clipvalue": 0.1}),
        ("RMSprop", {"momentum": 0.9, "centered": True}),
        ("Muon", {}),
        ("Nadam", {}),
        ("Adafactor", {}),
    ],
)
def test_multipliers_of_one_change_nothing(kind, settings):
    kind = getattr(keras.optimizers, kind)
    gradients = random_gradients(build_network())
    plain = apply_all(kind(0.01, **settings), build_network(), gradients)
    layerwise = LayerwiseOptimizer(kind(0.01, **settings), {"*": 1})
    assert_same(apply_all(layerwise, build_network(), gradients), plain, rtol=0)


def test_one_multiplier_for_all_layers_multiplies_the_learning_rate():
    gradients = random_gradients(build_network())
    plain = apply_all(keras.optimizers.Muon(0.005), build_network(), gradients)
    muon = LayerwiseOptimizer(keras.optimizers.Muon(0.01), {"*": 0.5})
    found = apply_all(muon, build_network(), gradients)
    assert_same(found, plain, atol=1e-6)


def test_multiplier_of_zero_does_not_move_and_has_no_moments(network):
    before = weights_of(network)
    adam = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer = LayerwiseOptimizer(adam, {"conv*": 0}, l2=0.5)
    after = apply_all(optimizer, network, random_gradients(network))
    for path in before:
        assert np.array_equal(before[path], after[path]) == (
            path.startswith("conv")
        )
    assert not any("conv1_1" in v.path for v in optimizer.variables)


def test_l2_is_the_regularizer_of_half_of_it(images, classes):
    regularized = build_network()
    for name in MULTIPLIERS:
        kernel = regularized.get_layer(name).kernel
        kernel.regularizer = keras.regularizers.L2(0.05)
    trained = []
    for model, l2 in ((regularized, 0.0), (build_network(), 0.1)):
        sgd = keras.optimizers.SGD(0.1, momentum=0.9)
        compiled(model, LayerwiseOptimizer(sgd, PAPER, l2=l2))
        for _ in range(STEPS):
            model.train_on_batch(images, classes)
        trained.append(weights_of(model))
    start = weights_of(build_network())
    assert not np.allclose(trained[0]["fc7/kernel"], start["fc7/kernel"])
    assert_same(trained[1], trained[0], atol=1e-6)


def test_l2_reaches_the_rows_of_an_embedding_that_have_no_gradient():
    tokens = keras.Input((2,), dtype="int32")
    embedded = keras.layers.Embedding(4, 3, name="words")(tokens)
    model = compiled(
        keras.Model(tokens, keras.layers.Flatten()(embedded)),
        LayerwiseOptimizer(keras.optimizers.SGD(1.0), {"words": 0.5}, l2=0.1),
    )
    before = model.get_weights()[0]
    model.train_on_batch(np.array([[0, 1]]), np.array([3]))
    after = model.get_weights()[0]
    assert not np.allclose(after[:2], 0.95 * before[:2], atol=1e-4)
    np.testing.assert_allclose(after[2:], 0.95 * before[2:], rtol=1e-6)


# Which layer has which multiplier.


def moves(multipliers, model=None):
    """How far one step of rate 1 moves each layer, all gradients being 1."""
    model = model or build_network()
    before = weights_of(model)
    optimizer = LayerwiseOptimizer(keras.optimizers.SGD(1.0), multipliers)
    ones = [keras.ops.ones(v.shape) for v in model.trainable_variables]
    optimizer.apply(ones, model.trainable_variables)
    after = weights_of(model)
    return {
        path.split("/")[-2]: float(np.mean(before[path] - after[path]))
        for path in before
    }


@pytest.mark.parametrize(
    ("multipliers", "expected"),
    [
        ({}, (1, 1, 1)),
        (PAPER, (0.1, 0.5, 1)),
        ({"fc7": 0.5, "*": 0.25}, (0.25, 0.5, 0.25)),
        ({"?c7": 2, "[cg]*": 0.25}, (0.25, 2, 0.25)),
        ({"gender": 0}, (1, 1, 0)),
    ],
)
def test_first_pattern_that_matches_counts_and_others_have_one(
    multipliers, expected
):
    found = moves(multipliers)
    assert found == pytest.approx(dict(zip(MULTIPLIERS, expected)), abs=1e-6)


def test_layers_of_a_nested_model_go_by_their_own_names():
    inner = [keras.Input((4,)), keras.layers.Dense(3, name="fc7")]
    features = keras.Sequential(inner, name="conv_net")
    head = keras.layers.Dense(2, name="gender")
    network = keras.Sequential([keras.Input((4,)), features, head])
    assert "conv_net/fc7/kernel" in network.variables[0].path
    found = moves({"fc7": 0.5}, network)
    assert found == pytest.approx({"fc7": 0.5, "gender": 1}, abs=1e-6)


def test_layers_that_are_not_trainable_take_no_part(network):
    network.get_layer("conv1_1").trainable = False
    found = moves({"fc7": 0.5}, network)
    assert found == pytest.approx(
        {"conv1_1": 0, "fc7": 0.5, "gender": 1}, abs=1e-6
    )


@pytest.mark.parametrize(
    ("multipliers", "unused"),
    [
        ({"conv*": 0.1, "fc6": 0.5}, "fc6"),
        ({"Conv*": 0.1}, r"Conv\*"),
        ({"*": 0.1, "fc7": 0.5}, "fc7"),
    ],
)
def test_pattern_that_no_layer_is_left_for_is_an_error(
    network, multipliers, unused
):
    optimizer = LayerwiseOptimizer("sgd", multipliers)
    message = (
        r"those layers are conv1_1, fc7, gender\. "
        rf"Received: pattern='{unused}' of multipliers="
    )
    with pytest.raises(ValueError, match=message):
        optimizer.build(network.trainable_variables)
    assert not optimizer.built


def test_pattern_of_a_layer_that_is_not_trainable_is_an_error(network):
    network.get_layer("conv1_1").trainable = False
    with pytest.raises(ValueError, match=r"layers are fc7, gender\."):
        LayerwiseOptimizer("sgd", PAPER).build(network.trainable_variables)


# What Keras asks of an optimizer.


def test_learning_rate_is_one_for_all_layers(network):
    optimizer = LayerwiseOptimizer(keras.optimizers.SGD(1.0), PAPER)
    ones = [[np.ones(v.shape, "float32") for v in network.variables]]
    start = weights_of(network)
    first = apply_all(optimizer, network, ones)
    optimizer.learning_rate = 0.25
    second = apply_all(optimizer, network, ones)
    for path in start:
        np.testing.assert_allclose(
            first[path] - second[path],
            (start[path] - first[path]) / 4,
            atol=1e-6,
        )


def test_callback_sets_the_learning_rate_of_compiled_training(images, classes):
    model = compiled(
        build_network(), LayerwiseOptimizer(keras.optimizers.SGD(1.0), PAPER)
    )
    scheduler = keras.callbacks.LearningRateScheduler(
        lambda epoch, rate: 0.1 if epoch == 0 else 0.0
    )
    weights = [weights_of(model)]
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(weights_of(model))
    )
    model.fit(images, classes, epochs=2, callbacks=[scheduler, keep], verbose=0)
    for path, start in weights[0].items():
        assert not np.array_equal(start, weights[1][path])
        np.testing.assert_array_equal(weights[1][path], weights[2][path])


def test_schedule_is_read_at_the_iterations_and_cannot_be_set(network):
    schedule = keras.optimizers.schedules.PolynomialDecay(1.0, 10, 0.0)
    sgd = keras.optimizers.SGD(schedule)
    optimizer = LayerwiseOptimizer(sgd, PAPER)
    apply_all(optimizer, network, random_gradients(network, steps=4))
    assert int(optimizer.iterations) == 4
    assert float(optimizer.learning_rate) == pytest.approx(0.6)
    with pytest.raises(TypeError, match="not settable"):
        optimizer.learning_rate = 0.1


def test_accumulated_gradients_make_one_update():
    gradients = random_gradients(build_network(), steps=4)
    means = [
        [(a + b) / 2 for a, b in zip(*pair)]
        for pair in (gradients[:2], gradients[2:])
    ]

    def optimizer(**settings):
        adam = keras.optimizers.AdamW(0.05, weight_decay=0.1, **settings)
        return LayerwiseOptimizer(adam, PAPER, l2=0.1)

    accumulating = optimizer(gradient_accumulation_steps=2)
    found = apply_all(accumulating, build_network(), gradients)
    expected = apply_all(optimizer(), build_network(), means)
    assert int(accumulating.iterations) == 2
    assert_same(found, expected, atol=1e-6)


def test_moving_averages_are_those_of_the_weights(network):
    sgd = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    optimizer = LayerwiseOptimizer(sgd, {**PAPER, "gender": 0})
    weights = []
    for gradients in random_gradients(network, steps=3):
        weights.append(apply_all(optimizer, network, [gradients]))
    optimizer.finalize_variable_values(network.trainable_variables)
    for path, final in weights_of(network).items():
        first, second, third = (each[path] for each in weights)
        expected = (first / 2 + second / 2) / 2 + third / 2
        np.testing.assert_allclose(final, expected, atol=1e-6)


def test_loss_scale_is_taken_out_of_gradients_once():
    gradients = random_gradients(build_network())
    sgd = keras.optimizers.SGD(0.1, momentum=0.9)
    plain = LayerwiseOptimizer(sgd, PAPER, l2=0.1)
    expected = apply_all(plain, build_network(), gradients)
    sgd = keras.optimizers.SGD(0.1, momentum=0.9, loss_scale_factor=64.0)
    optimizer = LayerwiseOptimizer(sgd, PAPER, l2=0.1)
    assert float(optimizer.scale_loss(keras.ops.ones(()))) == 64
    scaled = [[64 * g for g in each] for each in gradients]
    found = apply_all(optimizer, build_network(), scaled)
    assert_same(found, expected, atol=1e-6)


def test_constraints_hold_after_an_update(network):
    kernel = network.get_layer("fc7").kernel
    kernel.constraint = keras.constraints.NonNeg()
    optimizer = LayerwiseOptimizer(keras.optimizers.SGD(1.0), PAPER)
    found = apply_all(optimizer, network, random_gradients(network))
    assert found["fc7/kernel"].min() == 0
    assert found["gender/kernel"].min() < 0


def test_what_is_excluded_does_not_decay(network):
    sgd = keras.optimizers.SGD(1.0, weight_decay=0.1)
    optimizer = LayerwiseOptimizer(sgd, PAPER)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    for variable in network.variables:
        variable.assign(keras.ops.ones(variable.shape))
    zeros = [[np.zeros(v.shape, "float32") for v in network.variables]]
    for path, found in apply_all(optimizer, network, zeros).items():
        decay = 0 if "kernel" in path else 0.1 * multiplier_of(path)
        np.testing.assert_allclose(found, 1 - decay, rtol=1e-6)


def test_variable_without_gradient_stays_and_is_warned_of(network):
    before = weights_of(network)
    optimizer = LayerwiseOptimizer("sgd", PAPER)
    gradients = [None] * 2 + [
        keras.ops.ones(v.shape) for v in network.variables
    ][2:]
    with pytest.warns(UserWarning, match=r"conv1_1/kernel, conv1_1/bias:"):
        optimizer.apply(gradients, network.trainable_variables)
    for path, after in weights_of(network).items():
        assert np.array_equal(before[path], after) == ("conv" in path)


def test_some_of_the_variables_may_be_updated_in_any_order(network):
    before = weights_of(network)
    optimizer = LayerwiseOptimizer(keras.optimizers.SGD(1.0), PAPER)
    optimizer.build(network.trainable_variables)
    chosen = network.trainable_variables[:3][::-1]
    paths = [v.path for v in chosen]
    optimizer.apply([keras.ops.ones(v.shape) for v in chosen], chosen)
    after = weights_of(network)
    for path in before:
        moved = multiplier_of(path) if path in paths else 0.0
        np.testing.assert_allclose(before[path] - after[path], moved, atol=1e-6)


# Precision, compilation, saving.


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(
    "precision", ["float32", "mixed_bfloat16", "mixed_float16"]
)
def test_a_step_is_that_of_the_plain_optimizer_times_the_multiplier(
    images, classes, policy, precision, jit_compile
):
    policy(precision)
    steps = []
    for optimizer in (
        keras.optimizers.SGD(0.1),
        LayerwiseOptimizer(keras.optimizers.SGD(0.1), {"conv*": 0, "fc7": 0.5}),
    ):
        model = compiled(build_network(), optimizer, jit_compile)
        before = weights_of(model)
        model.train_on_batch(images, classes)
        after = weights_of(model)
        steps.append({path: after[path] - before[path] for path in before})
    plain, layerwise = steps
    assert np.abs(plain["fc7/kernel"]).max() > 1e-3
    factors = {"conv1_1": 0.0, "fc7": 0.5, "gender": 1.0}
    for path in plain:
        np.testing.assert_allclose(
            layerwise[path],
            factors[path.split("/")[-2]] * plain[path],
            atol=1e-6,
        )


def test_a_step_of_overflown_gradients_is_skipped(classes, policy):
    policy("mixed_float16")
    sgd = keras.optimizers.SGD(0.1, momentum=0.9)
    model = compiled(build_network(), LayerwiseOptimizer(sgd, PAPER, l2=0.1))
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    before = weights_of(model)
    scale = model.optimizer.initial_scale
    overflowing = np.full((8, 5, 5, 1), 1e6, "float32")
    model.train_on_batch(overflowing, classes)
    assert_same(weights_of(model), before, rtol=0)
    assert float(model.optimizer.dynamic_scale) == scale / 2
    assert int(model.optimizer.iterations) == 0


@pytest.mark.parametrize(
    "precision", ["float32", "mixed_bfloat16", "mixed_float16"]
)
@pytest.mark.parametrize(
    "kind",
    [
        lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
        lambda rate: keras.optimizers.AdamW(rate, use_ema=True),
    ],
    ids=["sgd", "adamw"],
)
def test_training_goes_on_from_a_file_bit_for_bit(
    images, classes, policy, tmp_path, kind, precision
):
    policy(precision)
    schedule = keras.optimizers.schedules.PolynomialDecay(0.1, 8, power=0.5)
    optimizer = LayerwiseOptimizer(kind(schedule), PAPER, l2=0.01)
    model = compiled(build_network(), optimizer)
    for _ in range(3):
        model.train_on_batch(images, classes)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for _ in range(3):
        model.train_on_batch(images, classes)
        loaded.train_on_batch(images, classes)
    assert int(loaded.optimizer.iterations) == 6
    assert_same(weights_of(loaded), weights_of(model), rtol=0)
    for ours, theirs in zip(
        loaded.optimizer.variables, model.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_file_has_the_state_once_and_brings_it_back(
    images, classes, tmp_path
):
    def fresh():
        optimizer = LayerwiseOptimizer(keras.optimizers.Adam(0.01), PAPER)
        return compiled(build_network(), optimizer)

    model = fresh()
    model.train_on_batch(images, classes)
    model.optimizer.learning_rate = 0.02
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    again = fresh()
    again.optimizer.build(again.trainable_variables)
    again.load_weights(path)
    assert float(again.optimizer.learning_rate) == pytest.approx(0.02)
    for each in (model, again):
        each.train_on_batch(images, classes)
    assert_same(weights_of(again), weights_of(model), rtol=0)

    h5py = pytest.importorskip("h5py")
    found = []
    with h5py.File(path) as file:
        file["optimizer"].visititems(
            lambda name, item: found.append(isinstance(item, h5py.Dataset))
        )
    assert sum(found) == len(model.optimizer.variables)


def test_config_keeps_the_order_of_patterns_and_the_rate_of_now():
    multipliers = {"fc7": 0.5, "[cf]*": 0.25, "*": 2}
    optimizer = LayerwiseOptimizer("adam", multipliers, l2=0.1, name="mine")
    optimizer.learning_rate = 0.125
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, LayerwiseOptimizer)
    assert list(again.multipliers.items()) == list(multipliers.items())
    assert again.get_config() == optimizer.get_config()
    assert float(again.learning_rate) == 0.125
    assert (again.l2, again.name) == (0.1, "mine")


# What is refused.


@pytest.mark.parametrize(
    "multipliers",
    [
        {"fc7": -0.1},
        {"fc7": np.inf},
        {"fc7": np.nan},
        {"fc7": "0.5"},
        {7: 0.5},
        [("fc7", 0.5)],
    ],
)
def test_multiplier_that_is_none_is_an_error(multipliers):
    with pytest.raises(ValueError, match=r"finite .* Received: multipliers="):
        LayerwiseOptimizer("sgd", multipliers)


@pytest.mark.parametrize("l2", [-1e-4, np.nan, np.inf, None])
def test_l2_that_is_none_is_an_error(l2):
    with pytest.raises(ValueError, match=r"`l2` must be .* Received: l2="):
        LayerwiseOptimizer("sgd", PAPER, l2=l2)


def test_optimizer_in_use_is_an_error(network):
    sgd = keras.optimizers.SGD()
    sgd.build(network.trainable_variables)
    with pytest.raises(ValueError, match=r"not have been used.*=SGD, built"):
        LayerwiseOptimizer(sgd, PAPER)


@pytest.mark.parametrize(
    "wrapper",
    [
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()),
        lambda: LayerwiseOptimizer("sgd", PAPER),
    ],
    ids=["LossScaleOptimizer", "LayerwiseOptimizer"],
)
def test_optimizer_around_another_is_an_error(wrapper):
    message = r"learning rate of its own.*Received: optimizer=L\w+Optimizer"
    with pytest.raises(ValueError, match=message):
        LayerwiseOptimizer(wrapper(), PAPER)


def test_clipping_by_the_norm_of_all_gradients_is_an_error():
    sgd = keras.optimizers.SGD(global_clipnorm=1.0)
    with pytest.raises(ValueError, match=r"Received: global_clipnorm=1\.0"):
        LayerwiseOptimizer(sgd, PAPER)


def test_exclusion_that_the_copies_would_lose_is_an_error():
    adam = keras.optimizers.AdamW()
    adam.exclude_from_weight_decay(var_names=["bias"])
    with pytest.raises(ValueError, match="an optimizer that excludes"):
        LayerwiseOptimizer(adam, PAPER)


def constant_rate():
    return 0.1


@pytest.mark.filterwarnings("ignore:The object being serialized")
@pytest.mark.parametrize("rate", [constant_rate, lambda: 0.1])
def test_learning_rate_that_is_a_function_is_an_error(rate):
    sgd = keras.optimizers.SGD(rate)
    with pytest.raises(ValueError, match=r"number or.*: learning_rate="):
        LayerwiseOptimizer(sgd, PAPER)


def test_variable_that_came_later_is_an_error(network):
    network.get_layer("conv1_1").trainable = False
    optimizer = LayerwiseOptimizer("sgd", {"fc7": 0.5})
    optimizer.build(network.trainable_variables)
    network.get_layer("conv1_1").trainable = True
    with pytest.raises(ValueError, match=r"Received: variable=conv1_1/kernel"):
        apply_all(optimizer, network, random_gradients(network))


def test_update_without_any_gradient_is_an_error(network):
    optimizer = LayerwiseOptimizer("sgd", PAPER)
    nothing = [None] * len(network.trainable_variables)
    with pytest.raises(ValueError, match=r"None for all of conv1_1/kernel,"):
        optimizer.apply(nothing, network.trainable_variables)
