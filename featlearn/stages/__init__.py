"""The parts of a stage as modules: filters, pooling, normalisation, preparation."""
