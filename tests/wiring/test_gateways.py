"""What a start does with the orders and positions at brokers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.config import load
from engine.errors import ConfigError
from engine.events import (
    NS,
    Alert,
    ChangeKind,
    JournalEvent,
    OrderChange,
    RiskChange,
    RiskState,
)
from engine.wiring.gateways import Gateways
from tests.execution.alpaca_desk import BTC, KEYS
from tests.wiring.conftest import START_NS, Bench
from tests.wiring.sent_orders import sent

AT_ALPACA = ("brokers.alpaca.enabled=true", f'brokers.alpaca.symbols={{"{BTC}"="BTC/USD"}}')
OF_ANOTHER = ("brokers.alpaca.enabled=true", 'brokers.alpaca.symbols={"sim:ETH-USD"="ETH/USD"}')
ON_PAPER: tuple[str, ...] = ()


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def begun(overrides: tuple[str, ...], journal: list[JournalEvent]) -> tuple[Bench, Gateways]:
    """A desk that goes on with this journal, and its gateways."""
    bench = Bench(load(overrides=list(overrides), environ={}))

    def failed(error: Exception) -> None:
        raise error

    gateways = Gateways(
        bench.config, bench.desk, clock=lambda: START_NS + NS, failed=failed, keep=lambda name, value: None
    )
    bench.desk.restore(journal, START_NS + NS)
    gateways.take_up({}, START_NS + NS)
    return bench, gateways


def started(overrides: tuple[str, ...], journal: list[JournalEvent]) -> Bench:
    return begun(overrides, journal)[0]


@pytest.mark.parametrize("state", [RiskState.ACTIVE, RiskState.HALTED])
def test_entries_that_a_halt_had_not_canceled_are_canceled_at_the_broker(state: RiskState) -> None:
    journal = sent("alpaca", "2", filled=False)
    if state is not RiskState.ACTIVE:
        journal.append(RiskChange(state, RiskState.ACTIVE, "enough", "me", START_NS))
    asked = [event.kind for event in started(AT_ALPACA, journal).kinds(OrderChange)]  # type: ignore[attr-defined]
    assert asked == ([] if state is RiskState.ACTIVE else [ChangeKind.CANCEL_ASKED])


@pytest.mark.parametrize(
    ("held_at", "overrides", "says"),
    [
        (
            "paper",
            AT_ALPACA,
            "2 sim:BTC-USD are held at paper, and orders of sim:BTC-USD would go to alpaca: take it out",
        ),
        (
            "alpaca",
            ON_PAPER,
            "2 sim:BTC-USD are held at alpaca, and orders of sim:BTC-USD would go to paper: enable",
        ),
        (
            "alpaca",
            OF_ANOTHER,
            "2 sim:BTC-USD are held at alpaca, and orders of sim:BTC-USD would go to paper: enable",
        ),
    ],
)
@pytest.mark.parametrize("quantity", ["2", "-2"])
def test_what_is_held_is_left_where_it_is_held(
    held_at: str, overrides: tuple[str, ...], says: str, quantity: str
) -> None:
    """Elsewhere its exits would find no position, or open another one."""
    with pytest.raises(ConfigError, match=says):
        started(overrides, sent(held_at, quantity, filled=True))


def test_an_open_order_stays_where_it_is() -> None:
    for gateway, overrides in (("paper", AT_ALPACA), ("alpaca", OF_ANOTHER), ("alpaca", ON_PAPER)):
        with pytest.raises(ConfigError, match=f"order td-{gateway}-2 is open at {gateway}"):
            started(overrides, sent(gateway, "2", filled=False))
    assert started(AT_ALPACA, sent("alpaca", "2", filled=False)).kinds(Alert)


def test_what_no_configuration_puts_right_is_told_and_refuses_no_start() -> None:
    flat = [*sent("paper", "2", filled=True), *sent("alpaca", "-2", filled=True)]
    for overrides in (ON_PAPER, AT_ALPACA):
        assert not [one for one in started(overrides, flat).kinds(Alert) if one.level == "error"]  # type: ignore[attr-defined]
    split = [*sent("paper", "2", filled=True), *sent("alpaca", "3", filled=True)]
    for overrides in (ON_PAPER, AT_ALPACA):
        told = [one.text for one in started(overrides, split).kinds(Alert) if one.level == "error"]  # type: ignore[attr-defined]
        assert told == ["5 sim:BTC-USD are held at several gateways (paper 2, alpaca 3): an exit reaches one"]


@pytest.mark.parametrize("filled", [False, True])
def test_what_needs_two_gateways_is_left_to_a_person(filled: bool) -> None:
    """Each configuration was refused for the sake of the other one: nobody could cancel either."""
    journal = [*sent("paper", "2", filled=filled), *sent("alpaca", "1", filled=False)]
    watching = "engine.hands_off=true"
    for overrides in (ON_PAPER, AT_ALPACA, (*ON_PAPER, watching)):
        with pytest.raises(ConfigError, match=r"at .* and .* at .*: .*start with engine.hands_off=true"):
            started(overrides, journal)
    told = [one.text for one in started((*AT_ALPACA, watching), journal).kinds(Alert) if one.level == "error"]  # type: ignore[attr-defined]
    assert len(told) == 1 and "an exit reaches alpaca alone" in told[0]


def test_a_position_goes_on_at_its_gateway() -> None:
    for gateway, overrides in (("paper", ON_PAPER), ("paper", OF_ANOTHER), ("alpaca", AT_ALPACA)):
        bench, gateways = begun(overrides, sent(gateway, "2", filled=True))
        assert (gateways.brokers.route(BTC) or "paper") == gateway
        assert not [one for one in bench.kinds(Alert) if one.level == "error"]  # type: ignore[attr-defined]


def test_a_broker_knows_how_much_fees_may_have_taken() -> None:
    journal = [*sent("alpaca", "2", filled=True), *sent("alpaca", "-1.9", filled=True)]
    _, gateways = begun(AT_ALPACA, journal)
    assert gateways.brokers.alpaca is not None
    assert gateways.brokers.alpaca.gateway.taken_in_kind(BTC) == Decimal("0.0050")
