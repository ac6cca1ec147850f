"""Tests of the drawn faces."""
