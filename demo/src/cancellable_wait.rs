//! Waits that a stop signal cancels.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

/// Waits, and knows how often a person asked to stop.
#[derive(Debug)]
pub(crate) struct CancellableWait {
    asked: Receiver<()>,
    /// Kept so that waiting lasts even if the thread that listens has ended.
    _asking: Sender<()>,
    times_asked: u32,
    listening: Handle,
    listener: Option<JoinHandle<()>>,
}

impl CancellableWait {
    /// Listens to Ctrl-C, SIGTERM and the loss of the terminal from now on.
    ///
    /// # Errors
    /// When the system refuses it.
    pub(crate) fn listen() -> io::Result<Self> {
        Self::of(&[SIGINT, SIGTERM, SIGHUP])
    }

    /// Listens to these signals: every listener of a process hears each one, those of tests too.
    ///
    /// # Errors
    /// When the system refuses it.
    pub(crate) fn of(signals: &[i32]) -> io::Result<Self> {
        let mut signals = Signals::new(signals)?;
        let listening = signals.handle();
        let (asking, asked) = channel();
        let sender = asking.clone();
        let listener = std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for _ in signals.forever() {
                    if sender.send(()).is_err() {
                        break;
                    }
                }
            })?;
        let listener = Some(listener);
        Ok(Self {
            asked,
            _asking: asking,
            times_asked: 0,
            listening,
            listener,
        })
    }

    /// Waits so long, or until the next stop signal.
    pub(crate) fn pause(&mut self, time: Duration) {
        if self.asked.recv_timeout(time).is_ok() {
            self.times_asked += 1;
        }
    }

    /// How often a person asked to stop: the second time, programs are killed.
    pub(crate) fn times_asked(&self) -> u32 {
        self.times_asked
    }
}

impl Drop for CancellableWait {
    fn drop(&mut self) {
        self.listening.close();
        if let Some(listener) = self.listener.take() {
            // It cannot panic, and nothing could report it.
            listener.join().unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test, because a signal reaches every listener of the process.
    #[test]
    fn a_signal_ends_a_pause_and_is_counted() {
        let mut wait = CancellableWait::listen().unwrap();
        wait.pause(Duration::from_millis(1));
        assert_eq!(wait.times_asked(), 0);
        signal_hook::low_level::raise(SIGTERM).unwrap();
        // Longer than anybody waits for a test: only the signal ends it.
        wait.pause(Duration::from_secs(24 * 3600));
        assert_eq!(wait.times_asked(), 1);
        wait.pause(Duration::from_millis(1));
        assert_eq!(wait.times_asked(), 1);
    }
}
