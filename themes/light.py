"""For daylight: dark ink on paper, up and down dark enough to read."""

from textual.theme import Theme

THEME = Theme(
    name="tickdesk-light",
    primary="#1766b0",
    secondary="#5b6b7c",
    accent="#a85a00",
    warning="#8f6500",
    error="#c4232b",
    success="#0b7a4b",
    foreground="#1c2733",
    background="#f6f7f9",
    surface="#ffffff",
    panel="#e6eaef",
    dark=False,
    variables={
        "price-up": "#08744a",
        "price-down": "#c02a2f",
        "price-flat": "#55636f",
        "muted": "#5d6b79",
        "stale": "#8c97a3",
        "rule": "#c3ccd6",
        "rule-focus": "#1766b0",
        "heading": "#46586b",
        "cursor": "#cfe3f7",
        "cursor-idle": "#e9eef4",
        "badge-ink": "#ffffff",
        "status": "#e9edf2",
        "border": "#1766b0",
        "block-cursor-text-style": "none",
    },
)
