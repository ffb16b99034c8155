-- Version 3: follow-up runs, shown with the failed run and counted nowhere.
CREATE TABLE asides (
    run         TEXT PRIMARY KEY,
    of_run      TEXT NOT NULL,
    origin      TEXT NOT NULL,
    started_us  INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    says        TEXT NOT NULL,
    cause       TEXT
) WITHOUT ROWID;
CREATE INDEX asides_by_run ON asides (of_run, started_us);
