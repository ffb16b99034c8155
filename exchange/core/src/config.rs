//! `exchange.toml`: the core's clients, listener and store, as written and as meant.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;

use exchange_kit::assertion::key_set;
use exchange_kit::mistakes::{Complaints, Table, known_words, parse};

use crate::exchange::Traffic;
use crate::grants::{Grant, Scope};
use crate::limits::{
    BODY_SECONDS, CLIENTS_MAX, CONFIG_BYTES_MAX, CONNECTIONS_MAX, REQUESTS_PER_CLIENT_MAX,
    REQUESTS_PER_MINUTE_MAX, STORE_MIB, TEXT_BYTES_MAX, TOKENS_PER_MINUTE_MAX,
};
use crate::retention::{AUDIT_YEARS, MANAGED_CARE_YEARS, Retention};

/// How a core is set up. [`Config::default`] is a core without a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The National Provider Identifier of the payer whose core it is; the sandbox's requester when left out.
    pub payer: Option<String>,
    /// Where the API listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// By what the core's waits, windows and clocks are divided.
    pub scale: u32,
    /// What the jitter of the core's waits is drawn from.
    pub seed: u64,
    /// Space for the database and for the payloads, in MiB each.
    pub store_mib: u32,
    /// What the listener bears.
    pub limits: ListenerLimits,
    /// How long things are kept.
    pub retention: Retention,
    /// The registered clients; none when the file names none.
    pub clients: Vec<Grant>,
}

/// What the listener bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Most connections at once; at most half of the process's file handles.
    pub connections: u32,
    /// Most requests of one client at once.
    pub requests_per_client: u32,
    /// Most requests of one client within a minute.
    pub requests_per_minute: u32,
    /// Most tokens that one client may ask for within a minute.
    pub tokens_per_minute: u32,
    /// How long the body of a request may take, in seconds.
    pub body_seconds: u32,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS_MAX,
            requests_per_client: REQUESTS_PER_CLIENT_MAX,
            requests_per_minute: REQUESTS_PER_MINUTE_MAX,
            tokens_per_minute: TOKENS_PER_MINUTE_MAX,
            body_seconds: BODY_SECONDS,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            payer: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            scale: 1,
            seed: 7,
            store_mib: STORE_MIB,
            limits: ListenerLimits::default(),
            retention: Retention::default(),
            clients: Vec::new(),
        }
    }
}

impl Config {
    /// The keys that have another value in `read` and are looked at only when a core starts.
    pub fn needs_restart(&self, read: &Self) -> Vec<&'static str> {
        let (ours, theirs) = (self.limits, read.limits);
        let (kept, due) = (self.retention, read.retention);
        [
            ("core.payer", self.payer != read.payer),
            ("core.listen", self.listen != read.listen),
            ("core.scale", self.scale != read.scale),
            ("core.seed", self.seed != read.seed),
            ("store.mib", self.store_mib != read.store_mib),
            ("limits.connections", ours.connections != theirs.connections),
            (
                "limits.requests_per_client",
                ours.requests_per_client != theirs.requests_per_client,
            ),
            (
                "limits.requests_per_minute",
                ours.requests_per_minute != theirs.requests_per_minute,
            ),
            (
                "limits.tokens_per_minute",
                ours.tokens_per_minute != theirs.tokens_per_minute,
            ),
            (
                "limits.body_seconds",
                ours.body_seconds != theirs.body_seconds,
            ),
            ("retention.audit_years", kept.audit_years != due.audit_years),
            (
                "retention.managed_care_years",
                kept.managed_care_years != due.managed_care_years,
            ),
            (
                "retention.payload_days",
                kept.payload_days != due.payload_days,
            ),
            (
                "retention.synthetic_days",
                kept.synthetic_days != due.synthetic_days,
            ),
        ]
        .into_iter()
        .filter_map(|(key, is_changed)| is_changed.then_some(key))
        .collect()
    }
}

/// Reads the file at `path`.
///
/// # Errors
/// Every mistake, with its line and fix.
pub fn load(path: &Path) -> Result<Config, Complaints> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let mut complaints = Complaints::default();
        let help = "give --config a file that you may read";
        complaints.add(path.display().to_string(), error.to_string(), help);
        complaints
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    read(&path.display().to_string(), &text, folder)
}

