"""For daylight: dark ink on paper, up and down dark enough to read."""

from textual.theme import Theme

THEME = Theme(
    name="tickdesk-light",
    primary="#1560a6",
    secondary="#4f5f70",
    accent="#8a4a00",
    warning="#735200",
    error="#b51e26",
    success="#08683f",
    foreground="#1c2733",
    background="#f6f7f9",
    surface="#ffffff",
    panel="#e6eaef",
    dark=False,
    variables={
        "price-up": "#07693f",
        "price-down": "#b3252b",
        "price-flat": "#44525e",
        "muted": "#46535f",
        "stale": "#586470",
        "rule": "#c3ccd6",
        "rule-focus": "#1560a6",
        "heading": "#3f5164",
        "cursor": "#cfe3f7",
        "cursor-idle": "#e9eef4",
        "badge-ink": "#ffffff",
        "status": "#e9edf2",
        "border": "#1560a6",
        "block-cursor-text-style": "none",
    },
)
