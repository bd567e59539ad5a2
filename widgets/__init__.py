"""Reusable Textual widgets. They know only the view rows they draw."""
