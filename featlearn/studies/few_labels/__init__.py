"""What pre-training is worth with few labels: paired sweeps on three sets."""
