"""No hue at all: bold, underline, reverse, dim and the marks say it. Worn where there are no colours."""

from copy import copy

from textual.theme import Theme

THEME = Theme(
    name="tickdesk-mono",
    primary="#ffffff",
    secondary="#c4c4c4",
    accent="#ffffff",
    warning="#f0f0f0",
    error="#ffffff",
    success="#e8e8e8",
    foreground="#dedede",
    background="#000000",
    surface="#000000",
    panel="#0c0c0c",
    dark=True,
    variables={
        "price-up": "#f0f0f0",
        "price-down": "#f0f0f0",
        "price-flat": "#c4c4c4",
        "muted": "#c4c4c4",
        "stale": "#c4c4c4",
        "rule": "#6a6a6a",
        "rule-focus": "#ffffff",
        "heading": "#dedede",
        "cursor": "#000000",
        "cursor-idle": "#000000",
        "badge-ink": "#000000",
        "status": "#000000",
        "border": "#ffffff",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-background": "#000000",
        "block-cursor-text-style": "reverse",
        "block-cursor-blurred-text-style": "underline",
        "button-focus-text-style": "bold reverse",
        "style-muted": "dim",
        "style-stale": "dim italic",
        "style-heading": "bold",
        "style-up": "bold",
        "style-down": "underline",
        "style-warn": "underline",
        "style-bad": "bold underline",
        "style-accent": "bold",
        "style-badge-good": "none",
        "style-badge-warn": "underline",
        "style-badge-bad": "bold underline",
        "style-hit": "bold underline reverse",
        "style-cursor": "reverse",
        "style-cursor-idle": "underline",
        "style-focus-title": "bold reverse",
        "focus-frame": "heavy",
    },
)

COLOURLESS = copy(THEME)
"""The same for a terminal that is sent no colour at all: what was a bright surface is reversed."""
COLOURLESS.variables = {
    **THEME.variables,
    "style-badge": "bold reverse",
    "style-badge-good": "reverse",
    "style-badge-warn": "underline reverse",
    "style-badge-bad": "bold underline reverse",
}
