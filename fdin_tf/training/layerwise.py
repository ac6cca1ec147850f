"""An optimizer with a learning rate of its own for every layer."""

import math
import numbers
import types
import warnings
from fnmatch import fnmatchcase

import keras


@keras.saving.register_keras_serializable(package="fdin_tf")
class LayerwiseOptimizer(keras.optimizers.Optimizer):
    """Any Keras optimizer, its learning rate multiplied layer by layer.

    A weight `w` of layer `l` with the gradient `g` of the loss is updated as
    the given optimizer would, from the gradient and at the rate

        g + l2 * w   and   learning_rate * multiplier_l

    Variables of one multiplier share a copy of the given optimizer, which has
    their moments and decays their weights: decoupled weight decay, which
    Keras multiplies by the learning rate, is multiplied too. Variables of
    multiplier 0 do not move at all, and have no moments. There is one learning
    rate, `learning_rate` of this object, that callbacks and schedules change
    for all layers together.

    With `keras.optimizers.SGD(rate, momentum=mu)` this is Caffe's update,

        V <- mu V + rate multiplier_l (g + l2 w)
        w <- w - V

    `l2` (Caffe's `weight_decay`) is part of the gradient: momentum gathers
    it, clipping sees it, the reported loss does not have it. It spares
    variables named `bias`; it is not multiplied by the layer's multiplier
    other than through the rate.

    Layers are told by the name in front of a variable's own in its `path`:
    `conv1_1` in `conv1_1/kernel`, also where that layer is in a nested model;
    in a recurrent layer it is the name of the cell.

    Args:
        optimizer: A Keras optimizer that has not been used, its config or
            its name. It is a pattern: it is copied here and never used
            itself. Its learning rate is a number or a
            `LearningRateSchedule`; it has no `global_clipnorm`, since that
            is of all layers together.
        multipliers: Dictionary from a pattern of layer names (`conv*`, as in
            `fnmatch`, upper and lower case differ) to the multiplier of the
            layers that it matches: finite, at least 0. The first pattern that
            matches a layer counts; layers that none matches have 1.
        l2: Coefficient of the L2 term `l2 / 2 * |w|^2`: finite, at least 0.
        name: Optional name.

    Raises:
        ValueError: If the optimizer is already in use or none that can be
            copied, if a multiplier or `l2` is no such number; when it is
            built, if a pattern is not the first to match any trainable
            variable; when it is applied, to a variable that it was not built
            with.

    Example:

    >>> model = keras.Sequential(
    ...     [
    ...         keras.Input((8,)),
    ...         keras.layers.Dense(4, name="fc7"),
    ...         keras.layers.Dense(2, name="gender"),
    ...     ]
    ... )
    >>> sgd = keras.optimizers.SGD(0.01, momentum=0.9)
    >>> model.compile(LayerwiseOptimizer(sgd, {"fc*": 0.5}, l2=5e-4), "mse")

    Reference:
    - Zhang et al., CVPR workshops 2016, section 3.4: multiplier 0.1 for
      convolutions, 0.5 for `fc7`, 1 for the last layer; momentum 0.9 and
      `l2` 0.0005, in Caffe.
    """

    def __init__(self, optimizer, multipliers, l2=0.0, name=None):
        optimizer = keras.optimizers.get(optimizer)
        config = optimizer.get_config()
        _check_optimizer(optimizer, config)
        _check_numbers(multipliers, l2)
        super().__init__(
            learning_rate=_learning_rate(config),
            loss_scale_factor=config["loss_scale_factor"],
            name=name,
        )
        self.multipliers = {name: float(m) for name, m in multipliers.items()}
        self.l2 = float(l2)
        self._settings = keras.optimizers.serialize(optimizer)
        self._multiplier_of = {}  # by id of the variable, once built
        # No dict, which Keras would walk through: it is to save the state of
        # the copies once, as `variables` of this optimizer.
        self._copies = types.MappingProxyType(
            {
                multiplier: self._copy(optimizer, multiplier)
                for multiplier in sorted({1.0, *self.multipliers.values()})
                if multiplier > 0
            }
        )

    def build(self, variables):
        """Gives every variable its multiplier, and makes the moments."""
        if self.built:
            return
        patterns = {id(v): self._first_match(_layer_of(v)) for v in variables}
        for pattern in self.multipliers:
            if pattern not in patterns.values():
                layers = dict.fromkeys(_layer_of(v) for v in variables)
                raise ValueError(
                    "Every pattern of `multipliers` must be the first to "
                    "match some layer with trainable variables; those layers "
                    f"are {', '.join(layers)}. Received: pattern={pattern!r} "
                    f"of multipliers={dict(self.multipliers)}"
                )
        super().build(variables)
        self._multiplier_of = {
            key: self.multipliers.get(pattern, 1.0)
            for key, pattern in patterns.items()
        }
        for copy, own in self._groups(variables):
            copy.build(own)

    @property
    def variables(self):
        """State of this optimizer, then of its copies by multiplier."""
        copies = self._copies.values()
        return super().variables + [
            v for copy in copies for v in copy.variables
        ]

    @property
    def iterations(self):
        """Number of updates; gradients that accumulate make one together."""
        steps = self._settings["config"]["gradient_accumulation_steps"]
        return super().iterations // steps if steps else super().iterations

    def apply(self, grads, trainable_variables=None):
        """Updates variables by their gradients; None leaves one as it is."""
        if trainable_variables is None:
            trainable_variables = self._trainable_variables
        variables = list(trainable_variables)
        self.build(variables)
        self._check_known(variables)
        gradients = {
            id(variable): self._with_l2(gradient, variable)
            for gradient, variable in zip(grads, variables, strict=True)
            if gradient is not None
        }
        missing = [v.path for v in variables if id(v) not in gradients]
        if not gradients:
            raise ValueError(
                "Expected a gradient of at least one variable. Received: "
                f"None for all of {', '.join(missing)}"
            )
        if missing:
            warnings.warn(
                f"There are no gradients of {', '.join(missing)}: the loss "
                "does not depend on them.",
                stacklevel=2,
            )
        learnt = [v for v in variables if id(v) in gradients]
        for copy, own in self._groups(learnt):
            copy.apply([gradients[id(v)] for v in own], own)
        super().iterations.assign_add(1)

    def finalize_variable_values(self, var_list):
        """Sets variables to their moving averages, if these are kept."""
        for copy, own in self._groups(self._trainable_variables):
            copy.finalize_variable_values(own)

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """As in Keras, before training; `l2` is another thing."""
        for copy in self._copies.values():
            copy.exclude_from_weight_decay(var_list, var_names)

    def get_config(self):
        """Returns the arguments, with the learning rate of now."""
        rate = super().get_config()["learning_rate"]
        config = {**self._settings["config"], "learning_rate": rate}
        return {
            "optimizer": {**self._settings, "config": config},
            "multipliers": dict(self.multipliers),
            "l2": self.l2,
            "name": self.name,
        }

    def _copy(self, optimizer, multiplier):
        """The optimizer once more, at a multiple of the rate of this one."""
        copy = type(optimizer).from_config(
            optimizer.get_config()
            | {"learning_rate": lambda: multiplier * self.learning_rate}
        )
        copy.loss_scale_factor = None  # this optimizer takes it out
        return copy

    def _first_match(self, layer):
        """The pattern whose multiplier a layer has; None: no pattern."""
        for pattern in self.multipliers:
            if fnmatchcase(layer, pattern):
                return pattern
        return None

    def _groups(self, variables):
        """Yields every copy that has some of the variables, and these."""
        for multiplier, copy in self._copies.items():
            own = [
                v for v in variables if self._multiplier_of[id(v)] == multiplier
            ]
            if own:
                yield copy, own

    def _with_l2(self, gradient, variable):
        if self.loss_scale_factor is not None:
            gradient = gradient / self.loss_scale_factor
        if self.l2 == 0 or variable.name == "bias":
            return gradient
        return gradient + self.l2 * variable

    def _check_known(self, variables):
        for variable in variables:
            if id(variable) not in self._multiplier_of:
                raise ValueError(
                    "`LayerwiseOptimizer` updates the variables that it was "
                    "built with: after a change of what is trainable, compile "
                    "the model with a new one. Received: variable="
                    f"{getattr(variable, 'path', variable)}"
                )