/// Reads the text of the file at `path`; key sets lie relative to `folder`.
///
/// # Errors
/// Every mistake, with its line and fix.
pub fn read(path: &str, text: &str, folder: &Path) -> Result<Config, Complaints> {
    parse(path, text, CONFIG_BYTES_MAX, |root| {
        let mut config = Config::default();
        if let Some(core) = root.table("core", "[core]", false) {
            core_section(&core, &mut config);
        }
        if let Some(store) = root.table("store", "[store]", false) {
            if let Some(mib) = store.count("mib", 1..=1_048_576) {
                config.store_mib = u32::try_from(mib).unwrap_or(STORE_MIB);
            }
            store.close();
        }
        if let Some(limits) = root.table("limits", "[limits]", false) {
            limits_section(&limits, &mut config.limits);
        }
        if let Some(retention) = root.table("retention", "[retention]", false) {
            retention_section(&retention, &mut config.retention);
        }
        config.clients = clients(root, folder);
        root.close();
        Some(config)
    })
}

fn core_section(core: &Table<'_>, config: &mut Config) {
    if let Some((payer, span)) = core.optional_text("payer") {
        if !is_npi(payer) {
            core.complain(&span, "`payer` is no NPI", NPI_HELP);
        }
        config.payer = Some(payer.to_owned());
    }
    if let Some((listen, span)) = core.optional_text("listen") {
        match listen.parse() {
            Ok(address) => config.listen = address,
            Err(_) => core.complain(
                &span,
                "`listen` is no address with a port",
                "write listen = \"127.0.0.1:8452\"",
            ),
        }
    }
    if let Some(scale) = core.count("scale", 1..=1_000_000) {
        config.scale = u32::try_from(scale).unwrap_or(1);
    }
    if let Some(seed) = core.count("seed", 0..=u64::MAX) {
        config.seed = seed;
    }
    core.close();
}

fn limits_section(table: &Table<'_>, limits: &mut ListenerLimits) {
    for (key, value) in [
        ("connections", &mut limits.connections),
        ("requests_per_client", &mut limits.requests_per_client),
        ("requests_per_minute", &mut limits.requests_per_minute),
        ("tokens_per_minute", &mut limits.tokens_per_minute),
        ("body_seconds", &mut limits.body_seconds),
    ] {
        let count = table.count(key, 1..=65_536);
        *value = count
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(*value);
    }
    table.close();
}

/// The law names the least years; fewer are a mistake.
fn retention_section(table: &Table<'_>, retention: &mut Retention) {
    let (audit, managed) = (u64::from(AUDIT_YEARS), u64::from(MANAGED_CARE_YEARS));
    for (key, range, value) in [
        ("audit_years", audit..=100, &mut retention.audit_years),
        (
            "managed_care_years",
            managed..=100,
            &mut retention.managed_care_years,
        ),
        ("payload_days", 1..=36_500, &mut retention.payload_days),
        ("synthetic_days", 1..=36_500, &mut retention.synthetic_days),
    ] {
        let count = table.count(key, range);
        *value = count
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(*value);
    }
    table.close();
}

const NPI_HELP: &str = "write the ten digits of a National Provider Identifier";

