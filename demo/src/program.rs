//! A program that the demo starts, waits for and always stops.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::cancellable_wait::CancellableWait;
use crate::clock::Mark;
use crate::grid::printable;
use crate::http::HttpClient;
use crate::stop::{Step, Stop};

/// From the start until it is ready, or done when it has one thing to do.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of a ready line.
const READY_BYTES_MAX: u64 = 64 * 1024;
/// How long a program may take to stop, before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// Between two looks at a program that starts or stops.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What is shown of the log of a program that ended by itself.
const LOG_LINES: usize = 24;
const LOG_BYTES: u64 = 16 * 1024;
const LOG_LINE_CHARACTERS: usize = 480;

/// A running program. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
    ready: Receiver<String>,
    ended: Option<ExitStatus>,
}

impl Program {
    /// Starts a program: its stderr goes to `log`, and it holds `lock` open as long as it lives, so
    /// that a program that outlives a killed demo is noticed by the next one.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(
        name: &'static str,
        mut command: Command,
        log: PathBuf,
        lock: &File,
    ) -> Result<Self> {
        let log_file = File::create(&log)
            .with_context(|| format!("could not write the log {}", log.display()))?;
        let mut child = command
            .stdin(Stdio::from(lock.try_clone()?))
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log_file))
            // A Ctrl-C at the terminal goes to the demo alone, which stops its programs in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not start {}", command.get_program().display()))?;
        let stdout = child.stdout.take().context("a piped stdout is there")?;
        let ready = first_line(name, stdout)?;
        Ok(Self {
            name,
            child,
            log,
            ready,
            ended: None,
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the one line that it prints when it is ready.
    ///
    /// # Errors
    /// When it ends before, takes too long, or a person asks to stop.
    pub(crate) fn ready_line(&mut self, wait: &mut CancellableWait) -> Step<String> {
        self.wait(wait, |program| match program.ready.try_recv() {
            Ok(line) => Ok(Some(line)),
            Err(_) => program.check().map(|()| None),
        })
    }

    /// Waits until it says at an address of its own that it is ready.
    ///
    /// # Errors
    /// When it ends before, takes too long, or a person asks to stop.
    pub(crate) fn ready_at(
        &mut self,
        client: &HttpClient,
        path: &str,
        wait: &mut CancellableWait,
    ) -> Step<()> {
        self.wait(wait, |program| {
            program.check()?;
            Ok(client.send("GET", path, None).ok().map(drop))
        })
    }

    /// Waits until it has done its work and ended.
    ///
    /// # Errors
    /// When it fails, takes too long, or a person asks to stop.
    pub(crate) fn finish(&mut self, wait: &mut CancellableWait) -> Step<()> {
        self.wait(wait, |program| match program.try_wait()? {
            Some(status) if status.success() => Ok(Some(())),
            Some(_) | None => program.check().map(|()| None),
        })
    }

    fn wait<T>(
        &mut self,
        wait: &mut CancellableWait,
        mut look: impl FnMut(&mut Self) -> Result<Option<T>>,
    ) -> Step<T> {
        let begun = Mark::now();
        loop {
            if let Some(seen) = look(self)? {
                return Ok(seen);
            }
            if begun.elapsed() > READY_LIMIT {
                let limit = READY_LIMIT.as_secs();
                return Err(Stop::Trouble(anyhow!(
                    "{} was not ready in {limit} s; its log {} ends:\n{}",
                    self.name,
                    self.log.display(),
                    last_lines(&self.log)
                )));
            }
            wait.pause(LOOK_EVERY);
            if wait.times_asked() > 0 {
                return Err(Stop::Stopped);
            }
        }
    }

    /// Makes sure that it still runs.
    ///
    /// # Errors
    /// When it has ended: with the last lines of its log.
    pub(crate) fn check(&mut self) -> Result<()> {
        let Some(status) = self.try_wait()? else {
            return Ok(());
        };
        bail!(
            "{} ended by itself ({status}); mend what its log says and start the demo again. {} ends:\n{}",
            self.name,
            self.log.display(),
            last_lines(&self.log)
        );
    }

    /// Asks it to stop, waits, and kills it when that takes too long or a person asks again.
    ///
    /// # Errors
    /// A sentence when it had to be killed.
    pub(crate) fn stop(&mut self, wait: &mut CancellableWait) -> Result<()> {
        let asked_before = wait.times_asked();
        self.end(|time| {
            wait.pause(time);
            wait.times_asked() > asked_before
        })
    }

    fn end(&mut self, mut wait: impl FnMut(Duration) -> bool) -> Result<()> {
        if self.try_wait()?.is_some() {
            return Ok(());
        }
        self.terminate()?;
        let begun = Mark::now();
        let mut is_urgent = false;
        while self.try_wait()?.is_none() {
            if is_urgent || begun.elapsed() > STOP_LIMIT {
                self.child.kill()?;
                self.ended = Some(self.child.wait()?);
                bail!("{} did not stop and was killed", self.name);
            }
            is_urgent = wait(LOOK_EVERY);
        }
        Ok(())
    }

    /// The standard library can only kill. The child was not waited for, so the id is still its own.
    fn terminate(&self) -> Result<()> {
        Command::new("sh")
            .args(["-c", r#"kill -TERM "$1""#, "sh", &self.id().to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map(drop)
            .with_context(|| format!("could not send SIGTERM to {}", self.name))
    }

    fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        Ok(self.ended)
    }
}

impl Drop for Program {
    /// The way out when something went wrong; the ordered way is [`Program::stop`].
    fn drop(&mut self) {
        let (_keep, nothing) = channel::<()>();
        let ended = self.end(|time| {
            nothing.recv_timeout(time).unwrap_or_default();
            false
        });
        if ended.is_err() {
            // Killing what has ended already fails, and nothing more can be done.
            self.child.kill().unwrap_or_default();
            self.child.wait().map(drop).unwrap_or_default();
        }
    }
}

/// The first line, read in a thread that ends with the program. Whatever follows is thrown away, so
/// that the program never blocks on a full pipe.
fn first_line(name: &str, stdout: ChildStdout) -> io::Result<Receiver<String>> {
    let (sender, receiver) = channel();
    std::thread::Builder::new()
        .name(format!("{name} stdout"))
        .spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = String::new();
            let read = reader.by_ref().take(READY_BYTES_MAX).read_line(&mut line);
            if read.is_ok_and(|count| count > 0) {
                sender.send(line).unwrap_or_default();
            }
            io::copy(&mut reader, &mut io::sink())
                .map(drop)
                .unwrap_or_default();
        })?;
    Ok(receiver)
}

