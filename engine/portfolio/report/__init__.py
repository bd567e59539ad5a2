"""The daily report: what one UTC day came to, for people and for programs."""
