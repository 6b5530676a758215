"""Evaluation: metric values of a run's samples, or of any samples, with those of real data."""
