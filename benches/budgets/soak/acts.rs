//! What is done to the agent and its partners, decided by a seed.

use std::time::Duration;

use super::scene::{CHECK_EVERY_MS, PARTNERS, SoakScene};
use crate::scene::Agent;
use crate::wait;

/// Faults that leave runs slow, broken, cut off or retried. None discloses, since that pauses a journey for good.
const FAULTS: [&str; 20] = [
    "connection-refused",
    "reset-mid-body",
    "slow-headers",
    "slow-body",
    "token-refused",
    "token-outage",
    "token-slow",
    "token-short-lived",
    "token-dies-early",
    "server-error",
    "throttled",
    "throttled-for-hours",
    "latency",
    "lost-accept",
    "job-never-completes",
    "records-missing",
    "truncated-line",
    "gzip-corrupted",
    "files-expired",
    "certificate-expired",
];

/// Partners with a fault at the same time: were there ever more of them, ever more runs would wait.
const FAULTY_MAX: usize = 3;

/// The acts so far and the next one.
#[derive(Debug)]
pub(super) struct Acts {
    chance: Chance,
    next_at: Duration,
    /// Partners with a fault, the longest one first.
    faulty: Vec<&'static str>,
    said: Vec<String>,
}

impl Acts {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            chance: Chance(seed),
            // The first runs are undisturbed.
            next_at: Duration::from_secs(10),
            faulty: Vec::new(),
            said: Vec::new(),
        }
    }

    /// Does the next act when its time has come.
    pub(super) fn play(&mut self, now: Duration, scene: &mut SoakScene, agent: &Agent) {
        if now < self.next_at {
            return;
        }
        let partner = self.chance.one_of(&PARTNERS);
        let act = match self.chance.below(20) {
            0..=7 => {
                let fault = self.chance.one_of(&FAULTS);
                scene.inject(partner, fault);
                self.faulty.retain(|one| *one != partner);
                self.faulty.push(partner);
                if self.faulty.len() > FAULTY_MAX {
                    scene.heal(self.faulty.remove(0));
                }
                format!("{fault} at {partner}")
            }
            8..=13 => {
                let healed: Vec<_> = self.faulty.drain(..1.min(self.faulty.len())).collect();
                healed.iter().for_each(|partner| scene.heal(partner));
                format!("heal {}", healed.first().unwrap_or(&"nobody"))
            }
            14..=15 => {
                let pause = Duration::from_millis(200 + self.chance.below(6_000));
                agent.program.signal("STOP");
                wait::rest(pause);
                agent.program.signal("CONT");
                format!("stand still for {:.1} s", pause.as_secs_f64())
            }
            16..=18 => self.reload(partner, scene),
            _ => {
                scene.restart_sandbox();
                self.faulty.clear();
                "restart of the partners".to_owned()
            }
        };
        self.said.push(act);
        self.next_at = now + Duration::from_millis(2_000 + self.chance.below(6_000));
    }

    /// Changes a partner's file; the agent sees that by itself.
    fn reload(&mut self, partner: &'static str, scene: &mut SoakScene) -> String {
        match self.chance.below(4) {
            0 => {
                let every = 300 + 100 * self.chance.below(4);
                scene.partner(partner, every, true);
                format!("{partner} checked every {every} ms")
            }
            1 => {
                scene.partner(partner, CHECK_EVERY_MS, false);
                format!("{partner} without exchanges")
            }
            2 => {
                scene.partner(partner, CHECK_EVERY_MS, true);
                format!("{partner} as at first")
            }
            _ => {
                scene.garble(partner);
                wait::rest(Duration::from_secs(3));
                scene.partner(partner, CHECK_EVERY_MS, true);
                format!("{partner} unreadable for 3 s")
            }
        }
    }

    /// Heals what is left.
    pub(super) fn end(&mut self, scene: &mut SoakScene) {
        self.faulty
            .drain(..)
            .for_each(|partner| scene.heal(partner));
    }

    /// The acts since the last line of the table, as the end of a line.
    pub(super) fn since_last_line(&mut self) -> String {
        format!("{} |", std::mem::take(&mut self.said).join("; "))
    }
}

/// Choices that a seed decides (SplitMix64).
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn one_of(&mut self, all: &[&'static str]) -> &'static str {
        let place = self.below(all.len() as u64);
        all[usize::try_from(place).expect("a place")]
    }
}
