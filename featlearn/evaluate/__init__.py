"""Evidence about a network: figures, probes, projections, intervals, health."""