fn last_lines(log: &Path) -> String {
    let Ok(text) = read_end(log) else {
        return format!("({} cannot be read)", log.display());
    };
    let lines: Vec<_> = text.lines().collect();
    let from = lines.len().saturating_sub(LOG_LINES);
    match lines.get(from..) {
        Some(last) if !last.is_empty() => {
            let shown: Vec<_> = last.iter().map(|line| cut(line)).collect();
            shown.join("\n")
        }
        Some(_) | None => "  (it is empty)".to_owned(),
    }
}

fn cut(line: &str) -> String {
    format!(
        "  | {}",
        printable(&line.chars().take(LOG_LINE_CHARACTERS).collect::<String>())
    )
}

fn read_end(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(folder: &Path, script: &str) -> Program {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let lock = File::create(folder.join("lock")).unwrap();
        Program::start("shell", command, folder.join("log"), &lock).unwrap()
    }

    #[test]
    fn a_program_that_ends_by_itself_is_told_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let script = "seq 1 40 >&2; echo 'no such key' >&2; exit 3";
        let mut program = shell(folder.path(), script);
        program.child.wait().unwrap();
        let said = program.check().unwrap_err().to_string();
        assert!(
            said.starts_with("shell ended by itself (exit status: 3)"),
            "{said}"
        );
        assert!(said.ends_with("  | 40\n  | no such key"), "{said}");
        assert!(
            said.contains("| 18\n") && !said.contains("| 17\n"),
            "{said}"
        );
    }

    #[test]
    fn work_is_done_when_it_ends_well() {
        let folder = tempfile::tempdir().unwrap();
        let mut wait = CancellableWait::of(&[]).unwrap();
        shell(folder.path(), "exit 0").finish(&mut wait).unwrap();
        let mut broken = shell(folder.path(), "echo 'no such folder' >&2; exit 3");
        match broken.finish(&mut wait) {
            Err(Stop::Trouble(why)) => assert!(why.to_string().ends_with("| no such folder")),
            other => panic!("it fails: {other:?}"),
        }
    }

    #[test]
    fn dropping_a_program_stops_it_and_frees_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = File::create(&path).unwrap();
        lock.lock().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo ready; exec sleep 600"]);
        let program = Program::start("shell", command, folder.path().join("log"), &lock).unwrap();
        drop(lock);
        let next = File::open(&path).unwrap();
        assert!(next.try_lock().is_err(), "the program holds it");
        assert_eq!(program.ready.recv_timeout(READY_LIMIT).unwrap(), "ready\n");
        drop(program);
        next.try_lock().unwrap();
    }
}
