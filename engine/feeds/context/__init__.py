"""Sources of market context: one module per source."""
