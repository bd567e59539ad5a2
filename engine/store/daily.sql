-- Daily runs: their steps and orders. Written by the one process that holds the daily lock.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    day TEXT NOT NULL,
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    dry INTEGER NOT NULL,
    options TEXT NOT NULL,
    state TEXT NOT NULL,
    text TEXT NOT NULL,
    started_ns INTEGER NOT NULL,
    ended_ns INTEGER NOT NULL,
    UNIQUE (day, kind, account, dry)
);
CREATE TABLE steps (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    started_ns INTEGER NOT NULL,
    ended_ns INTEGER NOT NULL,
    text TEXT NOT NULL,
    todo TEXT NOT NULL,
    product TEXT NOT NULL,
    PRIMARY KEY (run, position)
);
CREATE TABLE orders (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    day TEXT NOT NULL,
    number INTEGER NOT NULL,
    plan INTEGER NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    phase TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    state TEXT NOT NULL,
    order_id TEXT NOT NULL,
    filled TEXT NOT NULL,
    price TEXT NOT NULL,
    text TEXT NOT NULL,
    planned_ns INTEGER NOT NULL,
    sent_ns INTEGER NOT NULL,
    ended_ns INTEGER NOT NULL,
    PRIMARY KEY (run, number)
);
CREATE TABLE numbers (
    day TEXT PRIMARY KEY,
    next INTEGER NOT NULL
);
