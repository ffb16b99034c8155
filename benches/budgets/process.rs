//! A child process: its begin, its end, and what it cost.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// Linux counts a process's CPU time in hundredths of a second (`getconf CLK_TCK`).
const TICK: Duration = Duration::from_millis(10);

/// A child that ends with its measurement.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    pub(crate) ready: Value,
}

impl Program {
    /// Starts a program that says nothing, with its log in a file.
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let errors = std::fs::File::create(log).expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|why| panic!("{command:?} does not start: {why}"));
        Self {
            child,
            ready: Value::Null,
        }
    }

    /// Starts a program that prints one line of JSON when it is ready.
    pub(crate) fn start_ready(command: Command, log: &Path) -> Self {
        let mut program = Self::start(command, log);
        let mut line = String::new();
        let out = program.child.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("a line");
        program.ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            panic!("no ready line but {line:?}; its log:\n{said}")
        });
        program
    }

    /// CPU time so far, user and system, of all its threads.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = self.proc_file("stat");
        // The second field is a name in brackets and may hold spaces.
        let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
        let fields: Vec<&str> = fields.split(' ').collect();
        let ticks: u32 = [11, 12]
            .iter()
            .map(|place| fields[*place].parse::<u32>().expect("a number"))
            .sum();
        TICK * ticks
    }

    /// Resident memory now and at its highest, in MiB.
    pub(crate) fn memory_mib(&self) -> (f64, f64) {
        let status = self.proc_file("status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
            kib.and_then(|kib| kib.parse::<f64>().ok())
                .unwrap_or(f64::NAN)
                / 1024.0
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// What its open handles lead to, as /proc says: paths, `socket:[…]`, `anon_inode:[…]`.
    pub(crate) fn handles(&self) -> Vec<String> {
        let entries = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        let links = entries.into_iter().flatten().flatten();
        // One that was closed meanwhile leads nowhere.
        let targets = links.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        targets.map(|to| to.display().to_string()).collect()
    }

    /// Its threads now.
    pub(crate) fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.child.id())).map_or(0, Iterator::count)
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-s", name, &id]).status();
        assert!(told.is_ok_and(|status| status.success()), "SIG{name}");
    }

    /// Ends it with SIGTERM and waits; its exit code, or none when a signal ended it.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().ok().and_then(|status| status.code())
    }

    fn proc_file(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id()))
            .expect("the program runs")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// A command, on one core when there is a core to be kept to.
pub(crate) fn command(program: &Path, core: Option<usize>) -> Command {
    let Some(core) = core else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// This bench itself, to play a role.
pub(crate) fn role(words: &[&str], core: Option<usize>) -> Command {
    let own = std::env::current_exe().expect("a path");
    let mut command = command(&own, core);
    command.args(words);
    command
}
