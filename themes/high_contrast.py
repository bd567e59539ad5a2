"""For weak eyes and bright rooms: every ink at 7:1 and more on every surface (WCAG's AAA), bold frames."""

from textual.theme import Theme

THEME = Theme(
    name="tickdesk-contrast",
    primary="#8fd0ff",
    secondary="#cfcfcf",
    accent="#ffd75e",
    warning="#ffe14d",
    error="#ffa3a3",
    success="#4dff9a",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#0a0a0a",
    dark=True,
    variables={
        "price-up": "#4dff9a",
        "price-down": "#ff9d9d",
        "price-flat": "#d6d6d6",
        "muted": "#cfcfcf",
        "stale": "#b8b8b8",
        "rule": "#8c8c8c",
        "rule-focus": "#ffe14d",
        "heading": "#ffffff",
        "cursor": "#00224d",
        "cursor-idle": "#1a1a1a",
        "badge-ink": "#000000",
        "status": "#000000",
        "border": "#ffe14d",
        "block-cursor-text-style": "bold underline",
        # A dark surface alone would be too faint a mark.
        "style-heading": "bold",
        "style-cursor": "bold underline",
        "focus-frame": "heavy",
    },
)
