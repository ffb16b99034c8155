//! Texts that several rules share: pieces of PromQL and of annotations, by the directive that stands for them.

/// An objective's alert, as its annotations ask for it.
const OF_SLO: &str = "fleet=%q,partner=%q,slo=%q";
const SLO_LABELS: &str = "$labels.fleet $labels.partner $labels.slo";
const INFO: &str = "partner_slo:outrider_slo_info:joined";
const WINDOW: &str = "partner_slo_tier:outrider_slo_window_runs:max";
const GROWN: &str =
    "sum by (layer, cause, owner) (partner_journey_cause:outrider_failures_total:grown";
const PROBE: &str = "agent, location, partner, journey";

/// The text of a directive; none for a word that is none.
pub(super) fn shared(word: &str, argument: &str) -> Option<String> {
    let words: Vec<&str> = argument.split(' ').collect();
    annotation(word, argument).or_else(|| match (word, words.as_slice()) {
        ("grown", [series, window]) => Some(grown(series, window)),
        ("covered", [window]) => Some(covered(window)),
        ("differ", [tier, window]) => Some(differ(tier, window)),
        ("per_run", [""]) => Some(per_run("", "1h")),
        ("per_run_before", [""]) => Some(per_run(" offset <<1h>>", "25h")),
        ("surge", [cause]) => Some(surge(cause)),
        ("certificate", [days, severity, above]) => Some(certificate(days, severity, above)),
        ("own_burn", [tier, long, short]) => Some(own_burn(tier, long, short)),
        ("core_grown", [event, window]) => core_grown(event, window),
        ("core_events", [""]) => Some(CORE_EVENTS.join("|")),
        ("core_day", _) => argument
            .split_once(" (")
            .map(|(event, by)| core_day(event, by.trim_end_matches(')'))),
        _ => None,
    })
}

/// Pieces of annotations, as templates of Prometheus.
fn annotation(word: &str, argument: &str) -> Option<String> {
    Some(match word {
        // With the labels of an objective and its partner as the dot, in a `with` in another one: the caller ends both.
        "info" => format!(
            "{{{{ with query (printf \"{INFO}{{{OF_SLO}}}\"\n{SLO_LABELS}) }}}}{{{{ with first . }}}}"
        ),
        "is_clock" => {
            "eq $labels.slo \"latency\" \"acceptance\" \"identity\" \"retrieval\" \"settlement\"".to_owned()
        }
        "name" => "{{ with query (printf \"outrider_partner_info{partner=%q}\" $labels.partner) }}{{ . | first | label \"name\" }}\n\
                   {{- else }}{{ $labels.partner }}{{ end }}"
            .to_owned(),
        "contact" => "{{ with query (printf \"outrider_partner_info{partner=%q,contact!=\\\"\\\"}\" $labels.partner) }}\
                      {{ . | first | label \"contact\" }}\n\
                      {{- else }}the contact in partners/{{ $labels.partner }}.toml{{ end }}"
            .to_owned(),
        "layer" => "{{ if eq $labels.slo \"transport\" \"application\" }}{{ $labels.slo }}\n\
                    {{- else if eq $labels.slo \"conformance\" }}application{{ else }}business{{ end }}"
            .to_owned(),
        "journeys" => "{{ $of := \".+\" }}<<info>>{{ $of = .Labels.journeys }}{{ end }}{{ end }}".to_owned(),
        // A run that broke lower down is bad for the member too, and stops every clock, so any layer can be behind it.
        // Where only good runs count, none is.
        "blame" => "<<journeys>>{{ $in := \".+\" }}{{ if eq $labels.slo \"transport\" \"application\" }}{{ $in = $labels.slo }}\n\
                    {{- else if eq $labels.slo \"conformance\" }}{{ $in = \"application|business\" }}\n\
                    {{- else if eq $labels.slo \"latency\" }}{{ $in = \"none\" }}{{ end }}\n\
                    {{- $is := printf \"{partner=%q,journey=~%q,layer=~%q}\" $labels.partner $of $in }}"
            .to_owned(),
        // The cause that took most of the blame lately, and if nothing failed lately, in the last hours: what is divided
        // so is less than any failure of late.
        "with_cause" => format!(
            "{{{{ with query (printf\n\"topk(1, {GROWN}15m%s) or {GROWN}6h%s) / 1e9)\" $is $is) }}}}{{{{ with first . }}}}"
        ),
        "window" => format!(
            "{{{{ range $i, $one := query (printf\n\"{WINDOW}{{{OF_SLO},tier=%q,span=\\\"long\\\",count=~\\\"bad|due|judged\\\"}}\"\n\
             {SLO_LABELS} $labels.tier) | sortByLabel \"count\" }}}}{{{{ if $i }}}}, {{{{ end }}}}{{{{ $one.Value }}}} \
             {{{{ $one.Labels.count }}}}{{{{ end }}}}"
        ),
        "threshold" => format!(
            "{{{{ with query (printf \"partner_slo_tier:outrider_slo_threshold_runs:max{{{OF_SLO},tier=%q}}\"\n\
             {SLO_LABELS} $labels.tier) }}}}{{{{ . | first | value }}}}{{{{ else }}}}?{{{{ end }}}}"
        ),
        "since" => format!(
            "{{{{ with query (printf \"min(ALERTS_FOR_STATE{{alertname=\\\"{argument}\\\",partner=%q,slo=%q}})\"\n\
             $labels.partner $labels.slo) }}}}{{{{ . | first | value | humanizeTimestamp }}}}{{{{ else }}}}now{{{{ end }}}}"
        ),
        "since_core" => format!(
            "{{{{ with query (printf \"min(ALERTS_FOR_STATE{{alertname=\\\"{argument}\\\",target=%q}})\" $labels.target) }}}}\n\
             {{{{- . | first | value | humanizeTimestamp }}}}{{{{ else }}}}now{{{{ end }}}}"
        ),
        _ => return None,
    })
}

