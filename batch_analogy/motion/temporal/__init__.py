"""Temporal coherence: matching or painting a few frames, and carrying the result to the rest."""