fn is_npi(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn clients(root: &Table<'_>, folder: &Path) -> Vec<Grant> {
    let tables = root.tables("client");
    if let Some(table) = tables.get(CLIENTS_MAX) {
        let what = format!("there are more than {CLIENTS_MAX} clients");
        table.complain(&table.span, what, "register fewer");
    }
    let (mut ids, mut grants) = (BTreeSet::new(), Vec::new());
    for table in tables.iter().take(CLIENTS_MAX) {
        let grant = client(table, folder);
        table.close();
        let Some((grant, span)) = grant else {
            continue;
        };
        if !ids.insert(grant.id.clone()) {
            let what = format!("the client {:?} is registered twice", grant.id);
            table.complain(&span, what, "give each client an id of its own");
        }
        grants.push(grant);
    }
    grants
}

/// One client, and where its id stands.
fn client(table: &Table<'_>, folder: &Path) -> Option<(Grant, Range<usize>)> {
    let id = name(table, "id", "id = \"care-desk\"");
    let tenant = name(table, "tenant", "tenant = \"lighthouse\"");
    let jwks = table.text("jwks", "jwks = \"care-desk.jwks.json\"");
    let jwks = jwks.map(|(file, span)| {
        let file = folder.join(file);
        match key_set(&file) {
            Ok(keys) if keys.is_empty() => table.complain(
                &span,
                "the key set has no usable key",
                "register an ES384 or RS384 key with a kid",
            ),
            Ok(_) => {}
            Err(error) => table.complain(
                &span,
                format!("the key set cannot be used: {error}"),
                "name a JWKS file (JSON with the public keys, no PEM), relative to this file",
            ),
        }
        file
    });
    let scopes = scopes(table);
    let source_payers = source_payers(table);
    let traffic = traffic(table);
    let (id, span) = id?;
    let grant = Grant {
        id,
        jwks: jwks?,
        tenant: tenant?.0,
        scopes,
        source_payers,
        traffic,
    };
    Some((grant, span))
}

/// A name that becomes part of audit entries: visible ASCII, bounded.
fn name(table: &Table<'_>, key: &str, example: &str) -> Option<(String, Range<usize>)> {
    let (text, span) = table.text(key, example)?;
    let fits = text.len() <= TEXT_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits {
        let help = format!("write at most {TEXT_BYTES_MAX} visible ASCII characters");
        table.complain(&span, format!("`{key}` is no name"), help);
    }
    Some((text.to_owned(), span))
}

fn scopes(table: &Table<'_>) -> Vec<Scope> {
    let words = table.words("scopes");
    if words.is_empty() {
        let help = "add scopes = [\"exchange.write\", \"exchange.read\"]";
        table.complain(&table.span, "the client has no scope", help);
    }
    let mut scopes = Vec::new();
    for (word, span) in words {
        match Scope::named(word) {
            Some(scope) => scopes.push(scope),
            None => {
                let help = known_words(word, &Scope::ALL.map(Scope::name));
                table.complain(&span, format!("there is no scope {word:?}"), help);
            }
        }
    }
    scopes
}

fn source_payers(table: &Table<'_>) -> Vec<String> {
    let words = table.words("source_payers");
    if words.is_empty() {
        let help = "add source_payers = [\"1999999984\"]";
        table.complain(&table.span, "the client has no source payer", help);
    }
    for (word, span) in &words {
        if !is_npi(word) {
            table.complain(span, "a source payer is no NPI", NPI_HELP);
        }
    }
    words.into_iter().map(|(word, _)| word.to_owned()).collect()
}

fn traffic(table: &Table<'_>) -> Traffic {
    let Some((word, span)) = table.optional_text("traffic") else {
        return Traffic::Real;
    };
    let known = Traffic::ALL.into_iter().find(|one| one.name() == word);
    if known.is_none() {
        let help = known_words(word, &Traffic::ALL.map(Traffic::name));
        table.complain(&span, format!("there is no traffic {word:?}"), help);
    }
    known.unwrap_or(Traffic::Real)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written, and what each mistake says first.
    const WRONG: &[(&str, &[&str])] = &[
        ("[core", &["x.toml:1: not TOML"]),
        (
            "[core]\npayer = \"12\"\nlisten = \"here\"\nscale = 0\nspeed = 3\n[store]\nmib = \"big\"\n[retention]\naudit_years = 5\nmanaged_care_years = 6\n",
            &[
                "x.toml:2: `payer` is no NPI",
                "x.toml:3: `listen` is no address",
                "x.toml:4: `scale` in [core] is not a whole number from 1",
                "x.toml:5: [core] has no key `speed`",
                "x.toml:7: `mib` in [store] is not a whole number from 1",
                "x.toml:9: `audit_years` in [retention] is not a whole number from 6 to 100",
                "x.toml:10: `managed_care_years` in [retention] is not a whole number from 10 to 100",
            ],
        ),
        (
            "[[client]]\nid = \"a b\"\njwks = \"gone.json\"\ntenant = \"t\"\nscopes = [\"audit\"]\nsource_payers = [\"x\"]\ntraffic = \"made\"\n",
            &[
                "x.toml:2: `id` is no name",
                "x.toml:3: the key set cannot be used",
                "x.toml:5: there is no scope \"audit\"",
                "x.toml:6: a source payer is no NPI",
                "x.toml:7: there is no traffic \"made\"",
            ],
        ),
        (
            "[[client]]\n",
            &[
                "x.toml:1: [[client]] has no `id`",
                "x.toml:1: [[client]] has no `tenant`",
                "x.toml:1: [[client]] has no `jwks`",
                "x.toml:1: the client has no scope",
                "x.toml:1: the client has no source payer",
            ],
        ),
    ];

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        for (text, expected) in WRONG {
            let complaints = read("x.toml", text, folder.path()).unwrap_err();
            let seen: Vec<String> = complaints.list().iter().map(ToString::to_string).collect();
            assert_eq!(seen.len(), expected.len(), "{text}: {seen:#?}");
            for (one, begins) in seen.iter().zip(*expected) {
                assert!(one.starts_with(begins), "{one} should begin {begins}");
                assert!(one.contains("\n  fix: "), "{one}");
            }
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let config = read("x.toml", "", Path::new(".")).unwrap();
        assert_eq!(config, Config::default());
    }
}
