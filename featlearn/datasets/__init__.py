"""Readers, the catalogue of known sets, batches, label draws and augmentation."""
