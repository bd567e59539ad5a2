"""What the screen will wear, asked for before anything is started."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.settings import config_path
from engine.config import Config, ConsoleConfig, default_path

if TYPE_CHECKING:
    from console.themes import Looks

FOLDER = "themes"
"""Of the user's own themes beside the configuration file, where no other is named."""


def theme_name(arguments: argparse.Namespace, config: Config) -> str:
    return str(getattr(arguments, "theme", None) or config.console.theme)


def themes_folder(arguments: argparse.Namespace, config: Config) -> Path:
    beside = (config_path(arguments) or default_path()).expanduser().absolute().parent
    return beside / Path(config.console.themes_dir or FOLDER).expanduser()


def require_looks(arguments: argparse.Namespace, config: Config) -> None:
    """Raises ConfigError for a theme that there is not; imports no Textual where that is plain."""
    own = next(themes_folder(arguments, config).glob("*.toml"), None)
    if own is not None or theme_name(arguments, config) != ConsoleConfig().theme:
        looks(arguments, config)


def looks(arguments: argparse.Namespace, config: Config) -> Looks:
    """Raises ConfigError for a theme that there is not."""
    from console.themes import looks_of

    return looks_of(config.console, theme_name(arguments, config), themes_folder(arguments, config))
