"""The classical classifiers that learned features are measured against."""
