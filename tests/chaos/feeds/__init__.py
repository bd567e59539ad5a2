"""Feeds against a server that does what venues do wrong."""
