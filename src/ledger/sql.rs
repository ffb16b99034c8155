//! Every statement by which the ledger is read and written, in one list. Parameters are `?1 ?2 …` in order, and only
//! what other engines understand too is used: `INSERT … ON CONFLICT`, `UPDATE`, `DELETE`, plain `SELECT`.

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)+) => {
        $($(#[$doc])* pub(super) const $name: &str = $text;)+

        /// All of them, by name.
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}

/// What is read of a run without its evidence. A macro, as constants cannot be concatenated otherwise.
macro_rules! run_columns {
    () => {
        "SELECT seq, probe, due_us, disposition, excused, run, delay_us, duration_us, outcome, cause, owner, member, \
         cohort, judged, bad FROM ticks "
    };
}

/// What is read of a run to see whether a query is about it.
macro_rules! candidate_columns {
    () => {
        "SELECT seq, probe, due_us, outcome, cause, member FROM ticks "
    };
}

/// Runs between two places, oldest first, and newest first.
macro_rules! upwards {
    ($low:literal, $high:literal) => {
        concat!("AND seq > ", $low, " AND seq < ", $high, " ORDER BY seq")
    };
}
macro_rules! downwards {
    ($low:literal, $high:literal) => {
        concat!(
            "AND seq > ",
            $low,
            " AND seq < ",
            $high,
            " ORDER BY seq DESC"
        )
    };
}

/// Counts of a quarter hour of a probe, and how others are added to them.
macro_rules! probe_counts {
    () => {
        "due, held, no_alert, excluded, ran, late, overlap, capped, blackout, maintenance, missed, lost, \
         passed, passed_on_retry, failed, agent_fault, inconclusive"
    };
}
macro_rules! add_probe_counts {
    () => {
        "ON CONFLICT (probe, quarter_us) DO UPDATE SET
            due = probe_quarters.due + excluded.due,
            held = probe_quarters.held + excluded.held,
            no_alert = probe_quarters.no_alert + excluded.no_alert,
            excluded = probe_quarters.excluded + excluded.excluded,
            ran = probe_quarters.ran + excluded.ran,
            late = probe_quarters.late + excluded.late,
            overlap = probe_quarters.overlap + excluded.overlap,
            capped = probe_quarters.capped + excluded.capped,
            blackout = probe_quarters.blackout + excluded.blackout,
            maintenance = probe_quarters.maintenance + excluded.maintenance,
            missed = probe_quarters.missed + excluded.missed,
            lost = probe_quarters.lost + excluded.lost,
            passed = probe_quarters.passed + excluded.passed,
            passed_on_retry = probe_quarters.passed_on_retry + excluded.passed_on_retry,
            failed = probe_quarters.failed + excluded.failed,
            agent_fault = probe_quarters.agent_fault + excluded.agent_fault,
            inconclusive = probe_quarters.inconclusive + excluded.inconclusive"
    };
}

/// The same of an objective.
macro_rules! slo_counts {
    () => {
        "due, held, judged, bad, inconclusive, quiet_due, quiet_judged, quiet_bad, excluded_due, \
         excluded_judged, excluded_bad"
    };
}
macro_rules! add_slo_counts {
    () => {
        "ON CONFLICT (objective, quarter_us, epoch) DO UPDATE SET
            due = slo_quarters.due + excluded.due,
            held = slo_quarters.held + excluded.held,
            judged = slo_quarters.judged + excluded.judged,
            bad = slo_quarters.bad + excluded.bad,
            inconclusive = slo_quarters.inconclusive + excluded.inconclusive,
            quiet_due = slo_quarters.quiet_due + excluded.quiet_due,
            quiet_judged = slo_quarters.quiet_judged + excluded.quiet_judged,
            quiet_bad = slo_quarters.quiet_bad + excluded.quiet_bad,
            excluded_due = slo_quarters.excluded_due + excluded.excluded_due,
            excluded_judged = slo_quarters.excluded_judged + excluded.excluded_judged,
            excluded_bad = slo_quarters.excluded_bad + excluded.excluded_bad"
    };
}

statements! {
    META = "SELECT value FROM meta WHERE key = ?1";
    META_BETWEEN = "SELECT key, value FROM meta WHERE key >= ?1 AND key < ?2";
    SET_META = "INSERT INTO meta (key, value) VALUES (?1, ?2)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value";

    WORDS = "SELECT id, word FROM words";
    ADD_WORD = "INSERT INTO words (word) VALUES (?1)
        ON CONFLICT (word) DO UPDATE SET word = excluded.word RETURNING id";
    PROBES = "SELECT id, partner, journey FROM probes";
    ADD_PROBE = "INSERT INTO probes (partner, journey) VALUES (?1, ?2)
        ON CONFLICT (partner, journey) DO UPDATE SET journey = excluded.journey RETURNING id";
    ADD_OBJECTIVE = "INSERT INTO objectives (partner, slo) VALUES (?1, ?2)
        ON CONFLICT (partner, slo) DO UPDATE SET slo = excluded.slo RETURNING id";

    OPEN_TICK = "INSERT INTO open_ticks (probe, due_us, run) VALUES (?1, ?2, NULL)
        ON CONFLICT (probe, due_us) DO NOTHING";
    END_OPEN_TICK = "DELETE FROM open_ticks WHERE probe = ?1 AND due_us = ?2";
    OPEN_TICKS = "SELECT probe, due_us FROM open_ticks";
    TICK_OF = "SELECT outcome FROM ticks WHERE probe = ?1 AND due_us = ?2";
    ATTACH_RUN = "UPDATE ticks SET seq = ?1, run = ?2, delay_us = ?3, duration_us = ?4, outcome = ?5, cause = ?6,
            owner = ?7, member = ?8, cohort = ?9, judged = ?10, bad = ?11
        WHERE probe = ?12 AND due_us = ?13 AND outcome IS NULL";
    ADD_TICK = "INSERT INTO ticks (seq, probe, due_us, disposition, excused, run, delay_us, duration_us, outcome,
                                   cause, owner, member, cohort, judged, bad)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
        ON CONFLICT (probe, due_us) DO NOTHING";
    ADD_ROWS = "UPDATE probes SET rows = rows + ?1 WHERE id = ?2";
    FIRST_TICK = "SELECT due_us FROM ticks WHERE probe = ?1 ORDER BY due_us LIMIT 1";
    TICKS_BY_DISPOSITION = "SELECT disposition, count(*) FROM ticks WHERE probe = ?1 GROUP BY disposition";

    /// Where the ticks of some hours lie among all.
    PLACES_OF_HOURS = "SELECT min(first_seq), max(last_seq) FROM tick_hours WHERE hour_us >= ?1 AND hour_us < ?2";
    ADD_TO_HOUR = "INSERT INTO tick_hours (hour_us, first_seq, last_seq) VALUES (?1, ?2, ?3)
        ON CONFLICT (hour_us) DO UPDATE SET last_seq = excluded.last_seq";
    FIND_UP = concat!(candidate_columns!(), "WHERE outcome IS NOT NULL ", upwards!("?1", "?2"));
    FIND_DOWN = concat!(candidate_columns!(), "WHERE outcome IS NOT NULL ", downwards!("?1", "?2"));
    FIND_BY_PROBE_UP = concat!(candidate_columns!(), "WHERE probe = ?1 AND outcome IS NOT NULL ", upwards!("?2", "?3"));
    FIND_BY_PROBE_DOWN = concat!(candidate_columns!(), "WHERE probe = ?1 AND outcome IS NOT NULL ", downwards!("?2", "?3"));
    FIND_BY_MEMBER_UP = concat!(candidate_columns!(), "WHERE member = ?1 AND outcome IS NOT NULL ", upwards!("?2", "?3"));
    FIND_BY_MEMBER_DOWN = concat!(candidate_columns!(), "WHERE member = ?1 AND outcome IS NOT NULL ", downwards!("?2", "?3"));
    FIND_BY_CAUSE_UP = concat!(candidate_columns!(), "WHERE cause = ?1 AND outcome IS NOT NULL ", upwards!("?2", "?3"));
    FIND_BY_CAUSE_DOWN = concat!(candidate_columns!(), "WHERE cause = ?1 AND outcome IS NOT NULL ", downwards!("?2", "?3"));
    FIND_NOT_PASSED_UP = concat!(candidate_columns!(),
        "WHERE outcome = ?1 AND outcome IS NOT NULL AND outcome <> 1 ", upwards!("?2", "?3"));
    FIND_NOT_PASSED_DOWN = concat!(candidate_columns!(),
        "WHERE outcome = ?1 AND outcome IS NOT NULL AND outcome <> 1 ", downwards!("?2", "?3"));
    HAS_MEMBER = "SELECT seq FROM ticks WHERE member = ?1 LIMIT 1";
    RUN_AT = concat!(run_columns!(), "WHERE seq = ?1");
    RUN = concat!(run_columns!(), "WHERE run = ?1");
    LAST_RUN = concat!(run_columns!(), "WHERE probe = ?1 AND outcome IS NOT NULL ORDER BY due_us DESC LIMIT 1");
    LAST_OUTCOMES = "SELECT outcome, due_us FROM ticks
        WHERE probe = ?1 AND outcome IS NOT NULL ORDER BY due_us DESC LIMIT ?2";

    ADD_EVIDENCE = "INSERT INTO evidence (seq, reference, body) VALUES (?1, ?2, ?3)";
    EVIDENCE = "SELECT reference, body FROM evidence WHERE seq = ?1";
    ADD_REFERENCE = "INSERT INTO evidence_references (probe, uses, body) VALUES (?1, 0, ?2) RETURNING id";
    REFERENCE = "SELECT body FROM evidence_references WHERE id = ?1";
    LAST_REFERENCE = "SELECT id, body FROM evidence_references WHERE probe = ?1 ORDER BY id DESC LIMIT 1";
    USE_REFERENCE = "UPDATE evidence_references SET uses = uses + ?1 WHERE id = ?2";

    ADD_TO_PROBE_QUARTER = "INSERT INTO probe_quarters (probe, quarter_us, ran, late, overlap, capped, blackout,
            maintenance, missed, lost, passed, passed_on_retry, failed, agent_fault, inconclusive)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
        ON CONFLICT (probe, quarter_us) DO UPDATE SET
            ran = probe_quarters.ran + excluded.ran,
            late = probe_quarters.late + excluded.late,
            overlap = probe_quarters.overlap + excluded.overlap,
            capped = probe_quarters.capped + excluded.capped,
            blackout = probe_quarters.blackout + excluded.blackout,
            maintenance = probe_quarters.maintenance + excluded.maintenance,
            missed = probe_quarters.missed + excluded.missed,
            lost = probe_quarters.lost + excluded.lost,
            passed = probe_quarters.passed + excluded.passed,
            passed_on_retry = probe_quarters.passed_on_retry + excluded.passed_on_retry,
            failed = probe_quarters.failed + excluded.failed,
            agent_fault = probe_quarters.agent_fault + excluded.agent_fault,
            inconclusive = probe_quarters.inconclusive + excluded.inconclusive";

    COUNT = "INSERT INTO counters (metric, labels, value) VALUES (?1, ?2, ?3)
        ON CONFLICT (metric, labels) DO UPDATE SET value = counters.value + excluded.value";
    COUNT_SUM = "INSERT INTO counter_sums (metric, value) VALUES (?1, ?2)
        ON CONFLICT (metric) DO UPDATE SET value = counter_sums.value + excluded.value";
    COUNTERS = "SELECT metric, labels, value, base FROM counters";
    COUNTER_SUMS = "SELECT metric, value FROM counter_sums";
    RESTART_COUNTERS = "UPDATE counters SET base = base + value, value = 0 WHERE value <> 0";
    RESTART_COUNTER_SUMS = "UPDATE counter_sums SET value = 0 WHERE value <> 0";
    RESTART_COUNTERS_OF = "UPDATE counters SET base = base + value, value = 0 WHERE metric = ?1";
    SET_COUNTER_SUM = "INSERT INTO counter_sums (metric, value) VALUES (?1, ?2)
        ON CONFLICT (metric) DO UPDATE SET value = excluded.value";
    SET_COUNTER = "INSERT INTO counters (metric, labels, value, base) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (metric, labels) DO UPDATE SET value = excluded.value, base = excluded.base";
    SET_ROWS = "UPDATE probes SET rows = ?1 WHERE id = ?2";
    ROWS = "SELECT id, rows FROM probes";
    COUNTED_ROWS = "SELECT probe, count(*) FROM ticks GROUP BY probe";
    PROBE_TOTALS = "SELECT probe, sum(ran), sum(late), sum(overlap), sum(capped), sum(blackout), sum(maintenance),
            sum(missed), sum(lost), sum(passed), sum(passed_on_retry), sum(failed), sum(agent_fault),
            sum(inconclusive)
        FROM probe_quarters GROUP BY probe";
    ADD_LOST_WORD = "INSERT INTO words (id, word) VALUES (?1, ?2) ON CONFLICT (word) DO NOTHING";
    ADD_LOST_PROBE = "INSERT INTO probes (id, partner, journey) VALUES (?1, 'lost', ?2)
        ON CONFLICT (partner, journey) DO NOTHING";
    ADD_LOST_OBJECTIVE = "INSERT INTO objectives (id, partner, slo) VALUES (?1, 'lost', ?2)
        ON CONFLICT (partner, slo) DO NOTHING";
    NAMED_DISPOSITIONS = "SELECT DISTINCT disposition FROM ticks";
    NAMED_OUTCOMES = "SELECT DISTINCT outcome FROM ticks";
    NAMED_CAUSES = "SELECT DISTINCT cause FROM ticks";
    NAMED_OWNERS = "SELECT DISTINCT owner FROM ticks";
    NAMED_MEMBERS = "SELECT DISTINCT member FROM ticks";
    NAMED_COHORTS = "SELECT DISTINCT cohort FROM ticks";
    FIRST_SEQ = "SELECT seq FROM ticks ORDER BY seq LIMIT 1";
    LAST_SEQ = "SELECT seq FROM ticks ORDER BY seq DESC LIMIT 1";
    LAST_EVIDENCE = "SELECT seq FROM evidence ORDER BY seq DESC LIMIT 1";
    HOURS = "SELECT hour_us, first_seq, last_seq FROM tick_hours";
    HOURS_OF_ROWS = "SELECT due_us - due_us % 3600000000, min(seq), max(seq) FROM ticks
        GROUP BY due_us - due_us % 3600000000";
    REBUILD_HOURS = "INSERT INTO tick_hours (hour_us, first_seq, last_seq)
        SELECT due_us - due_us % 3600000000, min(seq), max(seq) FROM ticks WHERE seq > ?1
        GROUP BY due_us - due_us % 3600000000
        ON CONFLICT (hour_us) DO UPDATE SET first_seq = excluded.first_seq, last_seq = excluded.last_seq";
    LAST_HOUR_BEFORE = "SELECT max(hour_us) FROM tick_hours WHERE first_seq < ?1";
    FIRST_QUARTER_FROM = "SELECT quarter_us FROM probe_quarters WHERE probe = ?1 AND quarter_us >= ?2
        ORDER BY quarter_us LIMIT 1";
    PROBE_TOTALS_FROM = "SELECT sum(ran), sum(late), sum(overlap), sum(capped), sum(blackout), sum(maintenance),
            sum(missed), sum(lost), sum(passed), sum(passed_on_retry), sum(failed), sum(agent_fault),
            sum(inconclusive)
        FROM probe_quarters WHERE probe = ?1 AND quarter_us >= ?2";
    ROWS_BY_WORDS = "SELECT disposition, outcome, count(*) FROM ticks WHERE probe = ?1 AND due_us >= ?2
        GROUP BY disposition, outcome";
    OBJECTIVES = "SELECT id, partner, slo FROM objectives";
    ALL_EPOCHS = "SELECT objective, number, from_us, promise FROM epochs";
    REMOVE_EPOCH = "DELETE FROM epochs WHERE objective = ?1 AND number = ?2";
    SLO_TOTALS = "SELECT partner, slo, sum(judged), sum(bad)
        FROM objectives JOIN slo_quarters ON objective = id GROUP BY partner, slo";
    SLO_EPOCH_TOTALS = "SELECT objective, epoch, min(quarter_us), sum(bad) FROM slo_quarters GROUP BY objective, epoch";
    SLO_BAD_TOTALS = "SELECT objective, sum(bad) FROM slo_bad GROUP BY objective";
    SLO_BAD_OF = "SELECT due_us, bad, quiet FROM slo_bad WHERE objective = ?1 ORDER BY due_us";
    REMOVE_SLO_BAD = "DELETE FROM slo_bad WHERE objective = ?1";
    BAD_SLO_QUARTERS = "SELECT quarter_us, bad, quiet_bad FROM slo_quarters WHERE objective = ?1 AND bad > 0";
    CLEAR_BAD_OF_QUARTERS = "UPDATE slo_quarters SET bad = 0 WHERE objective = ?1 AND bad <> 0";
    SET_BAD_OF_QUARTER = "INSERT INTO slo_quarters (objective, quarter_us, epoch, judged, bad)
        VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (objective, quarter_us, epoch) DO UPDATE SET bad = excluded.bad";

    OBJECTIVE = "SELECT id FROM objectives WHERE partner = ?1 AND slo = ?2";
    OBJECTIVE_NAME = "SELECT partner, slo FROM objectives WHERE id = ?1";
    EPOCHS = "SELECT number, from_us, promise FROM epochs WHERE objective = ?1 ORDER BY number";
    LAST_EPOCHS = "SELECT number, from_us, promise, partner, slo
        FROM epochs JOIN objectives ON id = objective ORDER BY objective, number";
    EPOCH_AT = "SELECT number FROM epochs WHERE objective = ?1 AND from_us < ?2 ORDER BY number DESC LIMIT 1";
    ADD_EPOCH = "INSERT INTO epochs (objective, number, from_us, promise) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (objective, number) DO UPDATE SET from_us = excluded.from_us, promise = excluded.promise";
    FIRST_SLO_QUARTER = "SELECT quarter_us FROM slo_quarters WHERE objective = ?1 ORDER BY quarter_us LIMIT 1";
    SLO_QUARTERS = "SELECT epoch, due, held, judged, bad, inconclusive, quiet_due, quiet_judged, quiet_bad,
            excluded_due, excluded_judged, excluded_bad
        FROM slo_quarters WHERE objective = ?1 AND quarter_us >= ?2";
    SLO_TICKS = "SELECT t.due_us, d.word, o.word, t.excused, t.judged, t.bad
        FROM probes p JOIN ticks t ON t.probe = p.id JOIN words d ON d.id = t.disposition
            LEFT JOIN words o ON o.id = t.outcome
        WHERE p.partner = ?1 AND p.journey = ?2 AND t.due_us > ?3 AND t.due_us < ?4";
    /// Newest first; read until a window is full.
    WINDOW_RUNS = "SELECT t.due_us, d.word, o.word, t.judged, t.bad
        FROM ticks t JOIN words d ON d.id = t.disposition LEFT JOIN words o ON o.id = t.outcome
        WHERE t.probe = ?1 AND t.excused = 0 ORDER BY t.due_us DESC";
    SLO_BAD_SINCE = "SELECT due_us, bad FROM slo_bad WHERE objective = ?1 AND due_us > ?2 ORDER BY due_us";
    ADD_DUE = "INSERT INTO probe_quarters (probe, quarter_us, due, held, no_alert, excluded)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (probe, quarter_us) DO UPDATE SET
            due = probe_quarters.due + excluded.due,
            held = probe_quarters.held + excluded.held,
            no_alert = probe_quarters.no_alert + excluded.no_alert,
            excluded = probe_quarters.excluded + excluded.excluded";
    ADD_SLO_DUE = "INSERT INTO slo_quarters (objective, quarter_us, epoch, due, held, quiet_due, excluded_due)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (objective, quarter_us, epoch) DO UPDATE SET
            due = slo_quarters.due + excluded.due,
            held = slo_quarters.held + excluded.held,
            quiet_due = slo_quarters.quiet_due + excluded.quiet_due,
            excluded_due = slo_quarters.excluded_due + excluded.excluded_due";
    ADD_SLO_DUE_OF_PROBE = "INSERT INTO slo_quarters (objective, quarter_us, epoch, due, held)
        SELECT ?1, quarter_us, 1, due, held FROM probe_quarters WHERE probe = ?2
        ON CONFLICT (objective, quarter_us, epoch) DO UPDATE SET
            due = slo_quarters.due + excluded.due, held = slo_quarters.held + excluded.held";
    ADD_SLO_EVENTS = "INSERT INTO slo_quarters (objective, quarter_us, epoch, judged, bad, inconclusive,
            quiet_judged, quiet_bad, excluded_judged, excluded_bad)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        ON CONFLICT (objective, quarter_us, epoch) DO UPDATE SET
            judged = slo_quarters.judged + excluded.judged,
            bad = slo_quarters.bad + excluded.bad,
            inconclusive = slo_quarters.inconclusive + excluded.inconclusive,
            quiet_judged = slo_quarters.quiet_judged + excluded.quiet_judged,
            quiet_bad = slo_quarters.quiet_bad + excluded.quiet_bad,
            excluded_judged = slo_quarters.excluded_judged + excluded.excluded_judged,
            excluded_bad = slo_quarters.excluded_bad + excluded.excluded_bad";
    ADD_SLO_BAD = "INSERT INTO slo_bad (objective, due_us, bad, quiet) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (objective, due_us) DO UPDATE SET bad = slo_bad.bad + excluded.bad";

    PROBE = "SELECT id FROM probes WHERE partner = ?1 AND journey = ?2";
    PROBES_OF = "SELECT journey FROM probes WHERE partner = ?1";
    RENAME_PROBE = "UPDATE probes SET partner = ?1, journey = ?2 WHERE id = ?3";
    REMOVE_PROBE = "DELETE FROM probes WHERE id = ?1";
    RENAME_OBJECTIVE = "UPDATE objectives SET partner = ?1 WHERE id = ?2";
    REMOVE_OBJECTIVE = "DELETE FROM objectives WHERE id = ?1";
    RENAME_JOBS = "UPDATE jobs SET partner = ?1 WHERE partner = ?2";
    LAST_TICK = "SELECT due_us FROM ticks WHERE probe = ?1 ORDER BY due_us DESC LIMIT 1";
    MOVE_COUNTER = "INSERT INTO counters (metric, labels, value, base) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (metric, labels) DO UPDATE SET
            value = counters.value + excluded.value, base = counters.base + excluded.base";
    REMOVE_COUNTER = "DELETE FROM counters WHERE metric = ?1 AND labels = ?2";
    COMMON_SKETCHES = "SELECT a.hour, a.kind, a.name, a.samples, a.sum_us, a.overflow, b.samples, b.sum_us, b.overflow
        FROM sketches a JOIN sketches b ON b.hour = a.hour AND b.kind = a.kind AND b.name = a.name
        WHERE a.probe = ?1 AND b.probe = ?2";
    REMOVE_SKETCH = "DELETE FROM sketches WHERE hour = ?1 AND probe = ?2 AND kind = ?3 AND name = ?4";
    PROBE_ROWS = "SELECT rows FROM probes WHERE id = ?1";
    JOIN_TICKS = "UPDATE ticks SET probe = ?1 WHERE probe = ?2";
    JOIN_OPEN_TICKS = "UPDATE open_ticks SET probe = ?1 WHERE probe = ?2";
    JOIN_REFERENCES = "UPDATE evidence_references SET probe = ?1 WHERE probe = ?2";
    JOIN_SKETCHES = "UPDATE sketches SET probe = ?1 WHERE probe = ?2";
    JOIN_PAUSES = "INSERT INTO pauses (probe, run, since_us)
        SELECT ?1, run, since_us FROM pauses WHERE probe = ?2 ON CONFLICT (probe) DO NOTHING";
    JOIN_WATERMARKS = "INSERT INTO watermarks (probe, through_us)
        SELECT ?1, through_us FROM watermarks WHERE probe = ?2
        ON CONFLICT (probe) DO UPDATE SET through_us = excluded.through_us
        WHERE watermarks.through_us < excluded.through_us";
    JOIN_PROBE_QUARTERS = concat!("INSERT INTO probe_quarters (probe, quarter_us, ", probe_counts!(), ")
        SELECT ?1, quarter_us, ", probe_counts!(), " FROM probe_quarters WHERE probe = ?2
        ", add_probe_counts!());
    REMOVE_PAUSE = "DELETE FROM pauses WHERE probe = ?1";
    REMOVE_PROBE_QUARTERS = "DELETE FROM probe_quarters WHERE probe = ?1";
    LAST_EPOCH = "SELECT number, from_us FROM epochs WHERE objective = ?1 ORDER BY number DESC LIMIT 1";
    JOIN_EPOCHS = "INSERT INTO epochs (objective, number, from_us, promise)
        SELECT ?1, number + ?2, from_us, promise FROM epochs WHERE objective = ?3";
    JOIN_SLO_QUARTERS = concat!("INSERT INTO slo_quarters (objective, quarter_us, epoch, ", slo_counts!(), ")
        SELECT ?1, quarter_us, epoch + ?2, ", slo_counts!(), " FROM slo_quarters WHERE objective = ?3
        ", add_slo_counts!());
    JOIN_SLO_BAD = "UPDATE slo_bad SET objective = ?1 WHERE objective = ?2";
    REMOVE_EPOCHS = "DELETE FROM epochs WHERE objective = ?1";
    REMOVE_SLO_QUARTERS = "DELETE FROM slo_quarters WHERE objective = ?1";

    FOLD_PROBE_QUARTERS = concat!("INSERT INTO probe_quarters (probe, quarter_us, ", probe_counts!(), ")
        SELECT ?1, ?2, sum(due), sum(held), sum(no_alert), sum(excluded), sum(ran), sum(late), sum(overlap),
            sum(capped), sum(blackout), sum(maintenance), sum(missed), sum(lost), sum(passed), sum(passed_on_retry),
            sum(failed), sum(agent_fault), sum(inconclusive)
        FROM probe_quarters WHERE probe = ?1 AND quarter_us > ?2 AND quarter_us < ?3 GROUP BY probe
        ", add_probe_counts!());
    REMOVE_FOLDED_PROBE_QUARTERS = "DELETE FROM probe_quarters
        WHERE probe = ?1 AND quarter_us > ?2 AND quarter_us < ?3";
    FOLD_SLO_QUARTERS = concat!("INSERT INTO slo_quarters (objective, quarter_us, epoch, ", slo_counts!(), ")
        SELECT ?1, ?2, epoch, sum(due), sum(held), sum(judged), sum(bad), sum(inconclusive), sum(quiet_due),
            sum(quiet_judged), sum(quiet_bad), sum(excluded_due), sum(excluded_judged), sum(excluded_bad)
        FROM slo_quarters WHERE objective = ?1 AND quarter_us > ?2 AND quarter_us < ?3 GROUP BY epoch
        ", add_slo_counts!());
    REMOVE_FOLDED_SLO_QUARTERS = "DELETE FROM slo_quarters
        WHERE objective = ?1 AND quarter_us > ?2 AND quarter_us < ?3";
    /// Bad runs of which alerts were declared off lie a microsecond after the others.
    FOLD_SLO_BAD = "INSERT INTO slo_bad (objective, due_us, bad, quiet)
        SELECT ?1, ?2 + quiet, sum(bad), quiet
        FROM slo_bad WHERE objective = ?1 AND due_us > ?2 + 1 AND due_us < ?3 GROUP BY quiet
        ON CONFLICT (objective, due_us) DO UPDATE SET bad = slo_bad.bad + excluded.bad";
    REMOVE_FOLDED_SLO_BAD = "DELETE FROM slo_bad WHERE objective = ?1 AND due_us > ?2 + 1 AND due_us < ?3";
    FIRST_SLO_QUARTER_FROM = "SELECT quarter_us FROM slo_quarters WHERE objective = ?1 AND quarter_us >= ?2
        ORDER BY quarter_us LIMIT 1";
    /// All but the last of the hours whose rows are gone.
    REMOVE_OLD_HOURS = "DELETE FROM tick_hours
        WHERE last_seq < (SELECT seq FROM ticks ORDER BY seq LIMIT 1)
            AND hour_us < (SELECT max(hour_us) FROM tick_hours
                WHERE first_seq < (SELECT seq FROM ticks ORDER BY seq LIMIT 1))";
    OLD_SKETCHES = "SELECT hour, probe, kind, name FROM sketches WHERE hour < ?1
        ORDER BY hour, probe, kind, name LIMIT ?2";

    SET_SKETCH = "INSERT INTO sketches (hour, probe, kind, name, samples, sum_us, overflow)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (hour, probe, kind, name) DO UPDATE SET
            samples = excluded.samples, sum_us = excluded.sum_us, overflow = excluded.overflow";
    SKETCHES_SINCE = "SELECT hour, probe, kind, name, samples, sum_us, overflow FROM sketches WHERE hour >= ?1";
    SKETCHES_OF = "SELECT hour, probe, kind, name, samples, sum_us, overflow FROM sketches
        WHERE probe = ?1 AND hour = ?2";
    SKETCHES_BETWEEN = "SELECT hour, probe, kind, name, samples, sum_us, overflow FROM sketches
        WHERE probe = ?1 AND hour >= ?2 AND hour < ?3 AND kind = ?4 AND name = ?5 ORDER BY hour";

    ADD_JOB = "INSERT INTO jobs (location, partner, run, token_endpoint, scope, opened_us)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (location) DO UPDATE SET
            partner = excluded.partner, run = excluded.run, token_endpoint = excluded.token_endpoint,
            scope = excluded.scope, opened_us = excluded.opened_us, failed = 0, next_us = NULL, had_token = 0";
    TRY_JOB = "UPDATE jobs SET failed = ?1, next_us = ?2, had_token = ?3 WHERE location = ?4";
    RELEASE_JOB = "DELETE FROM jobs WHERE location = ?1";
    OPEN_JOBS = "SELECT location, partner, run, token_endpoint, scope, opened_us, failed, next_us, had_token
        FROM jobs ORDER BY opened_us";

    PAUSE = "INSERT INTO pauses (probe, run, since_us) VALUES (?1, ?2, ?3) ON CONFLICT (probe) DO NOTHING";
    RESUME = "DELETE FROM pauses WHERE probe = ?1";
    PAUSES = "SELECT probes.partner, probes.journey, pauses.run FROM pauses JOIN probes ON probes.id = pauses.probe";

    SET_WATERMARK = "INSERT INTO watermarks (probe, through_us) VALUES (?1, ?2)
        ON CONFLICT (probe) DO UPDATE SET through_us = excluded.through_us
        WHERE watermarks.through_us < excluded.through_us";
    DRAW_BACK_WATERMARK = "UPDATE watermarks SET through_us = ?1 WHERE probe = ?2 AND through_us > ?1";
    REMOVE_WATERMARK = "DELETE FROM watermarks WHERE probe = ?1";
    WATERMARKS = "SELECT probe, through_us FROM watermarks";

    ADD_ACTION = "INSERT INTO actions (at_us, kind, subject, by_whom, note, source)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    /// Newest first.
    ACTIONS = "SELECT at_us, kind, subject, by_whom, note, source FROM actions
        WHERE at_us >= ?1 AND at_us < ?2 ORDER BY at_us DESC, id DESC LIMIT ?3";
    OLD_ACTIONS = "SELECT id FROM actions WHERE at_us < ?1 ORDER BY at_us LIMIT ?2";
    DELETE_ACTION = "DELETE FROM actions WHERE id = ?1";
    ADD_INCIDENT_EVENT = "INSERT INTO incident_events (id, at_us, partner, deed, terms, reason, author, stated, note)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    INCIDENT_EVENTS = "SELECT id, at_us, partner, terms, reason, author, stated, note FROM incident_events
        WHERE partner = ?1 ORDER BY id";
    LAST_INCIDENT_EVENT = "SELECT id FROM incident_events ORDER BY id DESC LIMIT 1";
    RENAME_INCIDENT_EVENTS = "UPDATE incident_events SET partner = ?1 WHERE partner = ?2";
    ADD_FOLLOW_UP_RUN = "INSERT INTO follow_up_runs
            (run, of_run, origin, started_us, duration_us, reproduction, cause)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (run) DO NOTHING";
    OLD_FOLLOW_UP_RUNS = "SELECT run FROM follow_up_runs WHERE started_us < ?1 ORDER BY started_us LIMIT ?2";
    DELETE_FOLLOW_UP_RUN = "DELETE FROM follow_up_runs WHERE run = ?1";

    EVIDENCE_AFTER = "SELECT e.seq, e.reference, t.due_us, t.outcome FROM evidence e LEFT JOIN ticks t ON t.seq = e.seq
        WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2";
    BODIES_AFTER = "SELECT e.seq, t.run FROM evidence e LEFT JOIN ticks t ON t.seq = e.seq
        WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2";
    COUNTED_EVIDENCE = "SELECT count(*) FROM evidence";
    DELETE_EVIDENCE = "DELETE FROM evidence WHERE seq = ?1";
    DELETE_UNUSED_REFERENCE = "DELETE FROM evidence_references WHERE id = ?1 AND uses <= 0";
    TICKS_AFTER = "SELECT seq, probe, due_us FROM ticks WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    DELETE_TICK = "DELETE FROM ticks WHERE seq = ?1";

    SLO_QUARTERS_BETWEEN = "SELECT epoch, due, held, judged, bad, inconclusive, quiet_due, quiet_judged, quiet_bad,
            excluded_due, excluded_judged, excluded_bad, quarter_us
        FROM slo_quarters WHERE objective = ?1 AND quarter_us >= ?2 AND quarter_us < ?3 ORDER BY quarter_us, epoch";
    PROBE_TOTALS_BETWEEN = "SELECT sum(due), sum(ran), sum(late), sum(overlap), sum(capped), sum(blackout),
            sum(maintenance), sum(missed), sum(lost), sum(passed), sum(passed_on_retry), sum(failed),
            sum(agent_fault), sum(inconclusive)
        FROM probe_quarters WHERE probe = ?1 AND quarter_us >= ?2 AND quarter_us < ?3";

    FOLLOW_UP_RUNS = "SELECT run, of_run, origin, started_us, duration_us, reproduction, cause FROM follow_up_runs
        WHERE of_run = ?1 ORDER BY started_us LIMIT ?2";
}

/// The words that rows of ticks name, by their numbers.
pub(super) const NAMED_WORDS: [&str; 6] = [
    NAMED_DISPOSITIONS,
    NAMED_OUTCOMES,
    NAMED_CAUSES,
    NAMED_OWNERS,
    NAMED_MEMBERS,
    NAMED_COHORTS,
];
