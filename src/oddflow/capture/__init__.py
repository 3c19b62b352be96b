"""Bytes to packet batches: files and interfaces, decoded by compiled kernels."""
