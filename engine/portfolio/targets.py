"""Portfolio targets: from scores to weights, and from weights to the changes that lead there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_DOWN, Context, Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

import msgspec

from engine.config import TargetsConfig
from engine.instruments import Instrument

STAGE = "targets"
_ZERO, _FLAT = Decimal(0), Fraction(0)
_DOWN = Context(prec=60, rounding=ROUND_DOWN)
"""No rounding makes a target, or what is traded for it, larger."""


class Asset(NamedTuple):
    """What is known of one symbol."""

    instrument: Instrument
    held: Decimal
    """Signed; with what is at work, as if it had filled."""
    price: Decimal | None
    """Of a unit, in the quote currency; None: unknown."""
    rate: Decimal | None
    """Of the quote currency in the account's; None: unknown."""
    fresh: bool
    """The price is not older than the limit."""


class Change(msgspec.Struct, frozen=True):
    """A symbol's row of a plan. Quantities are signed, and on the lot grid."""

    symbol: str
    score: float | None
    weight: float
    """Of its side: longs sum to 1, shorts to -1."""
    held: Decimal
    target: Decimal
    reduction: Decimal = _ZERO
    """To be traded towards flat, now."""
    addition: Decimal = _ZERO
    """To be traded away from flat, after the reductions."""
    code: str = ""
    """Why less is traded than the target asks for: NO_OPINION, NO_SCORE, NO_EQUITY, NO_PRICE, NO_RATE, STALE,
    BELOW_MIN_TRADE, TURNOVER, TOO_SMALL; "" when all of it is."""
    detail: str = ""

    @property
    def delta(self) -> Decimal:
        """All that is to be traded."""
        return self.reduction + self.addition


class Plan(msgspec.Struct, frozen=True):
    """What a rebalance does: reductions first, then by symbol."""

    changes: tuple[Change, ...] = ()
    turnover: Decimal = _ZERO
    """Worth of all that is to be traded, in the account's currency, at the prices of the plan."""

    @property
    def trades(self) -> tuple[Change, ...]:
        """The rows with something to trade."""
        return tuple(change for change in self.changes if change.delta)


def weights(scores: Mapping[str, float], longs: int, shorts: int) -> dict[str, Fraction]:
    """Equal weights of the ``longs`` best (they sum to 1) and the ``shorts`` worst scores (to -1).

    Only ranks count; of equal scores the symbol that comes first in the alphabet ranks higher. With fewer
    than two scores, or all of them equal, the model has no opinion: none has a weight. Where the sides would
    overlap, each gets at most half of the names. A score that is not finite ranks nowhere.
    """
    known = [(symbol, score) for symbol, score in scores.items() if math.isfinite(score)]
    if len(known) < 2 or len({score for _, score in known}) == 1:
        return {}
    ranked = [symbol for symbol, _ in sorted(known, key=lambda item: (-item[1], item[0]))]
    if longs + shorts > len(ranked):
        half = len(ranked) // 2 if longs and shorts else len(ranked)
        longs, shorts = min(longs, half), min(shorts, half)
    best, worst = ranked[:longs], ranked[len(ranked) - shorts :]
    found = dict.fromkeys(best, Fraction(1, longs)) if best else {}
    return found | dict.fromkeys(worst, Fraction(-1, shorts)) if worst else found


class _Wish(NamedTuple):
    """A change before turnover is bounded."""

    row: Change
    asset: Asset
    delta: Decimal
    worth: Decimal
    """Of a unit, in the account's currency."""


