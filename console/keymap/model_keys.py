"""The keys of the models screen; ``H`` halts there as in every dialog."""

from __future__ import annotations

from console.keymap.key import Key

MODEL_KEYS: tuple[Key, ...] = (
    Key(
        "model_activate",
        "a",
        "activate",
        "a",
        "activate",
        "Activate the selected version; shows old against new (asks)",
    ),
    Key(
        "model_shadow",
        "v",
        "shadow",
        "v",
        "shadow",
        "Run the selected version as the shadow of the active one",
    ),
    Key(
        "rollback",
        "b",
        "app.rollback",
        "b",
        "roll back",
        "Roll back to the model that was active before (asks)",
    ),
    Key("model_train", "t", "app.train", "t", "train", "Train a model while the desk trades"),
    Key(
        "model_contributions",
        "e",
        "contributions",
        "e",
        "explain",
        "Explain a symbol's newest prediction, feature by feature",
    ),
    Key("model_cancel_training", "c", "cancel_training", "c", "end run", "End the training run (asks)"),
    Key("open", "enter", "details", "Enter", "details", "All of the selected version, on the whole screen"),
    Key(
        "tab_right",
        "right_square_bracket",
        "tab(1)",
        "]",
        "more",
        "Next part: details, shadow, drift, training",
    ),
    Key("tab_left", "left_square_bracket", "tab(-1)", "[", "", "Part before"),
    Key(
        "reload",
        "r",
        "app.reload_model",
        "r",
        "reload",
        "Load the registry's active model anew, without a stop",
    ),
    Key("model_no_shadow", "V", "no_shadow", "V", "no shadow", "No shadow any more"),
    Key(
        "model_deactivate",
        "d",
        "deactivate",
        "d",
        "deactivate",
        "Go on without a model: the active one steps down (asks)",
    ),
    Key("sort", "s", "sort", "s", "sort", "Sort by the next column: down, up, newest first"),
    Key("search", "slash", "search", "/", "filter", "Filter the versions: word, !not, column:text, column>5"),
    Key("match", "n", "match(1)", "n", "", "Next version that was looked for"),
    Key("match_before", "N", "match(-1)", "N", "", "The version before that was looked for"),
    Key("copy", "y", "app.copy_row", "y", "copy", "Copy the row to the clipboard (works over SSH)"),
    Key("dialog_export", "ctrl+e", "app.export", "ctrl+e", "", "Export the versions as shown to a CSV file"),
    Key("screenshot", "S", "app.save_screen", "S", "", "Screenshot: the screen as an SVG file"),
    Key("down", "j,down", "move(1)", "j ↓", "", "Down", palette=False),
    Key("up", "k,up", "move(-1)", "k ↑", "", "Up", palette=False),
    Key("home", "g,home", "home", "g", "", "First row", palette=False),
    Key("end", "G,end", "end", "G", "", "Last row", palette=False),
    Key(
        "pagedown", "pagedown,space", "page(1)", "PgDn space", "", "Page down below the table", palette=False
    ),
    Key("pageup", "pageup", "page(-1)", "PgUp", "", "Page up below the table", palette=False),
    Key("palette", "ctrl+p", "app.command_palette", "ctrl+p", "", "Find any action by name", palette=False),
    Key("dialog_close", "q", "close", "q", "close", "Back to the desk", palette=False),
    Key("help", "question_mark,f1", "help", "?", "help", "The keys that work here", palette=False),
)