def _layer_of(variable):
    """`conv1_1` of `vgg/conv1_1/kernel`; empty outside of a layer."""
    return variable.path.rpartition("/")[0].rpartition("/")[2]


def _check_optimizer(optimizer, config):
    if "learning_rate" not in config:
        raise ValueError(
            "`optimizer` must have a learning rate of its own: loss scaling "
            "goes around a `LayerwiseOptimizer`. Received: "
            f"optimizer={type(optimizer).__name__}"
        )
    if optimizer.built:
        raise ValueError(
            "`optimizer` must not have been used before. Received: optimizer="
            f"{type(optimizer).__name__}, built for "
            f"{len(optimizer.variables)} variables"
        )
    if config["global_clipnorm"] is not None:
        raise ValueError(
            "`optimizer` must not clip by the norm of all gradients together; "
            "`clipnorm` and `clipvalue` clip variable by variable. Received: "
            f"global_clipnorm={config['global_clipnorm']}"
        )
    # What an optimizer excludes is not in its config, so no copy would know.
    if hasattr(optimizer, "_exclude_from_weight_decay"):
        raise ValueError(
            "`exclude_from_weight_decay` must be called on the "
            "`LayerwiseOptimizer`. Received: an optimizer that excludes"
        )


def _learning_rate(config):
    """The number or the schedule that a config has."""
    rate = config["learning_rate"]
    if isinstance(rate, float):
        return rate
    if rate["class_name"] in ("function", "__lambda__"):
        raise ValueError(
            "The learning rate of `optimizer` must be a number or a "
            f"`LearningRateSchedule`. Received: learning_rate={rate}"
        )
    return keras.optimizers.schedules.deserialize(rate)


def _check_numbers(multipliers, l2):
    if not isinstance(multipliers, dict) or not all(
        isinstance(pattern, str) and _is_factor(multiplier)
        for pattern, multiplier in multipliers.items()
    ):
        raise ValueError(
            "`multipliers` must be a dictionary from patterns of layer names "
            "to finite numbers that are at least 0. Received: multipliers="
            f"{multipliers!r}"
        )
    if not _is_factor(l2):
        raise ValueError(
            "`l2` must be a finite number that is at least 0. Received: "
            f"l2={l2!r}"
        )


def _is_factor(value):
    return isinstance(value, numbers.Real) and 0 <= value < math.inf
