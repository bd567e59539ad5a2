"""Training: bars in, a validated artefact out. Needs LightGBM, so the engine itself imports nothing of this."""
