"""The terminal application: command line, screens, key map, link client."""