/// How much a counter grew within a window. A series that was not there before counts whole where the agent was seen
/// before it; after a pause of Prometheus's own, and after a reset, what was seen to grow counts.
fn grown(series: &str, window: &str) -> String {
    format!(
        "({series} - {series} offset <<{window}>> > 0)\nor\n(\n  {series}\n  and\n  (\n    \
         count_over_time({series}[<<{window}>>])\n    < on (agent, location) group_left ()\n    \
         count_over_time(agent:outrider_build_info:max[<<{window}>>])\n  )\n  unless\n  {series} offset <<{window}>>\n)\n\
         or\n({series} - min_over_time({series}[<<{window}>>]) > 0)"
    )
}

/// Judged runs and held starts by the starts that a window holds. A young probe, and one whose counters went back,
/// has none.
fn covered(window: &str) -> String {
    let judged = "agent_partner_journey:outrider_runs_total:judged";
    let held = "agent_partner_journey:outrider_ticks_total:held";
    format!(
        "(\n  (\n    ({judged} - {judged} offset <<{window}>> >= 0)\n    + on ({PROBE})\n    \
         ({held} - {held} offset <<{window}>> >= 0)\n  )\n  * on ({PROBE})\n  \
         agent_partner_journey:outrider_limit:cadence / <<{window}:s>>\n)"
    )
}

/// By how much an agent's window and its counters differ, where both hold as many due runs.
fn differ(tier: &str, window: &str) -> String {
    let apart = |count: &str, counter: &str| {
        format!(
            "abs(\n    {WINDOW}{{tier=\"{tier}\",span=\"long\",count=\"{count}\"}}\n    - on (fleet, partner, slo)\n    \
             ({counter} - {counter} offset <<{window}>>)\n  )"
        )
    };
    format!(
        "(\n  {} > 2\n  and on (fleet, partner, slo)\n  {} <= 2\n  unless on (fleet, partner)\n  \
         max by (fleet, partner) (max_over_time(outrider_maintenance[<<{window}>>])) == 1\n)",
        apart("bad", "partner_slo:outrider_slo_bad_total:max"),
        apart("due", "partner_slo:outrider_slo_due_total:max"),
    )
}

/// Requests a run between an hour before `back` and then.
fn per_run(back: &str, from: &str) -> String {
    let of = |series: &str| format!("{series}{back} - {series} offset <<{from}>>");
    format!(
        "(\n  ({})\n  / on ({PROBE})\n  ({} > 0)\n)",
        of("agent_partner_journey:outrider_requests_total:sum"),
        of("agent_partner_journey:outrider_runs_total:judged"),
    )
}

fn surge(cause: &str) -> String {
    let now = format!(
        "sum by (partner, journey) (partner_journey_cause:outrider_failures_total:grown1h{{cause=\"{cause}\"}})"
    );
    let series =
        format!("agent_partner_journey_cause:outrider_failures_total:max{{cause=\"{cause}\"}}");
    format!(
        "{now}\n>= on (partner, journey)\nmax by (partner, journey) (outrider_limit{{kind=\"surge_{cause}\"}})\n\
         unless on (partner, journey)\n{now}\n<= on (partner, journey)\n3 / 24 * sum by (partner, journey) (\n  \
         {series} offset <<1h>>\n  - min_over_time({series}[<<1d>>] offset <<1h>>)\n)"
    )
}

/// One band, so that only the most urgent one fires.
fn certificate(days: &str, severity: &str, above: &str) -> String {
    let left = "min by (partner, host, role, subject_kind) (outrider_certificate_expiry_timestamp_seconds) - time()";
    let more = if above == "0" {
        String::new()
    } else {
        format!(" >= {above} * 86400")
    };
    format!(
        "label_replace(label_replace(\n  {left} < {days} * 86400{more},\n  \
         \"severity\", \"{severity}\", \"\", \"\"), \"within\", \"{days}d\", \"\", \"\")"
    )
}

fn own_burn(tier: &str, long: &str, short: &str) -> String {
    let faults = "agent:outrider_runs_total:own_faults";
    format!(
        "{faults} - min_over_time({faults}[<<{long}>>])\n>= on (agent, location)\n\
         max by (agent, location) (outrider_agent_threshold_runs{{tier=\"{tier}\"}})\nand on (agent, location)\n\
         {faults} - min_over_time({faults}[<<{short}>>]) >= 1"
    )
}

/// Counters of the core that rules look back over, without `exchange_` and `_total`.
const CORE_EVENTS: [&str; 9] = [
    "accepted",
    "drifts",
    "duplicates",
    "members",
    "payload_failures",
    "reviews",
    "settled",
    "sla_breaches",
    "submitted",
];
const CORE_RECORD: &str = "target_event:exchange_total:sum";

/// How much a counter of the core grew: it counts from its store, so a restart takes nothing away, and each pair of
/// partner and traffic is there at 0 before the first event.
fn core_grown(event: &str, window: &str) -> Option<String> {
    let (event, more) = event.split_once('{').unwrap_or((event, "}"));
    let comma = if more == "}" { "" } else { "," };
    let series = format!("{CORE_RECORD}{{event=\"{event}\"{comma}{more}");
    CORE_EVENTS.contains(&event).then(|| {
        format!(
            "{series}\n- (\n  {series} offset <<{window}>>\n  or min_over_time({series}[<<{window}>>])\n)"
        )
    })
}

fn core_day(event: &str, by: &str) -> String {
    format!("sum by ({by}) (\n  <<core_grown {event} 1d>>\n)")
}
