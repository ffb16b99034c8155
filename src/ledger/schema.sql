-- Schema 5 (docs/decisions/0033). A change is a new version with a migration of its own. Times end in _us and are
-- microseconds since 1970 UTC, lengths of time are microseconds.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Words that rows name by number: dispositions, outcomes, causes, owners, members, cohorts.
CREATE TABLE words (
    id   INTEGER PRIMARY KEY,
    word TEXT NOT NULL UNIQUE
);
INSERT INTO words VALUES (1, 'passed');

-- What belongs to a probe is kept by its number, so that it can be renamed. rows: of ticks, as they should be.
CREATE TABLE probes (
    id      INTEGER PRIMARY KEY,
    partner TEXT NOT NULL,
    journey TEXT NOT NULL,
    rows    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (partner, journey)
);

CREATE TABLE objectives (
    id      INTEGER PRIMARY KEY,
    partner TEXT NOT NULL,
    slo     TEXT NOT NULL,
    UNIQUE (partner, slo)
);

-- Stretches of an objective's history under one promise and schedule.
CREATE TABLE epochs (
    objective INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    from_us   INTEGER NOT NULL,
    promise   TEXT NOT NULL,
    PRIMARY KEY (objective, number)
) WITHOUT ROWID;

-- Intended starts that came to an end, each with its run where it had one; seq is the order in which they ended.
CREATE TABLE ticks (
    seq         INTEGER PRIMARY KEY,
    probe       INTEGER NOT NULL,
    due_us      INTEGER NOT NULL,
    disposition INTEGER NOT NULL,
    -- 1: no alert, 2: left out of the SLA.
    excused     INTEGER NOT NULL,
    -- The 16 bytes of a UUID, else its text.
    run         BLOB,
    -- From the intended start to the begin of the run.
    delay_us    INTEGER,
    duration_us INTEGER,
    outcome     INTEGER,
    cause       INTEGER,
    owner       INTEGER,
    member      INTEGER,
    cohort      INTEGER,
    -- Objectives that counted the run, and those to which it was bad: bits in the order of their names.
    judged      INTEGER NOT NULL,
    bad         INTEGER NOT NULL,
    UNIQUE (probe, due_us)
);
CREATE UNIQUE INDEX ticks_by_run ON ticks (run) WHERE run IS NOT NULL;
-- Each of these has its rows in the order of seq, the order in which runs are paged through.
CREATE INDEX ticks_by_probe ON ticks (probe);
CREATE INDEX ticks_by_member ON ticks (member) WHERE member IS NOT NULL;
CREATE INDEX ticks_by_cause ON ticks (cause) WHERE cause IS NOT NULL;
CREATE INDEX ticks_not_passed ON ticks (outcome) WHERE outcome IS NOT NULL AND outcome <> 1;

-- Where the intended starts of an hour lie among all: none is before first_seq or after last_seq.
CREATE TABLE tick_hours (
    hour_us   INTEGER PRIMARY KEY,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL
);

-- Intended starts whose run goes on.
CREATE TABLE open_ticks (
    probe  INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    run    BLOB,
    PRIMARY KEY (probe, due_us)
) WITHOUT ROWID;

-- What was seen in a run, packed; compressed against a reference where one is named.
CREATE TABLE evidence (
    seq       INTEGER PRIMARY KEY,
    reference INTEGER,
    body      BLOB NOT NULL
);

-- Earlier evidence of the same probe. uses: evidence that names it.
CREATE TABLE evidence_references (
    id    INTEGER PRIMARY KEY,
    probe INTEGER NOT NULL,
    uses  INTEGER NOT NULL,
    body  BLOB NOT NULL
);
CREATE INDEX evidence_references_by_probe ON evidence_references (probe);

-- What was due of a probe in a quarter hour (of scaled time, by its begin), and what came of it.
CREATE TABLE probe_quarters (
    probe           INTEGER NOT NULL,
    quarter_us      INTEGER NOT NULL,
    due             INTEGER NOT NULL DEFAULT 0,
    held            INTEGER NOT NULL DEFAULT 0,
    no_alert        INTEGER NOT NULL DEFAULT 0,
    excluded        INTEGER NOT NULL DEFAULT 0,
    ran             INTEGER NOT NULL DEFAULT 0,
    late            INTEGER NOT NULL DEFAULT 0,
    overlap         INTEGER NOT NULL DEFAULT 0,
    capped          INTEGER NOT NULL DEFAULT 0,
    blackout        INTEGER NOT NULL DEFAULT 0,
    maintenance     INTEGER NOT NULL DEFAULT 0,
    missed          INTEGER NOT NULL DEFAULT 0,
    lost            INTEGER NOT NULL DEFAULT 0,
    passed          INTEGER NOT NULL DEFAULT 0,
    passed_on_retry INTEGER NOT NULL DEFAULT 0,
    failed          INTEGER NOT NULL DEFAULT 0,
    agent_fault     INTEGER NOT NULL DEFAULT 0,
    inconclusive    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (probe, quarter_us)
) WITHOUT ROWID;

-- The same of an objective, within an epoch; quiet: alerts were declared off, excluded: left out of the SLA.
CREATE TABLE slo_quarters (
    objective       INTEGER NOT NULL,
    quarter_us      INTEGER NOT NULL,
    epoch           INTEGER NOT NULL,
    due             INTEGER NOT NULL DEFAULT 0,
    held            INTEGER NOT NULL DEFAULT 0,
    judged          INTEGER NOT NULL DEFAULT 0,
    bad             INTEGER NOT NULL DEFAULT 0,
    inconclusive    INTEGER NOT NULL DEFAULT 0,
    quiet_due       INTEGER NOT NULL DEFAULT 0,
    quiet_judged    INTEGER NOT NULL DEFAULT 0,
    quiet_bad       INTEGER NOT NULL DEFAULT 0,
    excluded_due    INTEGER NOT NULL DEFAULT 0,
    excluded_judged INTEGER NOT NULL DEFAULT 0,
    excluded_bad    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (objective, quarter_us, epoch)
) WITHOUT ROWID;

