"""Limits that single strategies and symbols have of their own: which there are, and their ranges."""

from __future__ import annotations

import msgspec

from engine.config.trading import RiskConfig
from engine.errors import ConfigError
from engine.refusal import refused
from engine.text import clean

OWN_LIMITS = (
    *("max_order_notional_pct", "max_order_quantity", "max_position_pct", "max_gross_pct", "max_net_pct"),
    *("max_open_orders", "max_orders_per_s", "price_collar_pct"),
)
"""Keys of ``[risk.strategies.NAME]`` and ``[risk.symbols."SYMBOL"]``; with the desk's meaning."""


def check_own_limits(risk: RiskConfig) -> None:
    """Raises ConfigError, naming the key and what is allowed."""
    if not (risk.strategies or risk.symbols):
        return
    kinds = {field.name: field.type for field in msgspec.structs.fields(RiskConfig)}
    for section, own in (("strategies", risk.strategies), ("symbols", risk.symbols)):
        for owner, limits in own.items():
            for name, value in limits.items():
                where = f"configuration: risk.{section}.{clean(owner, 60)}"
                if name not in OWN_LIMITS:
                    raise ConfigError(
                        f"{where} has no limit {clean(name, 40)}; there are {', '.join(OWN_LIMITS)}"
                    )
                try:
                    msgspec.convert(value, kinds[name], strict=False)
                except msgspec.ValidationError as error:
                    raise ConfigError(f"{where}.{name}: {refused(error, kinds[name], value)}") from None
