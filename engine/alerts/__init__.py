"""Alerts: rules a person made, looked at a few times a second, and told of when they come true."""
