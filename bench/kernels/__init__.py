"""Kernels of tinydl one by one: verified against the reference, then timed."""
