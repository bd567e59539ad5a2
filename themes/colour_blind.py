"""Blue up, orange down: apart for deuteranopia, protanopia and tritanopia, in hue and in lightness."""

from textual.theme import Theme

THEME = Theme(
    name="tickdesk-colour-blind",
    primary="#86c5ff",
    secondary="#a9b6c4",
    accent="#ffd166",
    warning="#f3e55b",
    error="#ff8a3d",
    success="#4fb0ff",
    foreground="#e3e8ee",
    background="#0a0e13",
    surface="#0d131a",
    panel="#18212c",
    dark=True,
    variables={
        "price-up": "#5db4ff",
        "price-down": "#ff9a1f",
        "price-flat": "#b4b8bc",
        "muted": "#9aa5b1",
        "stale": "#8a949f",
        "rule": "#33404e",
        "rule-focus": "#86c5ff",
        "heading": "#a9b6c4",
        "cursor": "#13294d",
        "cursor-idle": "#17212c",
        "badge-ink": "#0a0e13",
        "status": "#111922",
        "border": "#86c5ff",
        "block-cursor-text-style": "none",
    },
)
