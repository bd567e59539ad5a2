"""What is unknown survives the way through JSON, wherever it stands."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import pytest

from engine import nan_json
from engine.api.protocol import EventFrame, StreamMessage
from engine.events import Alert, Fill, Side
from tests.console import sample_desk as sample


def fill(price: float) -> Fill:
    return Fill("tx", "td", "sim:X", Side.BUY, Decimal(1), Decimal(2), Decimal(0), "taker", price, 1)


def test_a_nan_deep_inside_a_message_comes_back() -> None:
    for event in (fill(math.nan), fill(2.0), Alert("info", "a", "b", 1)):
        raw = msgspec.json.encode(EventFrame(seq=1, event=event))
        back = nan_json.decode(raw, StreamMessage)
        assert isinstance(back, EventFrame)
        assert repr(back.event) == repr(event)


def test_a_null_that_is_no_float_stays_null() -> None:
    state = sample.full_frame()
    assert any(row.age_ms is None for row in state.feeds) or any(row.score is None for row in state.ticks)
    assert nan_json.decode(msgspec.json.encode(state), StreamMessage) == state


@pytest.mark.parametrize("raw", [b"{", b"null", b'{"type":"event","seq":null,"event":null}', b'{"type":"x"}'])
def test_what_is_not_of_the_kind_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        nan_json.decode(raw, StreamMessage)
