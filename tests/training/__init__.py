"""Tests of fdin_tf.training."""
