"""Kernels for CUDA devices, written in Triton; nothing here loads before it is used.

The environment variable `TRITON_INTERPRET=1`, set before that, runs them on a processor: slowly,
but the same arithmetic.
"""
