-- Version 2: what objectives are worked out from by time.
-- Judged runs of an objective, by the stretch of time in which they ended (an hour in real time).
CREATE TABLE slo_judged (
    partner   TEXT NOT NULL,
    slo       TEXT NOT NULL,
    bucket_us INTEGER NOT NULL,
    events    INTEGER NOT NULL,
    PRIMARY KEY (partner, slo, bucket_us)
) WITHOUT ROWID;

-- Bad runs of an objective, each at the time it ended: first verdicts, never taken back.
CREATE TABLE slo_bad (
    partner TEXT NOT NULL,
    slo     TEXT NOT NULL,
    at_us   INTEGER NOT NULL,
    bad     INTEGER NOT NULL,
    PRIMARY KEY (partner, slo, at_us)
) WITHOUT ROWID;

-- What declared blackout and maintenance left out, so that it is counted without looking at every tick.
CREATE INDEX ticks_excused ON ticks (partner, journey, due_us)
WHERE disposition IN ('blackout', 'maintenance');
