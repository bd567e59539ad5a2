"""Headlines: formats, hostile documents, words, and several hosts at once."""

from __future__ import annotations

import sys

import pytest

from engine.config import NewsConfig
from engine.errors import ConfigError
from engine.events import NS, Sentiment
from engine.feeds.context.lexicon import Lexicon
from engine.feeds.context.news import MAX_BODY, MAX_HEADLINES, News, about, asset_words, headlines
from engine.feeds.context.source import AnswerError
from tests.feeds.context.bodies import rss
from tests.feeds.context.server import LoopbackServer, hang, says

NOW = 1_700_000_000 * NS
DATE = "Tue, 14 Nov 2023 22:00:00 GMT"
"""13 min 20 s before NOW."""
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;">'
    "]><rss><channel><item><title>&lol2;</title></item></channel></rss>"
)
EXTERNAL = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    "<rss><channel><item><title>&f;</title></item></channel></rss>"
)


def test_rss() -> None:
    found = headlines(rss(("Bitcoin rallies", DATE), ("ETH &amp; SOL fall", "yesterday")).encode())
    assert [headline.text for headline in found] == ["Bitcoin rallies", "ETH & SOL fall"]
    assert [headline.published_ns for headline in found] == [1_699_999_200 * NS, 0]


def test_atom_and_rss_1() -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><entry><title type="html">Up</title>'
        "<published>2023-11-14T22:00:00Z</published><updated>2023-11-15T22:00:00Z</updated></entry></feed>"
    )
    rdf = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"><item><title>Down</title>'
        "<dc:date>2023-11-14T23:00:00+01:00</dc:date></item></rdf:RDF>"
    )
    for document, text in ((atom, "Up"), (rdf, "Down")):
        (found,) = headlines(document.encode())
        assert found == (text, 1_699_999_200 * NS)


def test_text_of_strangers_is_cleaned_and_holds_no_markup() -> None:
    hostile = (
        "<![CDATA[<b>Bitcoin</b> <script>alert(1)</script>\x85soars\u202e [red]now[/red]]]>&lt;img src=x&gt; "
        + "x" * 500
    )
    (found,) = headlines(rss((hostile, DATE)).encode())
    assert found.text.startswith("Bitcoin alert(1)")
    assert "<" not in found.text and "\u202e" not in found.text and "\n" not in found.text
    assert len(found.text) <= 120


@pytest.mark.parametrize("document", [BOMB, EXTERNAL])
def test_entities_are_refused(document: str) -> None:
    with pytest.raises(AnswerError, match="refused: the document holds a DTDForbidden"):
        headlines(document.encode())


@pytest.mark.parametrize(
    "document", ["", "not xml", "<rss><item>", "\x00", '<?xml encoding="nosuch"?><rss/>']
)
def test_what_is_no_document_is_told_in_one_line(document: str) -> None:
    with pytest.raises(AnswerError, match="no XML document") as caught:
        headlines(document.encode())
    assert "\n" not in str(caught.value)


def test_a_page_is_no_feed() -> None:
    with pytest.raises(AnswerError, match="neither RSS nor Atom, but <html>"):
        headlines(b"<html><body>Sign in</body></html>")


def test_only_the_first_headlines_are_taken() -> None:
    many = [(f"headline {number}", DATE) for number in range(MAX_HEADLINES + 20)]
    assert len(headlines(rss(*many).encode())) == MAX_HEADLINES


def test_whom_a_headline_is_about() -> None:
    words = asset_words(("BTC bitcoin", "ETH ethereum ether", "DOT polkadot"))
    assert about("Bitcoin and ether rally, BTC first", words) == ("BTC", "ETH")
    assert about("Stocks fall", words) == ("",)
    assert about("The dot-com years", words) == ("",), "a part of a word is none"
    with pytest.raises(ConfigError, match=r"quant\.news\.names"):
        asset_words(("",))


def test_the_lexicon_knows_the_words_of_markets() -> None:
    lexicon = Lexicon()
    assert lexicon.score("Bitcoin plunges as exchange is hacked") < -0.5
    assert lexicon.score("Ether surges to record on ETF approval") > 0.5
    assert lexicon.score("Conference opens on Monday") == 0.0


def source(*feeds: str, timeout_s: float = 1.0) -> News:
    return News(NewsConfig(feeds=feeds, timeout_s=timeout_s), lambda: NOW)


async def test_new_headlines_are_scored_once(server: LoopbackServer) -> None:
    first, second = ("Bitcoin and Ether soar", DATE), ("Lawsuit hits exchange", "no date")
    server.answers = {"/rss": [says(rss(first)), says(rss(second, first))]}
    news = source(f"{server.url}/rss?format=xml")
    try:
        told, later = await news.poll(), await news.poll()
    finally:
        await news.close()
    assert server.asked == ["/rss?format=xml"] * 2
    assert [(event.underlying, event.event_ns) for event in told] == [
        ("BTC", 1_699_999_200 * NS),
        ("ETH", 1_699_999_200 * NS),
    ]
    (market,) = later
    assert isinstance(market, Sentiment)
    assert (market.underlying, market.text, market.event_ns) == ("", "Lawsuit hits exchange", NOW)
    assert market.value < 0


async def test_a_host_that_fails_costs_the_others_nothing_and_is_left_alone(server: LoopbackServer) -> None:
    server.answers = {
        "/good": [says(rss(("Bitcoin soars", DATE)))],
        "/busy": [says("later", 429, Retry_After="600")],
        "/hung": [hang],
    }
    feeds = tuple(f"{server.url}/{name}" for name in ("busy", "hung", "good"))
    news = source(*feeds, timeout_s=0.2)
    try:
        assert len(await news.poll()) == 1
        assert "HTTP 429" in news.troubles[feeds[0]]
        assert "does not answer" in news.troubles[feeds[1]]
        assert feeds[2] not in news.troubles
        await news.poll()
    finally:
        await news.close()
    assert sum(path == "/busy" for path in server.asked) == 1
    assert sum(path == "/good" for path in server.asked) == 2


async def test_an_endless_document_is_cut_off(server: LoopbackServer) -> None:
    server.answers = {"/rss": [says(b" " * (MAX_BODY + 10))]}
    news = source(f"{server.url}/rss")
    try:
        with pytest.raises(AnswerError, match="too long"):
            await news.poll()
    finally:
        await news.close()


def test_without_the_optional_libraries_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)
    with pytest.raises(ConfigError, match=r"pip install 'tickdesk\[news\]'"):
        source("https://news.example/rss")


@pytest.mark.parametrize("feeds", [(), ("file:///etc/passwd",), ("https://user:secret@host/rss",)])
def test_addresses_that_are_none_are_refused_at_once(feeds: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"quant\.news\.feeds") as caught:
        source(*feeds)
    assert "secret" not in str(caught.value)
