"""Trained models as SavedModels, and estimates from them."""
