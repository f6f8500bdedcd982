"""Seeing what a net does."""
