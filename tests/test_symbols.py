"""Canonical names, and the spelling of venues, brokers and sources."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import SymbolError
from engine.symbols import base_currency, canonical, find, known_quote, native, quote_currency, resolve

PLACES = (
    "binance",
    "binance-futures",
    "coinbase",
    "coinbase-advanced",
    "kraken",
    "okx",
    "bybit",
    "bybit-linear",
    "alpaca",
    "yahoo",
    "alpha-vantage",
    "twelve-data",
    "polygon",
    "sim",
    "ccxt-gateio",
)

SPELLINGS = [
    ("binance", "BTCUSDT", "BTC/USDT"),
    ("binance", "BTCTUSD", "BTC/TUSD"),
    ("binance", "1000SATSUSDT", "1000SATS/USDT"),
    ("binance", "币安人生USDT", "币安人生/USDT"),
    ("binance-futures", "BTCUSDT", "BTC/USDT-PERP"),
    ("binance-futures", "BTCUSDT_241227", "BTC/USDT-241227"),
    ("coinbase", "BTC-USD", "BTC/USD"),
    ("coinbase-advanced", "BTC-PERP-INTX", "BTC/USDC-PERP"),
    ("kraken", "BTC/USD", "BTC/USD"),
    ("okx", "BTC-USDT", "BTC/USDT"),
    ("okx", "BTC-USDT-SWAP", "BTC/USDT-PERP"),
    ("okx", "BTC-USDT-220513", "BTC/USDT-220513"),
    ("bybit", "XRPUSDT", "XRP/USDT"),
    ("bybit-linear", "XRPUSDT", "XRP/USDT-PERP"),
    ("bybit-linear", "BTCPERP", "BTC/USDC-PERP"),
    ("alpaca", "AAPL", "AAPL"),
    ("alpaca", "BRK.B", "BRK.B"),
    ("alpaca", "GBTC", "GBTC"),
    ("alpaca", "BTC/USD", "BTC/USD"),
    ("yahoo", "AAPL", "AAPL"),
    ("yahoo", "BRK-B", "BRK.B"),
    ("yahoo", "VOD.L", "VOD.L"),
    ("yahoo", "000001.SZ", "000001.SZ"),
    ("yahoo", "BTC-USD", "BTC/USD"),
    ("yahoo", "EURUSD=X", "EUR/USD"),
    ("yahoo", "^NDX", "NAS100"),
    ("yahoo", "GC=F", "XAU/USD"),
    ("alpha-vantage", "000001.SHZ", "000001.SZ"),
    ("alpha-vantage", "BTC/USD", "BTC/USD"),
    ("alpha-vantage", "BRK-B", "BRK.B"),
    ("twelve-data", "NDX", "NAS100"),
    ("twelve-data", "000001:SZSE", "000001.SZ"),
    ("twelve-data", "XAU/USD", "XAU/USD"),
    ("polygon", "X:BTCUSD", "BTC/USD"),
    ("polygon", "X:BNBUSD", "BNB/USD"),
    ("polygon", "C:EURUSD", "EUR/USD"),
    ("polygon", "C:XAUUSD", "XAU/USD"),
    ("polygon", "I:NDX", "NAS100"),
    ("polygon", "AAPL", "AAPL"),
    ("sim", "BTC-USD", "BTC/USD"),
    ("ccxt-gateio", "BTC/USDT:USDT", "BTC/USDT-PERP"),
    ("ccxt", "BTC/USD:BTC-241227", "BTC/USD-241227"),
]


@pytest.mark.parametrize(("place", "spelled", "name"), SPELLINGS)
def test_every_place_spells_a_name_in_its_own_way(place: str, spelled: str, name: str) -> None:
    assert canonical(place, spelled, {}) == name
    assert native(place, name, {}) == spelled


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        *((f"{place}:{spelled}", name) for place, spelled, name in SPELLINGS if place != "ccxt-gateio"),
        ("XBT/USD", "BTC/USD"),
        ("XDG/USD", "DOGE/USD"),
        ("XBTUSD", "BTC/USD"),
        ("XAUUSD", "XAU/USD"),
        ("XAUUSD=X", "XAU/USD"),
        ("JPY=X", "USD/JPY"),
        ("000001.sz", "000001.SZ"),
        ("600000.SH", "600000.SS"),
        ("btcusdt", "BTC/USDT"),
        ("BNBUSD", "BNB/USD"),
        ("ARBUSD", "ARB/USD"),
        ("btc-usd", "BTC/USD"),
        ("BTC_USDT", "BTC/USDT"),
        ("BTC/USDT:USDT", "BTC/USDT-PERP"),
        ("BTC/USDT-PERP", "BTC/USDT-PERP"),
        ("BTC-USDT-SWAP", "BTC/USDT-PERP"),
        ("X:BTCUSD", "BTC/USD"),
        ("C:EURUSD", "EUR/USD"),
        ("^ndx", "NAS100"),
        ("NDX", "NAS100"),
        ("us100", "NAS100"),
        ("aapl", "AAPL"),
        ("brk-b", "BRK.B"),
        ("GBTC", "GBTC"),
        (" ETH/BTC ", "ETH/BTC"),
    ],
)
def test_a_person_may_type_any_of_the_spellings(typed: str, name: str) -> None:
    if typed.startswith("ccxt:"):
        typed = typed.removeprefix("ccxt:")
    assert canonical("", typed, {}) == name


word = st.text("ABCDEGHXZ019", min_size=1, max_size=8)
currency = st.sampled_from(
    ["USD", "USDT", "USDC", "EUR", "BTC", "ETH", "BNB", "TUSD", "BUSD", "JPY", "XAU", "GUSD"]
)
pairs = st.builds(
    lambda base, quote, contract: f"{base}/{quote}{contract}",
    word | currency,
    currency,
    st.sampled_from(["", "", "-PERP", "-241227"]),
)
shares = st.builds(lambda stem, suffix: stem + suffix, word, st.sampled_from(["", ".B", ".SZ", ".L", ".HK"]))
names = pairs | shares | st.sampled_from(["NAS100", "US30", "VIX"])


@given(st.sampled_from(PLACES), names)
@example("binance", "DO/TUSD")
@example("polygon", "X/BUSD")
def test_what_a_place_spells_reads_back_as_the_same_name(place: str, name: str) -> None:
    try:
        spelled = native(place, name, {})
    except SymbolError as error:
        assert f'symbols."{name}".{place}' in str(error)
        return
    assert canonical(place, spelled, {}) == name
    assert native(place, canonical(place, spelled, {}), {}) == spelled
    assert resolve(place, spelled, {}) == spelled


@given(st.sampled_from(PLACES), st.text(max_size=30) | names)
def test_no_text_does_more_than_be_refused(place: str, text: str) -> None:
    for reader in (place, ""):
        try:
            name = canonical(reader, text, {})
        except SymbolError as error:
            assert "\n" not in str(error)
            continue
        assert canonical("", name, {}) == name or "/" not in name
        try:
            assert canonical(place, native(place, name, {}), {}) == name
        except SymbolError:
            pass


@given(names, st.sampled_from(PLACES), st.text("abcXYZ019", min_size=1, max_size=8))
def test_the_configuration_wins_over_every_rule(name: str, place: str, spelled: str) -> None:
    told = {name: {place: spelled}}
    assert native(place, name, told) == spelled
    assert canonical(place, spelled, told) == name
    assert resolve(place, name, told) == spelled
    assert resolve(place, spelled, told) == spelled


def test_a_spelling_that_the_configuration_gave_away_belongs_to_nobody_else() -> None:
    told = {"BTC/USD": {"binance": "BTCUSDT"}}
    with pytest.raises(SymbolError, match=r'symbols."BTC/USDT".binance'):
        native("binance", "BTC/USDT", told)
    twice = {"A": {"okx": "X-Y"}, "B": {"okx": "X-Y"}}
    with pytest.raises(SymbolError, match=r"A and B at okx: correct \[symbols\]"):
        canonical("okx", "X-Y", twice)
    elsewhere = {"BTC/USDT": {"binance": "XBTUSDT"}}
    with pytest.raises(SymbolError, match="needs another name"):
        canonical("binance", "BTCUSDT", elsewhere)


@pytest.mark.parametrize(
    ("place", "text", "spelled"),
    [
        ("binance", "BTC/USDT", "BTCUSDT"),
        ("binance", "btcusdt", "BTCUSDT"),
        ("binance", "BTC-USDT", "BTCUSDT"),
        ("binance-futures", "BTC/USDT-PERP", "BTCUSDT"),
        ("coinbase", "BTC/USD", "BTC-USD"),
        ("kraken", "XBT/USD", "BTC/USD"),
        ("kraken", "AAPLx/USD", "AAPLx/USD"),
        ("okx", "BTC/USDT-PERP", "BTC-USDT-SWAP"),
        ("yahoo", "NAS100", "^NDX"),
        ("yahoo", "XAUUSD", "GC=F"),
        ("alpaca", "AAPL", "AAPL"),
        ("binance", "FOOBAR", "FOOBAR"),
        ("somewhere", "FOO/BAR", "FOO/BAR"),
    ],
)
def test_a_feed_takes_its_own_spelling_and_the_canonical_one(place: str, text: str, spelled: str) -> None:
    assert resolve(place, text, {}) == spelled


def test_a_canonical_name_that_a_venue_cannot_have_is_refused_with_the_setting() -> None:
    with pytest.raises(SymbolError, match=r'set symbols."BTC/USDT".binance-futures'):
        resolve("binance-futures", "BTC/USDT", {})


DESK = ["coinbase:BTC-USD", "kraken:BTC/USD", "binance:ETHUSDT", "alpaca:AAPL", "sim:FOO"]


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("coinbase:BTC-USD", "coinbase:BTC-USD"),
        ("BTC-USD", "coinbase:BTC-USD"),
        ("kraken:btc/usd", "kraken:BTC/USD"),
        ("ETH/USDT", "binance:ETHUSDT"),
        ("eth-usdt", "binance:ETHUSDT"),
        ("aapl", "alpaca:AAPL"),
        ("Binance:ethusdt", "binance:ETHUSDT"),
        ("coinbase:BTC/USD", "coinbase:BTC-USD"),
        ("kraken:XBT/USD", "kraken:BTC/USD"),
        ("ethereum", "binance:ETHUSDT"),
    ],
)
def test_a_symbol_of_the_desk_is_found_by_every_name(text: str, symbol: str) -> None:
    assert find(text, DESK, {"ETH/USDT": {"shop": "ethereum"}}) == symbol


def test_a_name_that_means_two_symbols_or_none_is_refused() -> None:
    with pytest.raises(SymbolError, match="at several venues: say which of coinbase:BTC-USD, kraken:BTC/USD"):
        find("XBTUSD", DESK, {})
    with pytest.raises(SymbolError, match="at several venues: say which of kraken:BTC/USD, coinbase:BTC-USD"):
        find("BTC/USD", DESK, {})  # Kraken's own spelling, but the canonical name as well
    with pytest.raises(SymbolError, match="unknown symbol DOGE/USD"):
        find("DOGE/USD", DESK, {})
    with pytest.raises(SymbolError, match="unknown symbol okx:ETH-USDT"):
        find("okx:ETH-USDT", DESK, {})  # of another venue than the one that is named


@pytest.mark.parametrize(
    ("spelled", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("ETHBTC", "ETH", "BTC"),
        ("BTC-USD", "BTC", "USD"),
        ("BTC/USD", "BTC", "USD"),
        ("XBT/USD", "BTC", "USD"),
        ("XBTUSDT", "BTC", "USDT"),
        ("XDG/USD", "DOGE", "USD"),
        ("sol-usd", "SOL", "USD"),
        ("USDCUSDT", "USDC", "USDT"),
        ("AVAX_USDC", "AVAX", "USDC"),
        ("BTC-USDT-SWAP", "BTC", "USDT"),
        ("USDT", "", ""),
        ("AAPL", "", ""),
        ("", "", ""),
    ],
)
def test_one_asset_has_one_name_on_every_venue(spelled: str, base: str, quote: str) -> None:
    assert (base_currency(spelled), quote_currency(spelled)) == (base, quote)


def test_what_things_are_quoted_in_is_known() -> None:
    assert [known_quote(name) for name in ("AVAX_USDC", "ETH/BTC", "EURUSD", "USD/JPY")] == [
        "USDC",
        "BTC",
        "USD",
        "JPY",
    ]
    assert not any(map(known_quote, ("GOOG_daily", "EURUSD_1h", "AAPL", "")))


def test_an_unknown_symbol_is_answered_with_one_that_is_known() -> None:
    with pytest.raises(SymbolError, match=r"unknown symbol DOGE: .* as in binance:BTCUSDT$"):
        find("DOGE", ["binance:BTCUSDT", "binance:ETHUSDT"], {})
    with pytest.raises(SymbolError, match="no symbol is known yet"):
        find("DOGE", [], {})
