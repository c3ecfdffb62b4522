"""Optical flow between frames: estimation, and its correction for drift, noise and outlines."""
