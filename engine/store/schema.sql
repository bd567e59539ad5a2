-- Version 1. Money and quantities are decimal text; times are nanoseconds UTC; what is unknown (NaN) is NULL.

-- The truth: every order event, fill, risk change and alert, gap-free and append-only.
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX journal_by_order ON journal (client_order_id) WHERE client_order_id <> '';
CREATE TRIGGER journal_keeps_rows BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_keeps_values BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

-- Folds of the journal, written in the transaction of the events they follow from.
CREATE TABLE orders (
    client_order_id TEXT PRIMARY KEY,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    type TEXT NOT NULL,
    purpose TEXT NOT NULL,
    quantity TEXT NOT NULL,
    filled TEXT NOT NULL,
    notional TEXT NOT NULL,
    fees TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    opportunity_id TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    updated_ns INTEGER NOT NULL,
    updated_seq INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX orders_by_age ON orders (updated_seq);

CREATE TABLE fills (
    seq INTEGER PRIMARY KEY,
    trade_id TEXT NOT NULL UNIQUE,
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    price TEXT NOT NULL,
    fee TEXT NOT NULL,
    liquidity TEXT NOT NULL,
    decision_price REAL,
    ns INTEGER NOT NULL
);
CREATE INDEX fills_by_order ON fills (client_order_id);

CREATE TABLE positions (
    symbol TEXT PRIMARY KEY,
    quantity TEXT NOT NULL,
    entry_price TEXT NOT NULL,
    realized TEXT NOT NULL,
    notional TEXT NOT NULL,
    fees TEXT NOT NULL,
    updated_seq INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Written behind, in batches.
CREATE TABLE signals (
    ns INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    source TEXT NOT NULL,
    family TEXT NOT NULL,
    score REAL,
    confidence REAL,
    ttl_ns INTEGER NOT NULL,
    reason TEXT NOT NULL
);

CREATE TABLE blends (
    ns INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    score REAL,
    confidence REAL,
    agreement REAL,
    body TEXT NOT NULL
);

CREATE TABLE opportunities (
    opportunity_id TEXT PRIMARY KEY,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    score REAL,
    confidence REAL,
    price REAL,
    created_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL,
    merged INTEGER NOT NULL,
    body TEXT NOT NULL
);

CREATE TABLE verdicts (
    client_order_id TEXT NOT NULL,
    ns INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    approved INTEGER NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX verdicts_by_order ON verdicts (client_order_id);

-- One row per closed bar (and per threshold crossing): the columns are the fields of FeatureRow.
CREATE TABLE features (
    symbol TEXT NOT NULL,
    ns INTEGER NOT NULL,
    bar_start_ns INTEGER NOT NULL,
    bars INTEGER NOT NULL,
    open REAL,
    high REAL,
    low REAL,
    close REAL,
    volume REAL,
    trade_count REAL,
    filled REAL,
    bid REAL,
    ask REAL,
    bid_size REAL,
    ask_size REAL,
    last REAL,
    window_change_pct REAL,
    window_volume REAL,
    window_buy_volume REAL,
    window_count REAL,
    window_vwap REAL,
    window_high REAL,
    window_low REAL,
    rsi REAL,
    ema_fast REAL,
    ema_slow REAL,
    bb_upper REAL,
    bb_middle REAL,
    bb_lower REAL,
    atr REAL,
    macd REAL,
    macd_signal REAL,
    macd_hist REAL,
    volume_ma REAL,
    momentum REAL,
    vwap REAL,
    sma_fast REAL,
    sma_slow REAL,
    sma_fast_prev REAL,
    sma_slow_prev REAL,
    return_std REAL,
    return_std_long REAL
);
CREATE VIEW bars AS
SELECT symbol, bar_start_ns AS start_ns, open, high, low, close, volume, trade_count, filled
FROM features GROUP BY symbol, bar_start_ns;

CREATE TABLE drops (
    stage TEXT NOT NULL,
    symbol TEXT NOT NULL,
    code TEXT NOT NULL,
    count INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    last_detail TEXT NOT NULL,
    PRIMARY KEY (stage, symbol, code)
) WITHOUT ROWID;

CREATE TABLE equity (
    ns INTEGER NOT NULL,
    equity TEXT NOT NULL,
    cash TEXT NOT NULL,
    unrealized TEXT NOT NULL
);
