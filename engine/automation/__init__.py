"""Automations: definitions, the dispatcher that matches signals with them, and what their steps do."""
