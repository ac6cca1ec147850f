"""Tests of fdin_tf.explain.lrp."""
