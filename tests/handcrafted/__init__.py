"""Tests of `fdin_tf.handcrafted`."""
