//! Jobs that cannot be deleted, against a partner that counts what it is asked: back-off, the cap, one token a job, and
//! the end of trying.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use outrider_domain::clock::Clock;
use outrider_domain::config;
use outrider_domain::model::{
    AgentFault, Job, OrphanResult, PartnerId, ReleaseAttempts, RunId, names,
};

use super::orphans::{Releasing, release_but};
use super::partners::Partners;
use super::recorder::{self, Recorder};
use super::state::SharedState;
use crate::expose::Health;
use crate::ledger::{Ledger, LedgerEntry};

/// How far the clock is moved from look to look, as the schedule looks.
const LOOK_MS: i64 = 15_000;

/// What the partner answers.
#[derive(Clone, Copy)]
struct Answers {
    /// To a deletion.
    delete: &'static str,
    /// To a request for a token.
    token: &'static str,
    /// How long a token lasts.
    lifetime: u32,
}

const LASTING: Answers = Answers {
    delete: "405 Method Not Allowed",
    token: "200 OK",
    lifetime: 300,
};

/// A refusal for a longer time than the test looks.
const LATER: &str = "429 Too Many Requests\r\nretry-after: 1200";

/// A partner that notes the method of each request.
struct Partner {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Partner {
    fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), answers, &kept);
            }
        });
        Self { address, asked }
    }

    fn count(&self, method: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|one| *one == method).count()
    }
}

fn answer(stream: TcpStream, answers: Answers, asked: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 2 {
        head.push(std::mem::take(&mut line));
    }
    let length = head.iter().find_map(|field| {
        let (name, value) = field.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<u64>().unwrap())
    });
    let mut body = reader.by_ref().take(length.unwrap_or(0));
    std::io::copy(&mut body, &mut std::io::sink()).unwrap();
    let method = head[0].split(' ').next().unwrap().to_owned();
    let (status, body) = match method.as_str() {
        "DELETE" => (answers.delete, String::new()),
        _ => (
            answers.token,
            format!(
                r#"{{"access_token":"t","token_type":"bearer","expires_in":{}}}"#,
                answers.lifetime
            ),
        ),
    };
    asked.lock().unwrap().push(method);
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n");
    let rest = format!("content-length: {length}\r\nconnection: close\r\n\r\n{body}");
    reader
        .get_mut()
        .write_all((head + &rest).as_bytes())
        .unwrap();
}

/// An agent without its schedule, whose ledger holds jobs of runs that ended.
struct Agent {
    releasing: Releasing,
    recorder: Recorder,
    _folder: tempfile::TempDir,
}

impl Agent {
    fn new(partner: &Partner, more: &str, jobs: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let base = format!("http://{}", partner.address);
        write(
            "outrider.toml",
            "contact = \"ops@outrider.example\"\nlisten = \"127.0.0.1:0\"\nledger = \"o.db\"\n",
        );
        write("secret", "not-much\n");
        write(
            "partners/p.toml",
            &format!(
                "id = \"p\"\nbase_url = \"{base}\"\nenvironment = \"sandbox\"\n{more}\n[auth]\nkind = \"client_secret_basic\"\n\
                 client_id = \"c\"\nsecret = {{ file = \"secret\" }}\n[[probe]]\njourney = \"j\"\nevery = \"1h\"\n"
            ),
        );
        write(
            "probes/j.toml",
            "id = \"j\"\ndeadline = \"10s\"\ntimeout = \"3s\"\n[[step]]\nid = \"a\"\nuse = \"request\"\n\
             url = \"{{ partner.base_url }}/a\"\n",
        );
        std::fs::create_dir(folder.path().join("members")).unwrap();
        let plan = config::load(&folder.path().join("outrider.toml"), None);
        let plan = Arc::new(plan.unwrap_or_else(|why| panic!("{why:?}")));
        let clock = Clock::real();
        let path = &plan.settings.ledger;
        let mut ledger = Ledger::open(path, plan.scale, clock.now()).unwrap();
        for number in 0..jobs {
            let job = Job {
                location: format!("{base}/jobs/{number}"),
                partner: PartnerId::new("p"),
                run: RunId::new(format!("run-{number}")),
                token_endpoint: format!("{base}/token"),
                scope: vec!["system/*.rs".to_owned()],
                opened_at: clock.now() - TimeDelta::minutes(1),
                attempts: ReleaseAttempts::default(),
            };
            ledger.commit(&[LedgerEntry::JobOpened(&job)]).unwrap();
        }
        let shared = SharedState::new(Arc::clone(&plan));
        let recorder =
            recorder::start(ledger, shared.clone(), clock.clone(), Health::default()).unwrap();
        let releasing = Releasing {
            partners: Partners::new(&plan, &clock),
            plan,
            clock,
            shared,
            recorder: recorder.sender.clone(),
        };
        Self {
            releasing,
            recorder,
            _folder: folder,
        }
    }

