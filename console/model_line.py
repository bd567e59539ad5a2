"""The desk's model in one line: which one is at work, how it does here, what is wrong with it."""

from __future__ import annotations

from engine.api.protocol import ModelRow
from engine.text import clean


def model_line(model: ModelRow) -> str:
    if model.version:
        text = f"model {model.version} at work ({model.metric})"
        if model.live_steps and model.live_rank_ic is not None:
            text += f", live rank IC {model.live_rank_ic:+.3f} over {model.live_steps} steps"
    else:
        text = "no model at work" + (": it is being loaded" if model.status == "loading" else "")
    if model.shadow:
        text += f", shadow {model.shadow}"
    return clean(text + "".join(f"; {why}" for why in trouble(model)), 600)


def trouble(model: ModelRow) -> list[str]:
    """What is wrong, half a sentence each."""
    found = [model.trouble, model.rollback]
    if model.error:
        found.insert(0, f"not loaded: {model.error}")
    return [text for text in found if text]
