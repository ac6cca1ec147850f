"""Tests of the way from files to batches."""