    /// Looks for orphans at each step of the schedule for so long.
    async fn look_for(&self, milliseconds: i64) {
        for _ in 0..=milliseconds / LOOK_MS {
            let before = self.releasing.clock.now();
            release_but(self.releasing.clone(), Vec::new(), before).await;
            self.releasing.clock.step(LOOK_MS);
        }
    }

    /// A restart: what the process knew is gone, what the ledger has is not.
    fn restart(&mut self) {
        let releasing = &mut self.releasing;
        releasing.partners = Partners::new(&releasing.plan, &releasing.clock);
    }

    fn counted(&self, result: OrphanResult) -> u64 {
        let labels = ["p", result.name()];
        let numbers = self.releasing.shared.numbers();
        let count = numbers.counter(&names::ORPHAN_RELEASES, &labels);
        count.unwrap_or(0)
    }

    fn open(&self) -> Option<f64> {
        let numbers = self.releasing.shared.numbers();
        numbers.gauge(&names::ORPHAN_JOBS, &["p"])
    }

    fn own_faults(&self) -> u64 {
        let labels = [AgentFault::OpenJob.name()];
        let numbers = self.releasing.shared.numbers();
        numbers
            .counter(&names::AGENT_FAULTS, &labels)
            .unwrap_or_default()
    }
}

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

#[tokio::test]
async fn a_partner_that_cannot_delete_is_asked_less_and_less_and_for_one_token() {
    // Generated: up to twelve jobs at once.
    for jobs in [1_usize, 2, 5, 12] {
        let partner = Partner::start(LASTING);
        let mut agent = Agent::new(&partner, "", jobs);
        agent.look_for(0).await;
        assert_eq!(partner.count("DELETE"), jobs.min(4), "the cap of one look");
        agent.look_for(90_000).await;
        // Without back-off seven looks would make seven deletions a job.
        let deletions = partner.count("DELETE");
        assert!((jobs..=4 * jobs).contains(&deletions), "{deletions}");
        assert_eq!(partner.count("POST"), 1, "one token for {jobs} jobs");
        let failed = usize::try_from(agent.counted(OrphanResult::Failed)).unwrap();
        assert_eq!(failed, deletions);
        assert_eq!(agent.open(), u32::try_from(jobs).ok().map(f64::from));
        agent.restart();
        agent.look_for(0).await;
        assert!(
            partner.count("DELETE") <= deletions + jobs,
            "a restart is no new beginning"
        );
        agent.releasing.clock.step(DAY_MS);
        agent.look_for(0).await;
        assert_eq!(agent.counted(OrphanResult::TooOld), jobs as u64);
        assert_eq!((agent.open(), agent.own_faults()), (Some(0.0), jobs as u64));
        let _closed = agent.recorder.stop().await;
    }
}

#[tokio::test]
async fn what_a_partner_and_its_file_say_decides_how_a_job_ends() {
    let gone = |delete| Answers { delete, ..LASTING };
    let no_token = Answers {
        token: "500 Internal Server Error",
        ..LASTING
    };
    let short = Answers {
        lifetime: 0,
        ..LASTING
    };
    let declared = "quirks = [\"delete-405\"]";
    let few = "[limits]\nrequests_per_minute = 4";
    use OrphanResult as R;
    // The answers, what its file adds, and then of five jobs within a quarter of an hour: deletions, tokens, results.
    for (answers, more, deletions, tokens, result) in [
        (gone("202 Accepted"), "", 5..=5, 1..=1, (R::Released, 5)),
        (gone("404 Not Found"), "", 5..=5, 1..=1, (R::Released, 5)),
        (gone("410 Gone"), "", 5..=5, 1..=1, (R::Released, 5)),
        // A refused token is no reason to ask for another.
        (
            gone("401 Unauthorized"),
            "",
            5..=40,
            1..=4,
            (R::Released, 0),
        ),
        (LASTING, declared, 0..=0, 0..=0, (R::Declared, 5)),
        // Nobody is asked again before the time that it names.
        (gone(LATER), "", 5..=5, 1..=1, (R::Failed, 5)),
        // No token comes, or none that lasts: each job asks for one, once.
        (no_token, "", 0..=0, 5..=5, (R::Released, 0)),
        (short, "", 5..=5, 5..=5, (R::Released, 0)),
        // The real minute holds no more requests, however far the machine's clock goes.
        (LASTING, few, 1..=3, 1..=1, (R::TooOld, 0)),
    ] {
        let partner = Partner::start(answers);
        let agent = Agent::new(&partner, more, 5);
        agent.look_for(15 * MINUTE_MS).await;
        let counts = (partner.count("DELETE"), partner.count("POST"));
        assert!(deletions.contains(&counts.0), "{more} {counts:?}");
        assert!(tokens.contains(&counts.1), "{more} {counts:?}");
        assert_eq!(agent.counted(result.0), result.1, "{more}");
        let has_ended = result.1 == 5 && !matches!(result.0, R::Failed);
        let left = if has_ended { 0.0 } else { 5.0 };
        assert_eq!(agent.open(), Some(left), "{more}");
        let _closed = agent.recorder.stop().await;
    }
}
