"""Learning from unlabelled images beside labelled ones, in one loss."""
