-- Version 2. What runs by itself: definitions, and a bounded log of their runs.
CREATE TABLE automations (
    name TEXT PRIMARY KEY,
    definition TEXT NOT NULL,
    active INTEGER NOT NULL,
    updated_ns INTEGER NOT NULL
) WITHOUT ROWID;

-- A run is written here before its first step: what is here is never run again.
CREATE TABLE automation_runs (
    run_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    signal TEXT NOT NULL,
    symbol TEXT NOT NULL,
    state TEXT NOT NULL,
    started_ns INTEGER NOT NULL,
    ended_ns INTEGER NOT NULL,
    error TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX automation_runs_by_age ON automation_runs (started_ns);
-- One run of an automation and symbol at a time.
CREATE UNIQUE INDEX automation_runs_running ON automation_runs (name, symbol) WHERE state = 'started';
