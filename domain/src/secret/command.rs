//! Secrets that a program says: run without a shell, within limits, and kept until it is run again.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

use super::unusable::{SECRET_FILE_BYTES_MAX, Unusable};

/// How long a program may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// What a program said.
type Said = Result<Zeroizing<Vec<u8>>, Unusable>;

/// What one program said last, and how often that changed.
struct Output {
    last: Said,
    changes: u64,
}

/// By the program and its arguments: several partners may name the same one.
static OUTPUTS: Mutex<BTreeMap<Vec<String>, Output>> = Mutex::new(BTreeMap::new());

fn outputs() -> MutexGuard<'static, BTreeMap<Vec<String>, Output>> {
    OUTPUTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the program said last; it is run where it never was.
pub(super) fn output(words: &[String]) -> Said {
    if let Some(known) = outputs().get(words) {
        return known.last.clone();
    }
    refresh(words)
}

/// Whether it was run.
pub(super) fn has_run(words: &[String]) -> bool {
    outputs().contains_key(words)
}

/// How often what it said changed.
pub(super) fn changes(words: &[String]) -> u64 {
    outputs().get(words).map_or(0, |known| known.changes)
}

/// Runs the program, and keeps what it says; a failure does not replace what it said before.
pub(super) fn refresh(words: &[String]) -> Said {
    let said = run(words, TIME_LIMIT);
    let mut outputs = outputs();
    match outputs.get_mut(words) {
        Some(known) if known.last == said || (known.last.is_ok() && said.is_err()) => {}
        Some(known) => {
            known.last = said.clone();
            known.changes += 1;
        }
        None => {
            let output = Output {
                last: said.clone(),
                changes: 0,
            };
            outputs.insert(words.to_vec(), output);
        }
    }
    said
}

/// Runs a program to its end, or kills it and its children when the time is over.
fn run(words: &[String], limit: Duration) -> Said {
    let (program, arguments) = words.split_first().ok_or(Unusable::NotStarted)?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|_| Unusable::NotStarted)?;
    let group = Pid::from_child(&child);
    let (sender, receiver) = mpsc::channel();
    let reading = std::thread::Builder::new().spawn(move || {
        let size = usize::try_from(SECRET_FILE_BYTES_MAX).unwrap_or(0);
        let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
        let stdout = child.stdout.take();
        let read = stdout.map(|out| out.take(SECRET_FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
        let is_read = matches!(read, Some(Ok(_)));
        let is_success = child.wait().is_ok_and(|status| status.success());
        let _given_up = sender.send(match (bytes.len() > size, is_read && is_success) {
            (true, _) => Err(Unusable::TooLong),
            (false, true) => Ok(bytes),
            (false, false) => Err(Unusable::Failed),
        });
    });
    if reading.is_err() {
        let _ended = kill_process_group(group, Signal::KILL);
        return Err(Unusable::NotStarted);
    }
    receiver.recv_timeout(limit).unwrap_or_else(|_| {
        let _ended = kill_process_group(group, Signal::KILL);
        Err(Unusable::TooSlow)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_program_says_a_secret_within_its_limits() {
        let run = |words: &[String]| run(words, Duration::from_secs(30)).map(|said| said.to_vec());
        assert_eq!(run(&sh("printf word")), Ok(b"word".to_vec()));
        let literal = ["printf", "%s", "$HOME; x"].map(str::to_owned);
        assert_eq!(run(&literal), Ok(b"$HOME; x".to_vec()), "no shell");
        assert_eq!(run(&sh("echo word; exit 3")), Err(Unusable::Failed));
        assert_eq!(run(&sh("yes")), Err(Unusable::TooLong));
        assert_eq!(run(&["/no/such".to_owned()]), Err(Unusable::NotStarted));
        assert_eq!(run(&[]), Err(Unusable::NotStarted));
        // A reader of standard input gets none, and does not wait for one.
        assert_eq!(run(&sh("cat; echo end")), Ok(b"end\n".to_vec()));
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_with_its_children() {
        let folder = std::env::temp_dir().join(format!("outrider-{}", std::process::id()));
        let fifo = folder.with_extension("fifo");
        let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        // A child holds the pipe's other end; a reader of it sees the end when the child is gone.
        let script = format!("sleep 600 > {} & wait", fifo.display());
        let path = fifo.clone();
        let (sender, ended) = mpsc::channel();
        std::thread::spawn(move || sender.send(std::fs::read(path)));
        let said = run(&sh(&script), Duration::from_millis(500));
        assert_eq!(said.map(drop), Err(Unusable::TooSlow));
        let read = ended.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(read.unwrap(), b"");
        std::fs::remove_file(&fifo).unwrap();
    }

    #[test]
    fn what_it_said_stays_until_it_says_something_else() {
        let folder = std::env::temp_dir();
        let file = folder.join(format!("outrider-said-{}", std::process::id()));
        let words = ["cat".to_owned(), file.display().to_string()];
        let now = || output(&words).map(|said| said.to_vec());
        std::fs::write(&file, "one").unwrap();
        assert!(!has_run(&words));
        assert_eq!(now(), Ok(b"one".to_vec()));
        std::fs::write(&file, "two").unwrap();
        assert_eq!((now(), changes(&words)), (Ok(b"one".to_vec()), 0));
        refresh(&words).unwrap();
        assert_eq!((now(), changes(&words)), (Ok(b"two".to_vec()), 1));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(refresh(&words).map(drop), Err(Unusable::Failed));
        assert_eq!((now(), changes(&words)), (Ok(b"two".to_vec()), 1));
    }
}
