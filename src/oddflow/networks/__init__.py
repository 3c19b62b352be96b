"""Tensors to tensors: pure networks that read like the paper."""
