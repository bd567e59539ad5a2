"""A report as one HTML file: no script, nothing that is loaded from elsewhere, all text escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2430; --dim: #566070; --rule: #ccd3dd;
  --line: #1763b6; --other: #8a5a00; --bad: #b3261e; --good: #1b6e3c; --soft: #eef3fa; --warn: #fff4d6; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14181f; --ink: #e4e8ee; --dim: #a3acba; --rule: #36404f; --line: #6db3ff;
    --other: #f2b84b; --bad: #ff8a80; --good: #6fd08c; --soft: #1e2733; --warn: #3a3014; }
}
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
body { max-width: 1060px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.4em; margin-bottom: .2em; } h2 { font-size: 1.1em; margin: 2em 0 .5em; }
h3 { font-size: 1em; margin: 1.4em 0 .3em; } p { max-width: 75ch; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--dim); padding-bottom: .3em; }
th, td { text-align: left; padding: .2em .8em .2em 0; vertical-align: top; }
th, td { border-bottom: 1px solid var(--rule); }
td:first-child { white-space: nowrap; } th { color: var(--dim); font-weight: 500; } .n { text-align: right; }
.wide { overflow-x: auto; } svg { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, sans-serif; fill: var(--dim); }
.equity, .price { fill: none; stroke: var(--line); stroke-width: 1.5; }
.other { fill: none; stroke: var(--other); stroke-width: 1.3; stroke-dasharray: 5 3; }
.below { fill: var(--bad); fill-opacity: .35; stroke: var(--bad); stroke-width: 1; }
.used { fill: var(--line); fill-opacity: .25; stroke: var(--line); stroke-width: 1; }
.range { fill: var(--line); fill-opacity: .15; stroke: none; }
.rule { stroke: var(--rule); } li { margin: .2em 0; }
.bought { fill: var(--good); } .sold { fill: var(--bad); }
.bought, .sold { stroke: var(--paper); stroke-width: .6; }
.won { stroke: var(--good); } .lost { stroke: var(--bad); stroke-dasharray: 3 2; }
.won, .lost { stroke-width: 1.2; opacity: .75; }
.plus { color: var(--good); } .minus { color: var(--bad); }
.sub { color: var(--dim); margin-top: 0; }
.warn { background: var(--warn); border-left: 4px solid var(--other); padding: .5em 1em; margin: 1em 0; }
.warn h2 { margin: 0 0 .3em; } .warn ul { margin: 0; padding-left: 1.2em; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 0 2.5em; }
.beside { align-items: start; } .beside th { white-space: nowrap; }
.beside table { width: 100%; } .beside td { text-align: right; }
.key { color: var(--dim); } .key span { margin-right: 1.2em; }
.key svg { display: inline-block; width: 26px; height: 10px; margin-right: .4em; }
details { margin: .4em 0; } summary { cursor: pointer; color: var(--dim); }
code { overflow-wrap: anywhere; }
@media print { details > * { display: block; } }
"""


def document(title: str, parts: Iterable[str]) -> str:
    """``parts`` are HTML, below the title as a heading."""
    head = escape(title)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{head}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style></head><body><main><h1>{head}</h1>",
            *parts,
            "</main></body></html>\n",
        ]
    )


def bullets(texts: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"
