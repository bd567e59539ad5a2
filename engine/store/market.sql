ALTER TABLE features ADD COLUMN window_gapped REAL;
ALTER TABLE features ADD COLUMN volume_gapped REAL;
-- What came from outside and was not believed. The oldest rows go when there are too many.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ns INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    reason TEXT NOT NULL,
    kind TEXT NOT NULL,
    content TEXT NOT NULL,
    unkept INTEGER NOT NULL
);
