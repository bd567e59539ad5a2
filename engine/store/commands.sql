-- Version 6. Every command, from every way in: who asked, for what, and what became of it.
CREATE TABLE commands (
    id INTEGER PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    ns INTEGER NOT NULL,
    who TEXT NOT NULL,
    role TEXT NOT NULL,
    peer TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    body TEXT NOT NULL,
    key TEXT NOT NULL,
    status INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    took_us INTEGER NOT NULL
);

-- What a command under a key was answered with, so that the same command again is answered and not done.
CREATE TABLE command_keys (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    ns INTEGER NOT NULL,
    status INTEGER NOT NULL,
    reply BLOB NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE INDEX command_keys_by_age ON command_keys (ns);
