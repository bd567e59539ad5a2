"""nautilus_trader's own EMA cross example over a tape; run where it is installed.

``nautilus_ema_cross.py TICKS.npy SYMBOLS``: trades and quotes. All become its objects beforehand; timed is
``BacktestEngine.run`` alone: data engine, one-second bars from trades, one Python ``EMACross`` (10/20) per
symbol as it ships, its risk engine, and orders matched by a simulated venue, without logs. Prints seconds,
ticks and orders.
"""

import json
import sys
import time
from decimal import Decimal

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.examples.strategies.ema_cross import EMACross, EMACrossConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BarType, QuoteTick, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, CurrencyType, OmsType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Currency, Money, Price, Quantity

DIGITS = 6
VENUE = Venue("SIM")


def instrument(number: int) -> CurrencyPair:
    base = Currency(f"S{number:02d}", DIGITS, 0, f"S{number:02d}", CurrencyType.CRYPTO)
    symbol = Symbol(f"S{number:02d}/USD")
    return CurrencyPair(
        instrument_id=InstrumentId(symbol, VENUE),
        raw_symbol=symbol,
        base_currency=base,
        quote_currency=USD,
        price_precision=DIGITS,
        size_precision=DIGITS,
        price_increment=Price(10**-DIGITS, DIGITS),
        size_increment=Quantity(10**-DIGITS, DIGITS),
        margin_init=Decimal("0.05"),
        margin_maint=Decimal("0.05"),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0002"),
        ts_event=0,
        ts_init=0,
    )


def objects(ticks: np.ndarray, ids: list) -> list:
    sides = {1: AggressorSide.BUYER, -1: AggressorSide.SELLER, 0: AggressorSide.NO_AGGRESSOR}
    made = []
    for recv, _, number, symbol, kind, _, side, _, a, b, c, d in ticks.tolist():
        if kind == 0:
            size = Quantity(max(b, 10**-DIGITS), DIGITS)
            made.append(
                TradeTick(ids[symbol], Price(a, DIGITS), size, sides[side], TradeId(str(number)), recv, recv)
            )
        else:
            sizes = Quantity(c, DIGITS), Quantity(d, DIGITS)
            made.append(QuoteTick(ids[symbol], Price(a, DIGITS), Price(b, DIGITS), *sizes, recv, recv))
    return made


def main(source: str, symbols: str) -> None:
    ticks = np.load(source)
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        VENUE, OmsType.NETTING, AccountType.MARGIN, [Money(10_000_000, USD)], base_currency=USD,
        default_leverage=Decimal(10),
    )  # fmt: skip
    pairs = [instrument(number) for number in range(int(symbols))]
    for pair in pairs:
        engine.add_instrument(pair)
        bars = BarType.from_str(f"{pair.id}-1-SECOND-LAST-INTERNAL")
        config = EMACrossConfig(
            instrument_id=pair.id, bar_type=bars, trade_size=Decimal("0.01"), request_bars=False,
            order_id_tag=pair.id.symbol.value[:3],
        )  # fmt: skip
        engine.add_strategy(EMACross(config))
    engine.add_data(objects(ticks, [pair.id for pair in pairs]))
    began = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - began
    orders = engine.cache.orders_total_count()
    print(json.dumps({"seconds": seconds, "ticks": len(ticks), "orders": orders}))
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
