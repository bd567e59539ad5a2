-- Version 5. Where a run of an automation was done ("" in the engine's process), and in which attempt.
ALTER TABLE automation_runs ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE automation_runs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
