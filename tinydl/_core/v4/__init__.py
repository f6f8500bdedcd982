"""Kernels compiled for one ISA level; see tinydl/_core/isa.py."""
