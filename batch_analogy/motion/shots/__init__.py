"""Shots of a film: finding or reading where they begin, and evening out their exposure."""
