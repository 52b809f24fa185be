"""Feature learning as scikit-learn estimators."""