-- Bad events of an objective, by the intended start: first verdicts, never taken back.
CREATE TABLE slo_bad (
    objective INTEGER NOT NULL,
    due_us    INTEGER NOT NULL,
    bad       INTEGER NOT NULL,
    quiet     INTEGER NOT NULL,
    PRIMARY KEY (objective, due_us)
) WITHOUT ROWID;

-- Raw counters: first verdicts, never taken back. base: what the quarter hours count beyond value, as counters that
-- were exported restart at 0 after a rollback.
CREATE TABLE counters (
    metric TEXT NOT NULL,
    labels TEXT NOT NULL,
    value  INTEGER NOT NULL,
    base   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (metric, labels)
) WITHOUT ROWID;
-- The sum over all labels, so that a counter that was changed is noticed.
CREATE TABLE counter_sums (
    metric TEXT PRIMARY KEY,
    value  INTEGER NOT NULL
) WITHOUT ROWID;

-- Hourly latency sketches, V2-deflate, of all runs up to the one named in meta.
CREATE TABLE sketches (
    hour     INTEGER NOT NULL,
    probe    INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    samples  BLOB NOT NULL,
    sum_us   INTEGER NOT NULL,
    overflow INTEGER NOT NULL,
    UNIQUE (hour, probe, kind, name)
);
CREATE INDEX sketches_by_probe ON sketches (probe, hour);

-- Jobs of ours at partners that are open.
CREATE TABLE jobs (
    location       TEXT PRIMARY KEY,
    partner        TEXT NOT NULL,
    run            TEXT NOT NULL,
    token_endpoint TEXT NOT NULL,
    scope          TEXT NOT NULL,
    opened_us      INTEGER NOT NULL,
    -- Attempts to release it after its run: how many failed, when the next is due, whether a token was asked for it.
    failed         INTEGER NOT NULL DEFAULT 0,
    next_us        INTEGER,
    had_token      INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Journeys that a disclosure holds until a person resumes them.
CREATE TABLE pauses (
    probe    INTEGER PRIMARY KEY,
    run      TEXT NOT NULL,
    since_us INTEGER NOT NULL
);

-- Up to here every tick of a probe has a row; and every one is counted as due.
CREATE TABLE watermarks (
    probe          INTEGER PRIMARY KEY,
    through_us     INTEGER NOT NULL,
    due_through_us INTEGER
);

-- Follow-up runs, shown with the failed run and counted nowhere.
CREATE TABLE follow_up_runs (
    run          TEXT PRIMARY KEY,
    of_run       TEXT NOT NULL,
    origin       TEXT NOT NULL,
    started_us   INTEGER NOT NULL,
    duration_us  INTEGER NOT NULL,
    reproduction TEXT NOT NULL,
    cause        TEXT
) WITHOUT ROWID;
CREATE INDEX follow_up_runs_of ON follow_up_runs (of_run, started_us);
CREATE INDEX follow_up_runs_by_time ON follow_up_runs (started_us);

-- What was done to the agent, by whom and why. Names are those of the time.
CREATE TABLE actions (
    id      INTEGER PRIMARY KEY,
    at_us   INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    by_whom TEXT,
    note    TEXT NOT NULL,
    source  TEXT NOT NULL
);
CREATE INDEX actions_by_time ON actions (at_us);

-- The docket: incidents, exclusions, disputes and published reports. Rows are only ever added. terms: JSON of what
-- was recorded; author: by what who recorded it is known; stated: a name that was typed and proves nothing.
CREATE TABLE incident_events (
    id      INTEGER PRIMARY KEY,
    at_us   INTEGER NOT NULL,
    partner TEXT NOT NULL,
    deed    TEXT NOT NULL,
    terms   TEXT NOT NULL,
    reason  TEXT NOT NULL,
    author  TEXT NOT NULL,
    stated  TEXT,
    note    TEXT NOT NULL
);
CREATE INDEX incident_events_by_partner ON incident_events (partner, id);

-- For people with an SQL shell: the same rows in words. Intended starts; disposition is null while a run goes on.
CREATE VIEW starts AS
    SELECT p.partner, p.journey, t.due_us, w.word AS disposition
    FROM ticks t JOIN probes p ON p.id = t.probe JOIN words w ON w.id = t.disposition
    UNION ALL
    SELECT p.partner, p.journey, o.due_us, NULL FROM open_ticks o JOIN probes p ON p.id = o.probe;
CREATE VIEW runs AS
    SELECT t.seq,
        CASE WHEN length(t.run) <> 16 THEN CAST(t.run AS TEXT) ELSE
            lower(substr(hex(t.run), 1, 8) || '-' || substr(hex(t.run), 9, 4) || '-' || substr(hex(t.run), 13, 4)
                || '-' || substr(hex(t.run), 17, 4) || '-' || substr(hex(t.run), 21, 12)) END AS run,
        p.partner, p.journey, m.word AS member, c.word AS cohort, t.due_us,
        t.due_us + t.delay_us AS started_us, t.duration_us, o.word AS outcome, k.word AS cause, b.word AS owner,
        d.word AS disposition
    FROM ticks t JOIN probes p ON p.id = t.probe JOIN words d ON d.id = t.disposition
        JOIN words o ON o.id = t.outcome
        LEFT JOIN words m ON m.id = t.member LEFT JOIN words c ON c.id = t.cohort
        LEFT JOIN words k ON k.id = t.cause LEFT JOIN words b ON b.id = t.owner;
