"""Turning text into vectors by an OpenAI-compatible endpoint."""