def plan(
    scores: Mapping[str, float], assets: Mapping[str, Asset], equity: Decimal, config: TargetsConfig
) -> Plan:
    """The changes from what is held to the targets of these scores.

    A symbol that is held and ranks between the sides has the target zero; one without a score keeps what it
    has. Target quantities are rounded towards zero, so that gross never exceeds ``gross_pct`` of equity: half
    of it for each side when there are both. Changes worth less than ``min_trade_pct`` are dropped; when the
    others come to more than ``max_turnover_pct``, all are scaled down alike.
    """
    with localcontext(_DOWN):
        shares = weights(scores, config.longs, config.shorts)
        sides = len({share > 0 for share in shares.values()}) or 1
        gross = equity * _share(config.gross_pct) / sides
        least = equity * _share(config.min_trade_pct)
        done: list[Change] = []
        wishes: list[_Wish] = []
        for symbol in sorted(assets.keys() | shares.keys()):
            asset = assets.get(symbol)
            if asset is None:
                continue
            found = _wish(symbol, asset, scores.get(symbol), shares, gross, least, equity)
            if isinstance(found, _Wish):
                wishes.append(found)
            else:
                done.append(found)
        limit = equity * _share(config.max_turnover_pct)
        wanted = sum((abs(wish.delta) * wish.worth for wish in wishes), _ZERO)
        traded = [_scaled(wish, limit, wanted) for wish in wishes]
        turnover = sum((abs(row.delta) * wish.worth for row, wish in zip(traded, wishes, strict=True)), _ZERO)
    rows = sorted([*done, *traded], key=lambda row: (not row.reduction, row.symbol))
    return Plan(tuple(rows), turnover)


def _wish(
    symbol: str,
    asset: Asset,
    score: float | None,
    shares: Mapping[str, Fraction],
    gross: Decimal,
    least: Decimal,
    equity: Decimal,
) -> _Wish | Change:
    share = shares.get(symbol, _FLAT)
    row = Change(symbol, score, float(share), asset.held, asset.held)
    if not shares:
        return _kept(row, "NO_OPINION", "no two scores differ")
    if score is None or not math.isfinite(score):
        return _kept(row, "NO_SCORE", "")
    if not (equity.is_finite() and equity > 0):
        return _kept(row, "NO_EQUITY", f"equity {equity}")
    price, rate = asset.price, asset.rate
    if price is None or not (price.is_finite() and price > 0):
        return _kept(row, "NO_PRICE", "")
    if rate is None or not (rate.is_finite() and rate > 0):
        return _kept(row, "NO_RATE", f"of {asset.instrument.quote_currency or 'its currency'}")
    if not asset.fresh:
        return _kept(row, "STALE", "")
    worth = price * rate
    target = _lots(asset, gross * share.numerator / (worth * share.denominator))
    row = msgspec.structs.replace(row, target=target)
    delta = target - asset.held
    if target and target * asset.held > 0:
        delta = _lots(asset, delta)  # what is held may be off the grid
    if not delta:
        return row
    if abs(delta) * worth < least:
        return _kept(row, "BELOW_MIN_TRADE", f"{abs(delta) * worth:.2f}, least {least:.2f}")
    return _Wish(row, asset, delta, worth)


def _scaled(wish: _Wish, limit: Decimal, wanted: Decimal) -> Change:
    """The part of the wish that turnover leaves, cut where it passes flat."""
    row, asset, delta = wish.row, wish.asset, wish.delta
    code = detail = ""
    if wanted > limit:
        delta = _lots(asset, delta * limit / wanted)
        code, detail = "TURNOVER", f"scaled to {limit * 100 / wanted:.1f} %"
    reduction, addition = _ZERO, delta
    if delta * asset.held < 0:
        reduction = max(delta, -asset.held, key=lambda quantity: quantity * asset.held)
        addition = _lots(asset, delta - reduction)
    if addition and abs(addition) * (asset.price or _ZERO) < asset.instrument.min_notional:
        code, detail = "TOO_SMALL", f"{abs(addition)} is below the minimum {asset.instrument.min_notional}"
        addition = _ZERO
    return msgspec.structs.replace(row, reduction=reduction, addition=addition, code=code, detail=detail)


def _lots(asset: Asset, quantity: Decimal) -> Decimal:
    """Towards zero."""
    return asset.instrument.quantity(quantity)


def _kept(row: Change, code: str, detail: str) -> Change:
    return msgspec.structs.replace(row, code=code, detail=detail)


def _share(percent: float) -> Decimal:
    return Decimal(repr(percent)) / 100
