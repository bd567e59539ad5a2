-- Version 3. All that an order can be, money by currency, funding, limits changed live, positions over time.
ALTER TABLE orders ADD COLUMN price TEXT;
ALTER TABLE orders ADD COLUMN stop_price TEXT;
ALTER TABLE orders ADD COLUMN trail TEXT;
ALTER TABLE orders ADD COLUMN time_in_force TEXT NOT NULL DEFAULT 'gtc';
ALTER TABLE orders ADD COLUMN expire_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN post_only INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN reduce_only INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN pending TEXT NOT NULL DEFAULT 'none';
ALTER TABLE orders ADD COLUMN list_id TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN parent_id TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN gateway TEXT NOT NULL DEFAULT 'paper';
ALTER TABLE orders ADD COLUMN venue_order_id TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN who TEXT NOT NULL DEFAULT '';
CREATE INDEX orders_open ON orders (updated_seq)
WHERE state NOT IN ('denied', 'rejected', 'filled', 'canceled', 'expired');
CREATE INDEX orders_by_list ON orders (list_id) WHERE list_id <> '';

ALTER TABLE fills ADD COLUMN currency TEXT NOT NULL DEFAULT '';

ALTER TABLE positions ADD COLUMN funding TEXT NOT NULL DEFAULT '0';

-- What trading added to the cash of each currency: cash = notional - fees + funding. "" is the account's own.
CREATE TABLE balances (
    currency TEXT PRIMARY KEY,
    cash TEXT NOT NULL,
    notional TEXT NOT NULL,
    fees TEXT NOT NULL,
    funding TEXT NOT NULL,
    updated_seq INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE funding (
    seq INTEGER PRIMARY KEY,
    funding_id TEXT NOT NULL UNIQUE,
    symbol TEXT NOT NULL,
    amount TEXT NOT NULL,
    currency TEXT NOT NULL,
    rate REAL,
    ns INTEGER NOT NULL
);

-- The last word on each limit; value '' is back to what is above it.
CREATE TABLE limits (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    who TEXT NOT NULL,
    ns INTEGER NOT NULL,
    updated_seq INTEGER NOT NULL,
    PRIMARY KEY (scope, name)
) WITHOUT ROWID;

-- Where a start may begin to compare: what the journal up to seq makes. The digest is of the one before it and
-- of all events between the two, the seal of digest and body.
CREATE TABLE checkpoints (
    seq INTEGER PRIMARY KEY,
    digest TEXT NOT NULL,
    seal TEXT NOT NULL,
    body TEXT NOT NULL
);
-- Few of many: risk and limit changes, funding and alerts are found without a walk through all orders.
CREATE INDEX journal_by_rare_kind ON journal (kind) WHERE kind NOT IN ('OrderEvent', 'OrderChange', 'Fill');

-- Written behind, in batches.
CREATE TABLE position_points (
    ns INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    quantity TEXT NOT NULL,
    entry TEXT NOT NULL,
    mark TEXT NOT NULL,
    unrealized TEXT NOT NULL,
    realized TEXT NOT NULL
);
CREATE INDEX position_points_by_symbol ON position_points (symbol, ns);

CREATE TABLE currency_points (
    ns INTEGER NOT NULL,
    currency TEXT NOT NULL,
    cash TEXT NOT NULL,
    positions TEXT NOT NULL,
    rate TEXT NOT NULL
);
CREATE INDEX currency_points_by_age ON currency_points (ns);
CREATE INDEX equity_by_age ON equity (ns);
