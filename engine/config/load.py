"""Reading the configuration: file, environment and ``--set``, merged and checked."""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec
import platformdirs

from engine.config.api import check_api
from engine.config.desk import Config
from engine.config.own_limits import check_own_limits
from engine.config.values import Section
from engine.errors import ConfigError, SymbolError
from engine.refusal import refused
from engine.sessions import Sessions
from engine.symbols import find, resolve
from engine.text import clean

ENV_PREFIX = "TICKDESK_"
_NOT_CONFIG = (
    *(
        "TICKDESK_DATA",
        "TICKDESK_CONFIG",
        "TICKDESK_STATE_DIR",
        "TICKDESK_QUANT_TOKEN",
        "TICKDESK_NOTIFY_URLS",
        "TICKDESK_TOKEN",
    ),
    *("TICKDESK_ALPACA_KEY", "TICKDESK_ALPACA_SECRET", "TICKDESK_ALPACA_WEBHOOK_SECRET"),
)
_CHAOS_PREFIX = "TICKDESK_CHAOS_"
_Own = TypeVar("_Own")
"""What a section says of one symbol."""
_LONGEST_NAME = 40
"""Characters: what is longer would be cut where it is shown, and two could become one."""


def default_path() -> Path:
    return Path(platformdirs.user_config_dir("tickdesk")) / "config.toml"


def default_state_dir() -> Path:
    return Path(platformdirs.user_state_dir("tickdesk"))


