"""Where a recording holds no connection for a while: what was traded meanwhile is not in it."""

from __future__ import annotations

from engine.events import Gap, Trade

_CUT = "the connection was cut while this was recorded"


class Cuts:
    """Of connections to one place, or to several, told by their numbers. Where ``ids_rise`` by one, they tell
    what is missing."""

    def __init__(self, *, ids_rise: bool = False) -> None:
        self._ids_rise = ids_rise
        self._opened: dict[int, tuple[str, int]] = {}
        """Where and when the connections that are open were opened."""
        self._newest: dict[str, tuple[int, int]] = {}
        """By symbol, the connection and the id of its last trade."""
        self._cut: dict[str, int] = {}
        """Symbols whose trades no connection brought for a while, and the last id before."""

    def __contains__(self, number: int) -> bool:
        return number in self._opened

    def opened(self, number: int, url: str, ns: int) -> None:
        self._opened[number] = url, ns

    def heard(self, number: int, ns: int) -> None:
        """It brought something; where nothing told of its beginning, it is open since."""
        self._opened.setdefault(number, ("", ns))

    def ended(self, number: int, heard_ns: int) -> None:
        """It brought something last at ``heard_ns``. A cut, unless another connection to the same place was
        open by then."""
        url, _ = self._opened.pop(number, ("", 0))
        others = [other for other, opened_ns in self._opened.values() if heard_ns >= opened_ns]
        if not any(other == url or "" in (other, url) for other in others):
            mine = (symbol for symbol, (of, _) in self._newest.items() if of == number)
            self._cut.update((symbol, self._newest[symbol][1]) for symbol in mine)

    def trade(self, trade: Trade, number: int) -> Gap | None:
        """What is missing before it, if its symbol's trades were cut off."""
        last_id = self._cut.pop(trade.symbol, None)
        self._newest[trade.symbol] = number, trade.trade_id
        if last_id is None:
            return None
        if not self._ids_rise or trade.trade_id <= last_id:
            return Gap(trade.symbol, -1, -1, _CUT, trade.recv_ns)
        if trade.trade_id > last_id + 1:
            return Gap(trade.symbol, last_id + 1, trade.trade_id - 1, _CUT, trade.recv_ns)
        return None
