"""The default: calm blue-black, bright only where something happens."""

from textual.theme import Theme

THEME = Theme(
    name="tickdesk-dark",
    primary="#5aa9e6",
    secondary="#8f9fb3",
    accent="#ffb454",
    warning="#f5c04e",
    error="#ff6161",
    success="#35c98b",
    foreground="#d3dce6",
    background="#0b0f14",
    surface="#0e141b",
    panel="#18212c",
    dark=True,
    variables={
        "price-up": "#3fd69b",
        "price-down": "#ff7272",
        "price-flat": "#9fadbd",
        "muted": "#98a8b9",
        "stale": "#8693a2",
        "rule": "#2a3846",
        "rule-focus": "#5aa9e6",
        "heading": "#8aa0b8",
        "cursor": "#0d2b50",
        "cursor-idle": "#17212c",
        "badge-ink": "#0b0f14",
        "status": "#121a23",
        "border": "#5aa9e6",
        "block-cursor-text-style": "none",
    },
)