def load(
    path: Path | None = None, *, overrides: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> Config:
    """Read, merge and check the configuration.

    ``path`` None means the default place, where a missing file is no error. ``overrides`` are
    ``section.key=value`` texts. Raises ConfigError, one line naming the key and the fix.
    """
    raw = _read_file(path)
    environ = os.environ if environ is None else environ
    for name, text in sorted(environ.items()):
        if name.startswith(ENV_PREFIX) and name not in _NOT_CONFIG and not name.startswith(_CHAOS_PREFIX):
            keys = name[len(ENV_PREFIX) :].lower().split("__")
            if len(keys) < 2 and _kind(keys) not in (str, float):
                raise ConfigError(
                    f"environment variable {clean(name, 60)} names no key: two underscores part section and"
                    f" key, as in {_suggestion(keys[0])}"
                )
            _put(raw, keys, _value(text, keys), origin=f"environment variable {clean(name, 60)}")
    for text in overrides:
        key, sep, value = text.partition("=")
        if not sep:
            raise ConfigError(f"--set {clean(text, 60)}: write it as section.key=value")
        keys = key.strip().split(".")
        _put(raw, keys, _value(value.strip(), keys), origin=f"--set {clean(key, 60)}")
    config = _checked(raw)
    folder = (path or default_path()).expanduser().absolute().parent
    chosen = Path(config.strategies_dir).expanduser() if config.strategies_dir else Path("strategies")
    return msgspec.structs.replace(config, strategies_dir=str(folder / chosen))


def changed(config: Config, values: Mapping[str, Any]) -> Config:
    """``config`` with other values, by ``section.key``, checked as ``load`` checks. Raises ConfigError."""
    raw = msgspec.to_builtins(config)
    for key, value in values.items():
        _put(raw, key.split("."), value, origin=clean(key, 60))
    return _checked(raw)


def _checked(raw: dict[str, Any]) -> Config:
    _refuse_not_finite(raw, "")
    try:
        config = msgspec.convert(raw, Config, strict=False)
    except msgspec.ValidationError as error:
        wrong = refused(msgspec.ValidationError(_with_table(raw, error)), Config, raw)
        raise ConfigError(
            f"configuration: {wrong}; `tickdesk config show` prints every key with its value"
        ) from None
    _check(config)
    return _in_native_names(config)


def _with_table(raw: dict[str, Any], error: msgspec.ValidationError) -> str:
    """What is wrong, with the name of the table where msgspec leaves it out: ``$.feeds[...]``."""
    text = clean(error)
    found = re.search(r"\$((?:\.\w+)+)\[\.\.\.\]", text)
    if found is None:
        return text
    names = found[1][1:].split(".")
    table: Any = raw
    for name in names:
        table = table[name]
    for key, value in table.items():
        alone: Any = {key: value}
        for name in reversed(names):
            alone = {name: alone}
        try:
            msgspec.convert(alone, Config, strict=False)
        except msgspec.ValidationError as again:
            if clean(again) == text:
                return text.replace("[...]", f".{clean(key, 40)}", 1)
    return text


def _read_file(path: Path | None) -> dict[str, Any]:
    where = path or default_path()
    try:
        return tomllib.loads(where.read_text(encoding="utf-8-sig"))  # some editors begin with a mark
    except FileNotFoundError:
        if path is None:
            _refuse_broken_link(where)
            return {}
        raise ConfigError(f"no configuration file {where}: check --config") from None
    except OSError as error:
        raise ConfigError(f"cannot read {where}: {error.strerror}; check --config") from None
    except (ValueError, RecursionError) as error:  # TOML's and Unicode's errors are ValueErrors
        raise ConfigError(f"{where} is no TOML: {clean(error)}") from None


def _refuse_broken_link(where: Path) -> None:
    """What somebody keeps elsewhere, and is away, is not a configuration of defaults."""
    for place in (where, *where.parents):
        if place.is_symlink() and not place.exists():
            raise ConfigError(f"cannot read {where}: {place} is a link to what is not there")


def _put(raw: dict[str, Any], keys: list[str], value: Any, *, origin: str) -> None:
    node = raw
    for key in keys[:-1]:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            raise ConfigError(f"{origin}: {'.'.join(keys)} is not a section; see `tickdesk config show`")
    node[keys[-1]] = value


def _kind(keys: list[str]) -> Any:
    """The type of a key's value; None for a key that is not ours, Any for a strategy's own."""
    kind: Any = Config
    for key in keys:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            kind = _kinds(kind).get(key)
        else:
            return None
    if kind is Any and keys[-1] == "symbols":
        return tuple[str, ...]
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


@cache
def _kinds(section: type[msgspec.Struct]) -> Mapping[str, Any]:
    """By key. They are annotations that have to be evaluated, which takes longer than all else of a load."""
    return {field.name: field.type for field in msgspec.structs.fields(section)}


def _value(text: str, keys: list[str]) -> Any:
    """What ``text`` means for the key: names stay text whatever they look like, commas make a list."""
    kind, parsed = _kind(keys), _toml(text)
    if kind is str:
        return parsed if isinstance(parsed, str) else text
    if isinstance(parsed, list):
        return parsed
    listed = parsed if isinstance(parsed, str) else text
    if get_origin(kind) is tuple or (kind is Any and parsed is None and "," in text):
        return [part.strip() for part in listed.split(",") if part.strip()]
    return text if parsed is None else parsed


def _toml(text: str) -> Any:
    """The TOML value that ``text`` is; None when it is none."""
    try:
        document = tomllib.loads(f"v = {text}")
    except (ValueError, RecursionError):
        return None
    return document["v"] if len(document) == 1 else None


def _suggestion(name: str) -> str:
    """The variable that was probably meant by ``name``, which lacks a double underscore."""
    for path in _paths(Config):
        if "_".join(path) == name:
            return ENV_PREFIX + "__".join(path).upper()
    for section in Config.__struct_fields__:
        if name.startswith(f"{section}_"):
            return f"{ENV_PREFIX}{section}__{clean(name.removeprefix(section + '_'), 40)}".upper()
    return f"{ENV_PREFIX}<SECTION>__<KEY>"


def _paths(section: type[Section]) -> Iterator[tuple[str, ...]]:
    for field in msgspec.structs.fields(section):
        if isinstance(field.type, type) and issubclass(field.type, Section):
            yield from ((field.name, *rest) for rest in _paths(field.type))
        else:
            yield (field.name,)


def _refuse_not_finite(node: Any, path: str) -> None:
    if isinstance(node, Mapping):
        for key, value in node.items():
            _refuse_not_finite(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, float) and not math.isfinite(node):
        raise ConfigError(f"configuration: {clean(path, 80)} must be a finite number, not {node}")


def _in_native_names(config: Config) -> Config:
    """What feeds bring is in their venue's spelling, whichever it was given in. Raises SymbolError."""

    for key, given in _named(config):
        for text in given:
            if not text.strip() or clean(text, _LONGEST_NAME) != text:
                raise ConfigError(
                    f'configuration: {key}: "{clean(text, _LONGEST_NAME)}" is no name of an instrument: it'
                    f" would have at most {_LONGEST_NAME} characters, all of them visible"
                )

    def natives(place: str, given: Iterable[str]) -> tuple[str, ...]:
        return tuple(resolve(place, text, config.symbols) for text in given)

    feeds = {
        venue: msgspec.structs.replace(feed, symbols=tuple(dict.fromkeys(natives(venue, feed.symbols))))
        for venue, feed in config.feeds.items()
    }
    simulated = msgspec.structs.replace(config.simulated, symbols=natives("sim", config.simulated.symbols))
    config = msgspec.structs.replace(config, feeds=feeds, simulated=simulated)
    risk, exits = config.risk, config.exits
    risk = msgspec.structs.replace(risk, symbols=_by_symbol(config, "risk.symbols", risk.symbols))
    exits = msgspec.structs.replace(exits, symbols=_by_symbol(config, "exits.symbols", exits.symbols))
    strategies = {
        name: {**section, "symbols": _seen_symbols(config, name, section["symbols"])}
        if isinstance(section.get("symbols"), (str, list))
        else section
        for name, section in config.strategies.items()
    }
    servers = {
        name: msgspec.structs.replace(server, symbols=_asked_symbols(config, name, server.symbols))
        for name, server in config.quant.servers.items()
    }
    quant = msgspec.structs.replace(config.quant, servers=servers)
    return msgspec.structs.replace(config, risk=risk, exits=exits, strategies=strategies, quant=quant)


def _asked_symbols(config: Config, name: str, given: Iterable[str]) -> tuple[str, ...]:
    """What a quant server is asked about, by the names on the desk: of another one there is no candle."""
    key, known = f"quant.servers.{clean(name, 40)}.symbols", traded(config)
    return tuple(dict.fromkeys(one_of(key, text, known, config) for text in given))


def _seen_symbols(config: Config, name: str, given: str | list[Any]) -> list[Any]:
    """What a strategy sees, by the names on the desk; what is no text is left for the strategy to refuse."""
    key, known = f"strategies.{clean(name, 40)}.symbols", traded(config)
    listed = [given] if isinstance(given, str) else given
    found = [one_of(key, text, known, config) if isinstance(text, str) else text for text in listed]
    return found if any(isinstance(one, (dict, list)) for one in found) else list(dict.fromkeys(found))


def _named(config: Config) -> Iterator[tuple[str, Iterable[str]]]:
    """Where names of instruments are written: the key, and what is written there."""
    for venue, feed in config.feeds.items():
        yield f"feeds.{clean(venue, 40)}.symbols", feed.symbols
    yield "simulated.symbols", config.simulated.symbols
    yield "collection.symbols", config.collection.symbols
    yield "symbols", config.symbols
    for name, places in config.symbols.items():
        yield f'symbols."{clean(name, 40)}"', places.values()


def _by_symbol(config: Config, section: str, given: Mapping[str, _Own]) -> dict[str, _Own]:
    """What a section says of symbols, by the names that they have on the desk: a limit must not be passed by
    because it was given in another spelling. Raises ConfigError for a name that means several or none."""
    if not given:
        return {}
    known = traded(config)
    found: dict[str, _Own] = {}
    for text, own in given.items():
        symbol = one_of(f"{section}.{clean(text, 60)}", text, known, config)
        if symbol in found:
            raise ConfigError(f"configuration: {section} speaks twice of {clean(symbol, 60)}: remove one")
        found[symbol] = own
    return found


def traded(config: Config) -> list[str]:
    """The symbols that the configured feeds bring, as the desk calls them."""
    live = [f"{venue}:{one}" for venue, feed in config.feeds.items() if feed.enabled for one in feed.symbols]
    simulated = [f"sim:{one}" for one in config.simulated.symbols]
    return (live or simulated) + [f"poll:{one}" for one in config.collection.symbols]


def one_of(key: str, text: str, known: list[str], config: Config) -> str:
    """Which of ``known`` the configuration's ``key`` means by ``text``. Raises ConfigError."""
    try:
        return find(text, known, config.symbols)
    except SymbolError as error:
        if ":" in text:
            return text  # of a feed that is switched off, or of a tape
        raise ConfigError(f"configuration: {key}: {error}") from None


def _check(config: Config) -> None:
    features, risk, retrain = config.features, config.risk, config.models.retrain
    rules = (
        (features.ema_fast < features.ema_slow, "features.ema_fast must be below features.ema_slow"),
        (features.sma_fast < features.sma_slow, "features.sma_fast must be below features.sma_slow"),
        (
            risk.daily_loss_reduce_pct <= risk.daily_loss_halt_pct,
            "risk.daily_loss_reduce_pct must not be above risk.daily_loss_halt_pct",
        ),
        (
            sum(msgspec.structs.astuple(config.opportunities.weights)) > 0,
            "opportunities.weights: at least one weight must be above 0",
        ),
        (
            config.automations.batch_ms <= config.automations.batch_max_ms,
            "automations.batch_ms must not be above automations.batch_max_ms",
        ),
        (
            config.account.currency in config.account.pegged,
            "account.pegged must contain account.currency",
        ),
        (
            retrain.every_s is None or retrain.at is None,
            "models.retrain.every_s and models.retrain.at both say when: give one",
        ),
        (
            retrain.every_s is None or not retrain.days,
            "models.retrain.days goes with models.retrain.at, not with every_s",
        ),
    )
    for holds, rule in rules:
        if not holds:
            raise ConfigError(f"configuration: {rule}")
    check_own_limits(risk)
    check_api(config.api)
    for key, hours in (
        ("opportunities.sessions", config.opportunities.sessions),
        ("daily.sessions", config.daily.sessions),
        ("notify.quiet_hours", config.notify.quiet_hours),
    ):
        try:
            Sessions(hours)
        except ValueError as error:
            raise ConfigError(f"configuration: {key}: {clean(error)}") from None
    for day in config.daily.holidays:
        try:
            date.fromisoformat(day)
        except ValueError:
            raise ConfigError(f"configuration: daily.holidays: {clean(day, 20)} is no day") from None
