"""The paper venue: orders matched against the real market's displayed sizes and prints, behind the gateway
interface of a live broker. What it leaves out is ``NOT_MODELLED``; reports print it."""

from __future__ import annotations

from engine.execution.paper.venue import PaperVenue

NOT_MODELLED = (
    "market impact: our orders move nobody's price and take nothing from the market that others then miss",
    "information leakage: nobody sees our orders or reacts to them",
    "hidden and iceberg size: only what is displayed or printed fills an order",
    "price improvement: a limit order that takes fills at the displayed prices, one that rests at its limit",
    "the spread where nobody quotes: an order that takes then fills at the price of the next print",
    "order types, halts, auctions, outages and message limits that a venue has of its own",
    "margin, borrowing and liquidation: a position is held as long as the desk likes",
)
"""What paper results leave out, a line each."""

__all__ = ["NOT_MODELLED", "PaperVenue"]
