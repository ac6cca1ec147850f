"""Training, cross-validation, metrics and tracking."""
