//! Releases our jobs at the partner: it keeps no data of ours longer than needed, and a slot becomes free.

use super::work::Work;
use crate::adapter::{Call, Class};
use crate::exchange::Step;
use crate::limits::RELEASES_MAX;
use crate::store::Result;

pub(super) async fn run(mut work: Work<'_>) -> Result<()> {
    let now_ms = work.now_ms();
    let Some(at) = work.exchange.jobs.iter().position(|job| !job.is_over) else {
        return next(work, now_ms);
    };
    let job = work.exchange.jobs[at].clone();
    let dialect = work.client.partner.dialect;
    let (method, url) = dialect.release_of(&job.at.url(work.origin()));
    let scope = if job.is_export {
        dialect.data_scope()
    } else {
        dialect.match_scope()
    };
    let call = Call::to(method, url);
    let (_, class) = work.ask("release", scope, call).await;
    let job = &mut work.exchange.jobs[at];
    job.tries += 1;
    // 404 and 405 are how some partners say that there is nothing to release.
    job.is_over = match class {
        Class::Good | Class::Gone | Class::Business => true,
        Class::Token | Class::Transient | Class::Throttled | Class::Dependency => {
            job.tries >= RELEASES_MAX
        }
    };
    if !job.is_over {
        let tries = job.tries;
        let wait = work.core.pace.backoff(tries, work.core.jitter());
        work.exchange.due_ms = Some(work.now_ms() + wait);
    }
    let change = work.record_only();
    work.apply(change)
}

/// What comes after the last release: a follow-up, or nothing.
fn next(mut work: Work<'_>, now_ms: i64) -> Result<()> {
    if work.exchange.has_follow_up {
        work.exchange.follow_up(now_ms);
        work.exchange.due_ms = Some(now_ms + work.core.pace.follow_up());
    } else {
        work.exchange.step = Step::Done;
        work.exchange.due_ms = None;
    }
    let change = work.record_only();
    work.apply(change)
}
