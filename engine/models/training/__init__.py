"""Training: bars in, a validated artefact out. The engine itself imports nothing of this: it needs
LightGBM."""
