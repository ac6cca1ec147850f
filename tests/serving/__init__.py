"""Tests of fdin_tf.serving."""
