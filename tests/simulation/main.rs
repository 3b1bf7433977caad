//! A seeded simulation: whole speakers on an imaginary clock and an imaginary network, for thousands of hours.
//!
//! ```text
//!   seed ─► plan      policy ─► sets wanted ─► task ─► session ─► task ─► network ─► the other side, and back
//!      └──► faults ──────────────────────────────────────────────────────┘
//!                                               watch: what must hold, at every step
//! ```
//!
//! A world is an edge with some peers, all drawn from one number: who dials, Hold Times, families, graceful restart, policies, the
//! latency between them, and what goes wrong when. Each session is the real one of `quadzero-fsm`; only its driver and TCP are
//! played here (`task`, `network`). Hours of faults take turns with calm: the faults end, and all must be well again within a time
//! that follows from the timers, and then be quiet for an hour. What must hold all the time is in `watch`: above all that
//! nobody ever holds a route that policy did not want said to him, and that what policy wants is held when all has been said.
//!
//! ```text
//! cargo test -p quadzero-tests --test simulation                                     every world, and every bug
//! cargo test -p quadzero-tests --test simulation -- --seed 42 [--hours 400]          one world, exactly as it was
//! cargo test -p quadzero-tests --test simulation -- --seed 42 --trace                ... and all that happens in it
//! cargo test -p quadzero-tests --test simulation -- --seed 42 --bug loses-end-of-rib ... with a bug put in on purpose
//! ```
//!
//! That it can fail is tested, too: each [`Bug`] that is put into the edge's sessions must be found.

mod agenda;
mod bug;
mod fault;
mod network;
mod plan;
mod task;
mod watch;
mod world;

use agenda::Trace;
use bug::Bug;
use clap::{Parser, ValueEnum};
use libtest_mimic::{Arguments, Trial};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use watch::Stats;
use world::World;

/// Worlds of a run, and the hours of each: 10,000 together.
const WORLDS: u64 = 50;
const HOURS: u64 = 200;
/// A bug must be found within as many worlds.
const WORLDS_FOR_A_BUG: u64 = 20;
const HOURS_FOR_A_BUG: u64 = 50;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    libtest: Arguments,
    /// Only the world of this seed
    #[arg(long)]
    seed: Option<u64>,
    /// Simulated hours of each world
    #[arg(long)]
    hours: Option<u64>,
    /// How many worlds, from seed 0 on
    #[arg(long, default_value_t = WORLDS)]
    worlds: u64,
    /// The edge has this bug
    #[arg(long, value_enum, requires = "seed")]
    bug: Option<Bug>,
    /// Print what happens
    #[arg(long, requires = "seed")]
    trace: bool,
}

/// What all trials have counted, and the bugs they found.
#[derive(Default)]
struct Report {
    stats: Stats,
    found: Vec<String>,
}

type Shared = Arc<Mutex<Report>>;

fn main() -> ExitCode {
    let options = Options::parse();
    let report = Shared::default();
    let start = Instant::now();
    let conclusion = libtest_mimic::run(&options.libtest, trials(&options, &report));
    let report = report.lock().unwrap_or_else(PoisonError::into_inner);
    if !options.libtest.list && conclusion.num_passed + conclusion.num_failed > 0 {
        print(&report, start.elapsed());
        println!("{} passed, {} failed", conclusion.num_passed, conclusion.num_failed);
    }
    conclusion.exit_code()
}

fn trials(options: &Options, report: &Shared) -> Vec<Trial> {
    let hours = options.hours.unwrap_or(HOURS);
    let world = |seed| {
        let (report, bug, trace) = (report.clone(), options.bug, options.trace);
        Trial::test(format!("world_{seed}_keeps_every_promise_for_{hours}_hours"), move || {
            let trace = if trace { Trace::Print } else { Trace::Off };
            let stats = live(seed, hours, bug, trace)?;
            report.lock().unwrap_or_else(PoisonError::into_inner).stats.add(stats);
            Ok(())
        })
    };
    if let Some(seed) = options.seed {
        return vec![world(seed)];
    }
    let bugs = Bug::value_variants().iter().map(|bug| {
        let report = report.clone();
        Trial::test(format!("bug_{}_is_found", name(*bug)), move || {
            let found = find(*bug)?;
            report.lock().unwrap_or_else(PoisonError::into_inner).found.push(found);
            Ok(())
        })
    });
    let same = Trial::test("the_same_seed_is_the_same_world", the_same_seed_is_the_same_world);
    (0..options.worlds).map(world).chain(bugs).chain([same]).collect()
}

