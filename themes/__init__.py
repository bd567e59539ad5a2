"""Colour themes and styles."""
