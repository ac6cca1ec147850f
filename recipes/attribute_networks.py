"""Networks of `recipes.attributes`: trained, rated, tabled."""

import keras
import numpy as np
import pandas as pd

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.us_adult_faces import DATABASE
from fdin_tf.explain.relevance_curves import plot_training_errors
from fdin_tf.models.levi_hassner import build_levi_hassner
from fdin_tf.models.levi_hassner_mean import LEVI_HASSNER_MEAN
from fdin_tf.models.levi_hassner_weights import load_levi_hassner_weights
from fdin_tf.progress import progress_bar
from fdin_tf.statistics import clustered_mean
from fdin_tf.training.attribute_networks import BASES
from fdin_tf.training.attribute_networks import RETRAINED
from fdin_tf.training.attribute_networks import AttributeStudy
from fdin_tf.training.attribute_networks import AttributeTrainer
from fdin_tf.training.attribute_networks import age_group_numbers
from fdin_tf.training.attribute_parts import predict
from fdin_tf.training.attribute_parts import rate
from fdin_tf.training.attribute_tables import NETWORK
from fdin_tf.training.attribute_tables import table_1
from fdin_tf.training.attribute_tables import training_errors
from fdin_tf.training.precision import precision_policy
from recipes.attribute_photographs import load_base_photographs


def base_networks(config, call, show_epochs):
    """The base networks: with published weights, or trained here.

    Args:
        config: `Config` of `recipes.attributes`.
        call: `Call`.
        show_epochs: Function from a title and `ImageFit` to what `fit_images`
            takes as `on_epoch`.

    Returns:
        Dict of networks, and a table with a row of `base_errors` for each that
        was trained here.
    """
    networks, drawn, rows = {}, None, []
    for base in config.bases:
        weights = getattr(config, f"{base}_weights")
        if weights is not None:
            networks[base] = load_levi_hassner_weights(
                weights,
                untrained(base, config),
                getattr(config, f"{base}_mean"),
            )
            continue
        drawn = drawn or load_base_photographs(config)
        train, test = drawn
        trainer = trainer_of(train, config.base_fit, config, call)
        networks[base] = trainer.train_base(
            untrained(base, config, train.pixels.mean(axis=0)),
            base_values(train.images, base),
            show_epochs(f"base network, {base}", config.base_fit),
        ).model
        rows.append(base_errors(networks[base], base, test))
    return networks, pd.DataFrame(rows)


def trainer_of(train, fit, config, call):
    """The trainer of networks on these photographs."""
    return AttributeTrainer(
        train.pixels,
        fit,
        call.runs_dir,
        config.seed,
        call.versions,
        config.restart,
    )


def untrained(base, config, mean=LEVI_HASSNER_MEAN):
    """The base network as the config has it, before training."""
    keras.utils.set_random_seed(config.seed)
    with precision_policy(config.fit.precision):
        return build_levi_hassner(
            BASES[base],
            config.image_size,
            config.conv_units,
            config.dense_units,
            config.dropout,
            mean,
            config.std,
            config.kernel_initializer,
        )


def base_values(images, base):
    """Numbers of the classes of a base network, `(n,)`."""
    if base == "age":
        return age_group_numbers(images.age)
    return images.gender.map(TARGET_CLASSES["gender"].index).to_numpy()


def base_errors(network, base, test):
    """How often a base network is right about people it was not shown."""
    truth = base_values(test.images, base)
    right = predict(network, test.pixels).argmax(axis=1) == truth
    accuracy, error = clustered_mean(100 * right, test.images.subject)
    return {
        "base": base,
        "target": BASES[base],
        "images": len(truth),
        "accuracy": accuracy,
        "standard_error": error,
        "commonest": 100 * np.bincount(truth).max() / len(truth),
    }


def train_study(config, train, test, call):
    """Trains all networks and rates the test half.

    Args:
        config: `Config` of `recipes.attributes`.
        train: `Photographs` of training.
        test: `Photographs` of testing.
        call: `Call`, inside of its tracker's run.

    Returns:
        `AttributeStudy`, dict of tables (`table_1`, `estimates`, and `bases`
        where base networks were trained), dict of figures (`figure_3`).
    """
    keys = [
        (attribute, base, layers)
        for base in config.bases
        for layers in config.layers
        for attribute in config.attributes
    ]
    networks, histories = {}, {}
    with progress_bar() as bar:
        task = bar.add_task("Networks", total=len(keys), note="")

        def show_epochs(title, fit):
            return epoch_bar(bar, title, fit.epochs)

        bases, accuracies = base_networks(config, call, show_epochs)
        fits = {"dense": config.dense_fit, "all": config.fit}
        trainers = {
            layers: trainer_of(train, fits[layers], config, call)
            for layers in config.layers
        }
        for key in keys:
            attribute, base, layers = key
            title = f"{attribute}, {base}, {RETRAINED[layers]}"
            with call.tracker.child(title, dict(zip(NETWORK, key))):
                trained = trainers[layers].train(
                    bases[base],
                    attribute,
                    layers,
                    train.images,
                    show_epochs(title, fits[layers]),
                )
                call.tracker.log_history(trained.history)
            networks[key], histories[key] = trained.model, trained.history
            bar.advance(task)
    estimates = pd.concat(
        [estimates_of(model, key, test) for key, model in networks.items()],
        ignore_index=True,
    )
    tables = {
        "table_1": table_1(
            estimates,
            train.images[list(config.attributes)].mean().to_dict(),
            set(test.images.database) == {DATABASE},
        ),
        "training_errors": training_errors(histories),
        "estimates": estimates,
    }
    if len(accuracies):
        tables["bases"] = accuracies
    drawn = " (drawn faces)" if test.is_synthetic else ""
    figure = plot_training_errors(
        tables["training_errors"],
        "training error (points of 1 to 9)",
        f"Training errors of ratings{drawn}",
    )
    study = AttributeStudy(
        networks, bases, test.images, test.pixels, test.landmarks, test.masks,
        test.is_synthetic,
    )  # fmt: skip
    return study, tables, {"figure_3": figure}


def epoch_bar(bar, title, epochs):
    """Shows a training's epochs below the networks; see `fit_images`."""
    task = bar.add_task(f"  {title}", total=epochs, note="", visible=False)

    def show(epoch, metrics):
        bar.update(task, completed=epoch, visible=epoch < epochs)

    return show


def estimates_of(model, key, test):
    """Ratings of the test half and what a network makes of them."""
    attribute = key[0]
    return test.images[["image_id", "subject"]].assign(
        **dict(zip(NETWORK, key)),
        rating=test.images[attribute],
        estimate=rate(model, test.pixels),
    )
