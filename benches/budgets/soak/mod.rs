//! `make soak`: the agent at a high rate for minutes, against the sandbox, under faults, pauses, reloads and
//! restarts that a seed decides. Every five seconds it is asked for its numbers and its pages, and what it holds
//! is sampled; at the end the samples are judged.

mod acts;
mod judge;
mod samples;
mod scene;

use std::process::ExitCode;
use std::time::Duration;

use super::wait;

use self::acts::Acts;
use self::samples::{Sample, Samples};
use self::scene::SoakScene;

/// How often the agent is sampled and read.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// Lines of the table.
const LINE_EVERY: Duration = Duration::from_secs(60);
/// How long the loop rests between two looks at the time.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Soaks for so many minutes and prints what came of it; the exit code is 1 when something grew.
pub(crate) fn run(minutes: u32, seed: u64) -> ExitCode {
    println!("soak: {minutes} minutes, seed {seed}");
    let mut scene = SoakScene::start();
    let agent = scene.agent();
    let mut acts = Acts::new(seed);
    let mut samples = Samples::default();
    let begin = wait::now();
    let length = Duration::from_secs(u64::from(minutes) * 60);
    let (mut sample_at, mut line_at) = (SAMPLE_EVERY, LINE_EVERY);
    println!("{}", Sample::HEAD);
    while begin.elapsed() < length {
        acts.play(begin.elapsed(), &mut scene, &agent);
        if begin.elapsed() >= sample_at {
            sample_at = begin.elapsed() + SAMPLE_EVERY;
            // As Prometheus and people do; neither may leave anything behind.
            for path in ["/", "/v1/partners", "/v1/runs?limit=100"] {
                agent.connection().get(path).expect("a page");
            }
            let numbers = agent.connection().get("/metrics").expect("a page");
            samples.take(
                begin.elapsed(),
                &agent.program,
                scene.ledger_bytes(),
                &numbers,
            );
        }
        if begin.elapsed() >= line_at {
            line_at += LINE_EVERY;
            println!("{}{}", samples.line(), acts.since_last_line());
        }
        wait::rest(LOOK_EVERY);
    }
    acts.end(&mut scene);
    let exit = agent.program.stop();
    let judged = judge::judge(&samples, &scene.agent_log(), exit);
    println!("\n| what | bar | measured | held |\n|---|---|---|---|");
    for one in &judged {
        let held = if one.holds { "yes" } else { "**no**" };
        println!("| {} | {} | {} | {held} |", one.what, one.bar, one.measured);
    }
    let failed: Vec<_> = judged.iter().filter(|one| !one.holds).collect();
    for one in &failed {
        println!(
            "\nnot held: {}: {}, not {}",
            one.what, one.measured, one.bar
        );
    }
    if failed.is_empty() {
        println!("\nnothing grew");
        return ExitCode::SUCCESS;
    }
    println!("\nthe same acts again: make soak MINUTES={minutes} SEED={seed}");
    println!("{}", scene.keep());
    ExitCode::FAILURE
}
