"""Tests of what explains an estimate."""
