"""Benchmarks of tinydl: see README.md."""
