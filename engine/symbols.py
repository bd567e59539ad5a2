"""Names of instruments: one canonical name for each, and how every venue, broker and data service spells it.

Canonical are ``BTC/USD`` for pairs, ``BTC/USDT-PERP`` and ``BTC/USDT-241227`` (yymmdd) for futures, ``AAPL``,
``BRK.B`` and ``000001.SZ`` for shares (the suffix of a stock exchange is Yahoo's), ``NAS100`` for indices,
``XAU/USD`` for metals. What no rule tells is set by ``[symbols."NAME"]`` with ``place = "spelling"``, which
wins over every rule too. ``names`` is that section wherever it is asked for; a ``place`` is a venue, broker
or source, and "" is a person, who may type any of the spellings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.errors import AmbiguousSymbolError, SymbolError
from engine.spelling.name import FIAT, never_closes, parsed
from engine.spelling.pairs import ANY_QUOTES
from engine.spelling.rules import read_any, rule_of, writes_no_slash
from engine.text import clean

Names = Mapping[str, Mapping[str, str]]
"""Canonical name -> place -> its spelling there."""


def canonical(place: str, native: str, names: Names) -> str:
    """The canonical name of what ``place`` spells ``native``. Raises SymbolError, naming the setting."""
    told = _told(place, native, names)
    if told:
        return told
    rule = rule_of(place)
    name = rule.read(native.strip()) if rule is not None and len(native) <= 60 else None
    if name is None or parsed(name.text) != name:
        example = f'{place or "PLACE"} = "{clean(native, 40)}"'
        who = f"what {place} calls" if place else "what is called"
        raise SymbolError(
            f'{who} "{clean(native, 40)}" has no canonical name by rule: set [symbols."NAME"] {example}'
        )
    spelled = names.get(name.text, {}).get(place)
    if spelled is not None and spelled.upper() != native.strip().upper():
        raise SymbolError(
            f'symbols."{name.text}".{place} is "{clean(spelled, 40)}", so "{clean(native, 40)}" needs another'
            f' name: set [symbols."NAME"] {place} = "{clean(native, 40)}"'
        )
    return name.text


def native(place: str, canonical_name: str, names: Names) -> str:
    """How ``place`` spells a canonical name. Raises SymbolError, naming the setting.

    What is returned reads back as the same name by ``canonical``.
    """
    told = names.get(canonical_name, {}).get(place)
    if told is not None:
        return told
    rule, name = rule_of(place), parsed(canonical_name)
    spelled = rule.write(name) if rule is not None and name is not None else None
    if spelled is not None and rule is not None and rule.read(spelled) == name:
        taken = _told(place, spelled, names)
        if not taken:
            return spelled
    raise SymbolError(
        f"no rule tells how {place} spells {clean(canonical_name, 40)}: set"
        f' symbols."{clean(canonical_name, 40)}".{place} to its name there'
    )


def resolve(place: str, text: str, names: Names) -> str:
    """The spelling of ``place`` for what was written in its own spelling, or in any other.

    What no rule knows is taken as the place's own, which will say whether it is. Raises SymbolError for a
    canonical name that the place is not known to have.
    """
    told = names.get(text, {}).get(place)
    if told is not None:
        return told
    if any(places.get(place) == text for places in names.values()):
        return text
    try:
        return native(place, canonical(place, text, names), names)
    except SymbolError:
        if text not in (text.upper(), text.lower()):
            return text  # in a mixed case it can only be the place's own
    try:
        wanted = canonical("", text, names)
    except SymbolError:
        return text
    try:
        return native(place, wanted, names)
    except SymbolError:
        if "/" in text and writes_no_slash(place):
            raise
        return text


def find(text: str, symbols: Iterable[str], names: Names) -> str:
    """Which of ``symbols`` (``"<venue>:<NATIVE>"``) a person means by ``text``: it, its native name or its
    canonical one, with its venue before it or without. Raises SymbolError when it is none, and
    AmbiguousSymbolError when it is more than one.
    """
    known = list(symbols)
    if text in known:
        return text
    place, colon, rest = text.partition(":")
    if colon and (spelled := f"{place}:{_resolved(place, rest, names)}") in known:
        return spelled
    elsewhere = (
        bool(colon) and rule_of(place.lower()) is not None
    )  # what one place has is not had from another
    folded, wanted = text.casefold(), "" if elsewhere else _meant(text, names)
    found = [one for one in known if folded in (one.casefold(), one.partition(":")[2].casefold())]
    if wanted and (
        not found or wanted == text
    ):  # a canonical name is no venue's own, even if one calls it so
        found += [one for one in known if one not in found and name_of(one, names) == wanted]
    if len(found) == 1:
        return found[0]
    shown = clean(text, 60)
    if found:
        several = clean(", ".join(found[:10]), 200)
        raise AmbiguousSymbolError(f"{shown} is traded at several venues: say which of {several}")
    raise SymbolError(f"unknown symbol {shown}: {how_to_write(known)}")


def how_to_write(known: Sequence[str]) -> str:
    """What to tell who wrote a symbol that none of ``known`` is."""
    if not known:
        return "no symbol is known yet"
    return f"write it as venue:NATIVE or NATIVE, as in {clean(known[0], 60)}"


def _resolved(place: str, text: str, names: Names) -> str:
    try:
        return resolve(place, text, names)
    except SymbolError:
        return text


def _meant(text: str, names: Names) -> str:
    try:
        return canonical("", text, names)
    except SymbolError:
        return ""


def name_of(symbol: str, names: Names) -> str:
    """The canonical name of ``"<venue>:<NATIVE>"``; "" when no rule tells it."""
    venue, _, spelled = symbol.partition(":")
    try:
        return canonical(venue, spelled, names)
    except SymbolError:
        return ""


def round_the_clock(canonical_name: str) -> bool:
    """Whether it is traded at every hour of the week; False for what is no canonical name."""
    name = parsed(canonical_name)
    return name is not None and never_closes(name)


def base_currency(native_name: str) -> str:
    """The base asset of a pair in whatever spelling (``BTC-USD``, ``XBT/USD``, ``BTCUSDT``), or "".

    One asset has one name here, whatever a venue calls it: XBT is BTC.
    """
    name = read_any(native_name)
    return name.base if name is not None and name.quote else ""


def quote_currency(native_name: str) -> str:
    """The quote currency of a pair in whatever spelling (``BTC-USD``, ``BTC/USD``, ``BTCUSDT``), or ""."""
    name = read_any(native_name)
    return name.quote if name is not None else ""


def known_quote(native_name: str) -> str:
    """The same, where it is a currency or coin that things are quoted in: of a file called ``GOOG_daily``
    or ``EURUSD_1h`` the end is none."""
    quote = quote_currency(native_name)
    return quote if quote in ANY_QUOTES or quote in FIAT else ""


def _told(place: str, spelled: str, names: Names) -> str:
    """The name that the configuration gives a spelling, "" when it gives none. A person's is anybody's."""
    if not names:
        return ""
    wanted = spelled.strip()
    for same in (str, str.upper):
        key = same(wanted)
        found = {
            name
            for name, places in names.items()
            if (not place and same(name) == key)
            or any(same(known) == key for where, known in places.items() if where == place or not place)
        }
        if len(found) == 1:
            return found.pop()
        if found and place:
            raise SymbolError(
                f'"{clean(wanted, 40)}" is {" and ".join(sorted(found)[:3])} at {place}: correct [symbols]'
            )
    return ""
