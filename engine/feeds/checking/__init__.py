"""Captures run through the real adapters, to see whether those are right."""
