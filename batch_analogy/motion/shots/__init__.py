"""Shots of a film: detecting or reading their first frames, and evening out their exposure."""
