"""Semantic Image Analogy as a job: training folders, checkpoints, models, and applying them.

``files.load_model(folder)`` gives the trained ``SemanticModel``; its ``apply`` makes pictures.
"""
