"""Whole sessions of a desk, each made by one integer: market, faults of its feed, a person, disk, crashes."""
