"""Tests, in folders that mirror the package.

Test names are claims, each held against something independent: the published
equation written slowly in NumPy, another library, or a planted truth.
"""
