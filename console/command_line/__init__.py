"""The command line (``:``): what can be typed, how it is read, completed and run."""
