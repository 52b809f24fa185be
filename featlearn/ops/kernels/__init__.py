"""Kernels for the processor, generated when they are first used.

The plain operations are their oracle.
"""
