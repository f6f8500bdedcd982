"""Whole trainings, for what a figure of a step cannot tell."""
