"""What carried an estimate."""

from fdin_tf.explain.explained import explained

__all__ = ["explained"]
