"""Tests of the models and of the frame encoders."""
