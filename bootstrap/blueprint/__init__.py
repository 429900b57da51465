"""Blueprints: the repository that contains them, their questions, and the creation of projects."""
