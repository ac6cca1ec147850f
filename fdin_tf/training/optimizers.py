"""Adam and RMSprop that pass over the weights once.

Keras writes an update as a dozen operations, each of which reads and writes
all weights: on a processor, that is memory's time. TensorFlow has the same
formula as one kernel. Where that does not do (gradients of some rows alone,
copies of a variable on several devices), the update is Keras' own.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="fdin_tf")
class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, faster on a processor.

    Takes the arguments of `keras.optimizers.Adam` and gives its weights, up
    to rounding; `amsgrad` is left to Keras.

    Example:

    >>> FusedAdam(1e-3, clipvalue=1.0).clipvalue
    1.0
    """

    def update_step(self, gradient, variable, learning_rate):
        """One variable's update, in one pass."""
        if self.amsgrad or not _is_plain(gradient):
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        beta_1, beta_2, epsilon, rate, step = (
            tf.cast(value, gradient.dtype)
            for value in (
                self.beta_1,
                self.beta_2,
                self.epsilon,
                learning_rate,
                self.iterations + 1,
            )
        )
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=beta_1**step,
            beta2_power=beta_2**step,
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=gradient,
        )


@keras.saving.register_keras_serializable(package="fdin_tf")
class FusedRMSprop(keras.optimizers.RMSprop):
    """`keras.optimizers.RMSprop`, faster on a processor.

    Takes the arguments of `keras.optimizers.RMSprop` and gives its weights,
    up to rounding; `centered` is left to Keras. It keeps momenta, as large as
    the weights, even where `momentum` is 0.

    Example:

    >>> FusedRMSprop(1e-3, rho=0.95).rho
    0.95
    """

    def build(self, variables):
        """Makes what is remembered of every variable."""
        is_built = self.built
        super().build(variables)
        if not (is_built or self._momentums or self.centered):
            self._momentums = self.add_optimizer_variables(
                variables, "momentum"
            )

    def update_step(self, gradient, variable, learning_rate):
        """One variable's update, in one pass."""
        if self.centered or not _is_plain(gradient):
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        rho, momentum, epsilon, rate = (
            tf.cast(value, gradient.dtype)
            for value in (self.rho, self.momentum, self.epsilon, learning_rate)
        )
        tf.raw_ops.ResourceApplyRMSProp(
            var=_handle(variable),
            ms=_handle(self._velocities[index]),
            mom=_handle(self._momentums[index]),
            lr=rate,
            rho=rho,
            momentum=momentum,
            epsilon=epsilon,
            grad=gradient,
        )


def _is_plain(gradient):
    is_sparse = isinstance(gradient, tf.IndexedSlices)
    return not (is_sparse or tf.distribute.has_strategy())


def _handle(variable):
    """The resource behind a variable of Keras or of TensorFlow."""
    if isinstance(variable, keras.Variable):
        variable = variable.value
    return variable.handle
