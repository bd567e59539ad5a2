"""The default: calm blue-black, bright only where something happens."""

from textual.theme import Theme

THEME = Theme(
    name="tickdesk-dark",
    primary="#5aa9e6",
    secondary="#8f9fb3",
    accent="#ffb454",
    warning="#f5c04e",
    error="#ff5d5d",
    success="#35c98b",
    foreground="#d3dce6",
    background="#0b0f14",
    surface="#0e141b",
    panel="#1a2430",
    dark=True,
    variables={
        "price-up": "#3fd69b",
        "price-down": "#ff7272",
        "price-flat": "#93a3b5",
        "muted": "#7b8b9d",
        "stale": "#5c6a79",
        "rule": "#2a3846",
        "rule-focus": "#5aa9e6",
        "heading": "#8aa0b8",
        "cursor": "#1f3a55",
        "cursor-idle": "#17212c",
        "badge-ink": "#0b0f14",
        "status": "#121a23",
        "border": "#5aa9e6",
        "block-cursor-text-style": "none",
    },
)
