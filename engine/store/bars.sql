-- Stored bars: a database of their own, beside the desk's.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    symbol TEXT NOT NULL,
    interval_s INTEGER NOT NULL,
    UNIQUE (symbol, interval_s)
);
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- Whether what it tells is in the shares of the day on which it tells it.
    split_adjusted INTEGER NOT NULL
);
-- As told. Times are seconds since 1970, UTC: a fifth smaller than nanoseconds.
CREATE TABLE bars (
    series INTEGER NOT NULL,
    open_s INTEGER NOT NULL,
    open REAL NOT NULL,
    high REAL NOT NULL,
    low REAL NOT NULL,
    close REAL NOT NULL,
    volume REAL,
    vwap REAL,
    trades INTEGER,
    source INTEGER NOT NULL,
    provenance INTEGER NOT NULL,
    told_s INTEGER NOT NULL,
    PRIMARY KEY (series, open_s)
) WITHOUT ROWID;
-- What was asked for and answered, bars or none: from_s <= open_s < to_s. Apart from each other.
CREATE TABLE spans (
    series INTEGER NOT NULL,
    from_s INTEGER NOT NULL,
    to_s INTEGER NOT NULL,
    PRIMARY KEY (series, from_s)
) WITHOUT ROWID;
-- Splits (value: new shares for an old one) and dividends (value: per share). One of a kind on a day.
CREATE TABLE actions (
    symbol TEXT NOT NULL,
    day INTEGER NOT NULL,
    kind TEXT NOT NULL,
    ex_s INTEGER NOT NULL,
    value REAL NOT NULL,
    source INTEGER NOT NULL,
    told_s INTEGER NOT NULL,
    PRIMARY KEY (symbol, day, kind)
) WITHOUT ROWID;
-- For whoever reads the file by hand.
CREATE VIEW named_bars AS
    SELECT series.symbol, series.interval_s, bars.open_s * 1000000000 AS open_ns, open, high, low, close,
           volume, vwap, trades, sources.name AS source, provenance = 0 AS filled, provenance
    FROM bars JOIN series ON series.id = bars.series JOIN sources ON sources.id = bars.source;
