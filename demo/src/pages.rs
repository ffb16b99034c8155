//! The part of the scenario that waits for people to be paged, and for their page to end.

use std::io::Write;
use std::time::Duration;

use anyhow::anyhow;

use crate::clock::Mark;
use crate::grid::Tone;
use crate::scenario::{Injected, Scenario};
use crate::session::VICTIM;
use crate::stop::{Step, Stop};
use crate::view::{Line, Paging, seconds};

/// Until the watchdog is heard: it fires with the first evaluation.
const HEARTBEAT_LIMIT: Duration = Duration::from_secs(60);
/// From the injection to the page: the slowest objective pages at 26 bad runs, and one member in three
/// has no records that could be missing.
const PAGE_LIMIT: Duration = Duration::from_secs(300);
/// From the healing to the end of every page: a disclosure is looked back at for four minutes, and the
/// slower page does not end before half of its window was watched, which is twelve minutes.
const OVER_LIMIT: Duration = Duration::from_secs(900);

impl<W: Write> Scenario<'_, W> {
    /// Waits until the watchdog is heard: from then on a page can be.
    ///
    /// # Errors
    /// When that takes too long, a person asks to stop, or a program does not work.
    pub(crate) fn await_heartbeat(&mut self) -> Step<()> {
        let begun = Mark::now();
        while let Some(pager) = &self.session.pager {
            if pager.heartbeats() > 0 {
                return self.tell(Tone::Good, "the watchdog is heard: pages arrive");
            }
            if begun.elapsed() > HEARTBEAT_LIMIT {
                return Err(Stop::Trouble(anyhow!(
                    "no heartbeat of the watchdog came through Prometheus and Alertmanager in {} s; \
                     look at their logs",
                    HEARTBEAT_LIMIT.as_secs()
                )));
            }
            self.session.look("waiting for the watchdog's heartbeat")?;
        }
        Ok(())
    }

    /// Keeps the fault until its page arrives.
    ///
    /// # Errors
    /// When a person asks to stop, or a program does not work.
    pub(crate) fn await_page(&mut self, injected: &mut Injected<'_>) -> Step<()> {
        let slo = injected.fault.layer.to_string();
        while let Some(pager) = &self.session.pager {
            let waited = injected.at.elapsed();
            if let Some(heard) = pager.page(injected.fault, VICTIM) {
                let after = heard.after;
                let other = heard.alert.other_cause(injected.fault).map(str::to_owned);
                injected.line.paging = Some(Paging {
                    paged_after: Some(after),
                    over_after: None,
                });
                let said = format!("  paged         after {}", seconds(Some(after)));
                self.tell(Tone::Good, &said)?;
                return match other {
                    None => Ok(()),
                    Some(cause) => {
                        let complaint = format!("the page names another cause: {cause}");
                        self.add_failure(&mut injected.line, complaint)
                    }
                };
            }
            if waited > PAGE_LIMIT {
                injected.line.paging = Some(Paging::default());
                let limit = PAGE_LIMIT.as_secs();
                return self.add_failure(&mut injected.line, format!("no page in {limit} s"));
            }
            let bad_runs = if injected.fault.pauses() {
                "one run is enough".to_owned()
            } else {
                pager.bad_runs(VICTIM, &slo).unwrap_or_default()
            };
            let status = format!(
                "{}: waiting for the page, {} s; {bad_runs}",
                injected.title,
                waited.as_secs()
            );
            let (_, runs) = self.session.look(&status)?;
            injected.other_partners.record(&runs, VICTIM);
        }
        Ok(())
    }

    /// Waits until no page goes on.
    ///
    /// # Errors
    /// When a person asks to stop, or a program does not work.
    pub(crate) fn await_over(&mut self, injected: &mut Injected<'_>, healed: Mark) -> Step<()> {
        while let Some(pager) = &self.session.pager {
            let open = pager.open();
            if open.is_empty() {
                return self.tell_over(&mut injected.line, healed.elapsed());
            }
            if healed.elapsed() > OVER_LIMIT {
                let limit = OVER_LIMIT.as_secs();
                let complaint = format!("{limit} s after the healing, {} goes on", open.join(", "));
                return self.add_failure(&mut injected.line, complaint);
            }
            let status = format!(
                "{}: healed, {} s; goes on: {}",
                injected.title,
                healed.elapsed().as_secs(),
                open.join(", ")
            );
            let (_, runs) = self.session.look(&status)?;
            injected.other_partners.record(&runs, VICTIM);
        }
        Ok(())
    }

    fn tell_over(&mut self, line: &mut Line, after: Duration) -> Step<()> {
        match &mut line.paging {
            Some(paging) if paging.paged_after.is_some() => {
                paging.over_after = Some(after);
                let said = format!("  over          {} after the healing", seconds(Some(after)));
                self.tell(Tone::Good, &said)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Nobody else may have been paged.
    ///
    /// # Errors
    /// When the output is closed.
    pub(crate) fn check_other_pages(&mut self, line: &mut Line) -> Step<()> {
        let other = match &mut self.session.pager {
            Some(pager) => pager.take_other_pages(),
            None => Vec::new(),
        };
        for page in other {
            self.add_failure(line, format!("somebody else was paged: {page}"))?;
        }
        Ok(())
    }
}
