-- Version 1. A change is a new version with a migration of its own.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Every intended start; disposition is null while its run goes on.
CREATE TABLE ticks (
    partner     TEXT NOT NULL,
    journey     TEXT NOT NULL,
    due_us      INTEGER NOT NULL,
    disposition TEXT,
    PRIMARY KEY (partner, journey, due_us)
) WITHOUT ROWID;
CREATE INDEX ticks_open ON ticks (partner, journey) WHERE disposition IS NULL;

-- Up to here every tick of a probe has a row.
CREATE TABLE watermarks (
    partner    TEXT NOT NULL,
    journey    TEXT NOT NULL,
    through_us INTEGER NOT NULL,
    PRIMARY KEY (partner, journey)
) WITHOUT ROWID;

CREATE TABLE runs (
    seq         INTEGER PRIMARY KEY,
    run         TEXT NOT NULL UNIQUE,
    partner     TEXT NOT NULL,
    journey     TEXT NOT NULL,
    member      TEXT,
    cohort      TEXT NOT NULL,
    due_us      INTEGER NOT NULL,
    started_us  INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    outcome     TEXT NOT NULL,
    detail      TEXT NOT NULL
);
CREATE INDEX runs_by_probe ON runs (partner, journey, seq);

-- Raw counters: first verdicts, never taken back.
CREATE TABLE counters (
    metric TEXT NOT NULL,
    labels TEXT NOT NULL,
    value  INTEGER NOT NULL,
    PRIMARY KEY (metric, labels)
) WITHOUT ROWID;

-- Hourly latency sketches, V2-deflate, of all runs up to through_seq.
CREATE TABLE sketches (
    hour        INTEGER NOT NULL,
    partner     TEXT NOT NULL,
    journey     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    samples     BLOB NOT NULL,
    sum_us      INTEGER NOT NULL,
    overflow    INTEGER NOT NULL,
    PRIMARY KEY (hour, partner, journey, kind, name)
) WITHOUT ROWID;

-- Jobs of ours at partners; released_us is null while one is open.
CREATE TABLE jobs (
    location       TEXT PRIMARY KEY,
    partner        TEXT NOT NULL,
    run            TEXT NOT NULL,
    token_endpoint TEXT NOT NULL,
    scope          TEXT NOT NULL,
    opened_us      INTEGER NOT NULL,
    released_us    INTEGER
) WITHOUT ROWID;
CREATE INDEX jobs_open ON jobs (partner) WHERE released_us IS NULL;

-- Journeys that a disclosure holds until a person resumes them.
CREATE TABLE pauses (
    partner  TEXT NOT NULL,
    journey  TEXT NOT NULL,
    run      TEXT NOT NULL,
    since_us INTEGER NOT NULL,
    PRIMARY KEY (partner, journey)
) WITHOUT ROWID;
