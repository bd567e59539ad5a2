"""Where configuration and state come from: options, then the environment, then the platform's places."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config import Config, default_path, default_state_dir, load
from engine.errors import ConfigError
from engine.on_disk import on_disk
from engine.text import clean

if TYPE_CHECKING:
    from console.keymap import KeyMap


def config_path(arguments: argparse.Namespace) -> Path | None:
    if arguments.config is not None:
        return Path(arguments.config)
    named = os.environ.get("TICKDESK_CONFIG")
    return Path(named) if named else None


def configuration(arguments: argparse.Namespace) -> Config:
    """The checked configuration, strategies included. Raises ConfigError."""
    from engine.strategies.registry import check_settings

    config = load(config_path(arguments), overrides=arguments.overrides)
    check_settings(config.strategies, Path(config.strategies_dir))
    return config


def key_map(arguments: argparse.Namespace, config: Config) -> KeyMap:
    """The keys as they are given. Raises ConfigError, with a line for every mistake."""
    from console.keymap.key_file import key_map as read

    return read(config.console, _folder(arguments))


def screen_keys(arguments: argparse.Namespace, config: Config) -> KeyMap:
    """As ``key_map``, for a screen, which says itself what was wrong."""
    from console.keymap.key_file import key_map_of_what_is_right as read

    return read(config.console, _folder(arguments))


def _folder(arguments: argparse.Namespace) -> Path:
    """Of the configuration file."""
    return (config_path(arguments) or default_path()).expanduser().absolute().parent


def is_read_only(arguments: argparse.Namespace, config: Config) -> bool:
    """Whether the console that is asked for only watches."""
    return bool(arguments.read_only or config.console.read_only)


def state_dir(arguments: argparse.Namespace) -> Path:
    """The state directory, absolute. Raises ConfigError when it cannot be one."""
    chosen = arguments.state_dir or os.environ.get("TICKDESK_STATE_DIR") or default_state_dir()
    path = Path(chosen).expanduser().absolute()
    try:
        usable = on_disk(path) in ("", "folder")
    except OSError as error:
        raise ConfigError(
            f"--state-dir {clean(path, 80)}: {error.strerror}; choose another directory"
        ) from None
    if not usable:
        raise ConfigError(f"--state-dir {clean(path)}: that is a file, choose a directory")
    return path
