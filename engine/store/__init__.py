"""The desk's memory: one SQLite database per state directory, one writer thread, a gap-free journal."""
