"""Semantic Image Analogy as a job: training folders, checkpoints, models, and applying them.

``model_files.load_model(folder)`` reads a trained ``SemanticModel``; its ``apply`` makes pictures.
"""