fn name(bug: Bug) -> String {
    bug.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// A world for so many hours; what broke in it, with how it came to that.
fn live(seed: u64, hours: u64, bug: Option<Bug>, trace: Trace) -> Result<Stats, String> {
    let (broken, world) = attempt(seed, hours, bug, trace);
    let Some(broken) = broken else { return Ok(world.stats) };
    let (again, world) = attempt(seed, hours, bug, Trace::Last(Default::default()));
    let Trace::Last(lines) = world.trace else { unreachable!("it was told to remember lines") };
    let lines: String = lines.into_iter().map(|line| format!("  {line}\n")).collect();
    let replay = bug.map_or_else(String::new, |bug| format!(" --bug {}", name(bug)));
    let same = if again.as_ref() == Some(&broken) { "" } else { "IT DID NOT HAPPEN AGAIN\n" };
    Err(format!(
        "seed {seed}: {broken}\n{same}Before that:\n{lines}\
         Again: cargo test -p quadzero-tests --test simulation -- --seed {seed} --hours {hours}{replay} --trace"
    ))
}

fn attempt(seed: u64, hours: u64, bug: Option<Bug>, trace: Trace) -> (Option<String>, World) {
    let mut world = World::new(seed, bug, trace);
    let lived = catch_unwind(AssertUnwindSafe(|| world.live(Duration::from_secs(hours * 3600))));
    let broken = lived.err().map(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        format!("panic: {}", text.or_else(|| panic.downcast_ref().copied()).unwrap_or("of something"))
    });
    (broken.or_else(|| world.broken.take()), world)
}

/// Looks for a bug; how it was found.
fn find(bug: Bug) -> Result<String, String> {
    for seed in 0..WORLDS_FOR_A_BUG {
        let (broken, world) = attempt(seed, HOURS_FOR_A_BUG, Some(bug), Trace::Off);
        if let Some(broken) = broken {
            let hours = world.agenda.now.as_secs_f64() / 3600.0;
            return Ok(format!("{}: seed {seed}, after {hours:.1} h: {broken}", name(bug)));
        }
    }
    Err(format!("{} was not found in {WORLDS_FOR_A_BUG} worlds of {HOURS_FOR_A_BUG} hours", name(bug)))
}

fn the_same_seed_is_the_same_world() -> Result<(), libtest_mimic::Failed> {
    let digest = |seed| match attempt(seed, 20, None, Trace::Digest(0)) {
        (None, World { trace: Trace::Digest(digest), .. }) => digest,
        (broken, _) => unreachable!("{broken:?}"),
    };
    let [first, again, other] = [1, 1, 2].map(digest);
    if first != again {
        return Err("two runs of one seed differ".into());
    }
    if first == other {
        return Err("two seeds do not differ".into());
    }
    Ok(())
}

fn print(report: &Report, wall: Duration) {
    let stats = &report.stats;
    println!(
        "{:.0} simulated hours in {:.1} s: {} pairs, {} times established, {} messages, {} octets, {} happenings",
        stats.time.as_secs_f64() / 3600.0,
        wall.as_secs_f64(),
        stats.pairs,
        stats.established / 2,
        stats.messages,
        stats.octets,
        stats.happenings,
    );
    println!(
        "{} calms, the slowest recovery took {:.0} s; tables compared {} times, {} graceful restarts survived",
        stats.calms,
        stats.slowest_calm.as_secs_f64(),
        stats.tables_compared,
        stats.restarts_survived,
    );
    for (title, counts) in [
        ("faults", stats.faults.iter().map(|(what, n)| format!("{what} {n}")).collect::<Vec<_>>()),
        ("ends of sessions", stats.downs.iter().map(|(why, n)| format!("{why} {n}")).collect()),
    ] {
        println!("{title}: {}", counts.join(", "));
    }
    for found in &report.found {
        println!("found {found}");
    }
}
