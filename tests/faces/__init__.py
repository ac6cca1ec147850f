"""Tests of `fdin_tf.faces`."""
