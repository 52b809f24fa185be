"""The commands' work where a recipe or a run has several modalities."""
