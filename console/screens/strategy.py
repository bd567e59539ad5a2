"""A strategy's settings: what it is, where it comes from, what it may do, and every parameter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from console.link_protocol import Link
from console.screens.editor import Editor, Field, Value, shown
from engine.api.protocol import Reply, StrategyDetail, StrategyPatch
from widgets import figures
from widgets.cells import Cell
from widgets.lines import Line
from widgets.settings import Setting, SettingsGrid, setting_lines

_PARAM = "param:"
"""In front of a parameter's key: it may be called like one of the settings that all strategies have."""
COMMON = (
    Setting("enabled", "enabled", "", "on", "", "whether it runs"),
    Setting(
        "weight", "weight", "", "1", "> 0 and <= 100", "how much its signals count beside other strategies'"
    ),
    Setting(
        "budget_pct",
        "budget %",
        "",
        "0",
        "0 to 1000",
        "most that its positions may be worth, of equity; 0: no limit",
    ),
    Setting("symbols", "symbols", "", "all", "", "only on these, as venue:NATIVE; nothing typed: on all"),
)


class StrategyScreen(Editor):
    """``now_ns`` tells the desk's time."""

    def __init__(self, name: str, link: Link, now_ns: Callable[[], int]) -> None:
        self._table = SettingsGrid()
        super().__init__(f"Strategy {name}", self._table)
        self._strategy, self._link, self._now_ns = name, link, now_ns
        self._settings: dict[str, Setting] = {}

    async def load(self) -> None:
        detail = await self._link.strategy(self._strategy)
        self._settings, self.fields = settings_of(detail)
        self.show_head(head_lines(detail, self._now_ns()))
        self._table.show(list(self._settings.values()))

    def commit(self, key: str, value: Value) -> Awaitable[Reply]:
        return self._link.set_strategy(self._strategy, patch_of(key, value))

    def describe(self, key: str) -> Sequence[Line]:
        return setting_lines(self._settings[key])


def settings_of(detail: StrategyDetail) -> tuple[dict[str, Setting], dict[str, Field]]:
    """What can be changed, by key, and how it is typed."""
    values: tuple[tuple[str, str, Value], ...] = (
        ("enabled", "flag", detail.enabled),
        ("weight", "number", detail.weight),
        ("budget_pct", "number", detail.budget_pct),
        ("symbols", "list", detail.symbols),
    )
    settings, fields = {}, {}
    for common, (key, kind, value) in zip(COMMON, values, strict=True):
        text = shown(value)
        settings[key] = common._replace(value=text or "all")
        fields[key] = Field(kind, text, common.label)  # type: ignore[arg-type]
    for param in detail.params:
        key, text = _PARAM + param.name, shown(param.value)
        settings[key] = Setting(key, param.name, text, shown(param.default), param.range, param.about)
        fields[key] = Field(param.kind, text, param.name)
    return settings, fields


def patch_of(key: str, value: Value) -> StrategyPatch:
    if key.startswith(_PARAM):
        assert not isinstance(value, tuple)
        return StrategyPatch(params={key.removeprefix(_PARAM): value})
    return StrategyPatch(**{key: value})  # type: ignore[arg-type]


def head_lines(detail: StrategyDetail, now_ns: int) -> list[Line]:
    last = f"last {figures.age(now_ns - detail.last_ns)} ago" if detail.last_ns else "none yet"
    facts: list[Cell] = [(f"{detail.signals:,} signals, {last}", "text")]
    if detail.budget_pct:
        facts.append((f"  ·  uses {detail.used_pct:.1f} % of equity, budget {detail.budget_pct:g} %", "text"))
    elif detail.used_pct:
        facts.append((f"  ·  uses {detail.used_pct:.1f} % of equity", "text"))
    lines: list[Line] = [((detail.description, "bold"),), tuple(facts)]
    if detail.origin:
        lines.append((("a user's own: ", "muted"), (detail.origin, "text")))
    if detail.error:
        lines.append((("! ", "bad"), (detail.error, "bad"), (" (the log has the traceback)", "muted")))
    return lines
