-- Version 4: runs in windows that were declared to be left out of the SLA, as each objective counted them.
CREATE TABLE slo_excluded (
    partner TEXT NOT NULL,
    slo     TEXT NOT NULL,
    at_us   INTEGER NOT NULL,
    runs    INTEGER NOT NULL,
    events  INTEGER NOT NULL,
    bad     INTEGER NOT NULL,
    PRIMARY KEY (partner, slo, at_us)
) WITHOUT ROWID;
