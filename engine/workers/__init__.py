"""The stages as workers of one topology, joined by the bus."""
