//! Maintenance and failures: an instance of a gateway, or a router of ExpressRoute, is away for a while (azure.md §8,
//! row 22).
//!
//! ```text
//!   ExpressRoute, planned: announces with a longer path for a while, then as the others   (ER-HA D; how long, U)
//!   planned     says good-bye ──── 10 to 15 s ────► is back          (HA D; newer figures U)
//!   unplanned   is just gone ───── 60 to 90 s ────► is back
//! ```
//!
//! An active-standby gateway has one instance in the mock: what goes is the machine, and what comes back is its stand-in
//! with the same address. Of an active-active gateway the other instance stays.

use crate::config::Gateway;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Why an instance goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Maintenance: it says so to its peers, and is back soon.
    Planned,
    /// A failure: its peers find out by themselves.
    Unplanned,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It announces with a longer path, so that traffic leaves it.
    Warns,
    /// It goes.
    Away(Cause),
    /// It is back.
    Back,
}

/// What happens when: a plain value, counted from the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(pub Vec<(Duration, Step)>);

impl Schedule {
    /// One outage, as long as it takes Azure, or shorter by the time scale.
    pub fn outage(cause: Cause, gateway: &Gateway) -> Self {
        let switches = &gateway.switches;
        let azure = match cause {
            Cause::Planned => switches.planned_outage,
            Cause::Unplanned => switches.unplanned_outage,
        };
        let warns = cause == Cause::Planned && gateway.kind.is_expressroute();
        let warning = warns.then_some(switches.scaled(switches.maintenance_warning));
        let away = warning.unwrap_or_default();
        let outage = [(away, Step::Away(cause)), (away + switches.scaled(azure), Step::Back)];
        Self(warning.map(|_| (Duration::ZERO, Step::Warns)).into_iter().chain(outage).collect())
    }

    /// Does each step in its time.
    pub async fn run(self, mut act: impl AsyncFnMut(Step)) {
        let begun = Instant::now();
        for (at, step) in self.0 {
            sleep_until(begun + at).await;
            act(step).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Place, Switches};
    use crate::testing::{GW, azure, expressroute};

    async fn steps(cause: Cause, gateway: &Gateway) -> Vec<(Step, Duration)> {
        let begun = Instant::now();
        let mut steps = Vec::new();
        Schedule::outage(cause, gateway).run(async |step| steps.push((step, begun.elapsed()))).await;
        steps
    }

    async fn lasts(cause: Cause, switches: Switches) -> Duration {
        let steps = steps(cause, &Gateway { switches, ..azure().gateways.remove(GW) }).await;
        assert_eq!(steps[0], (Step::Away(cause), Duration::ZERO));
        assert_eq!((steps.len(), steps[1].0), (2, Step::Back));
        steps[1].1
    }

    /// azure.md §8, row 22 (HA D): the numbers.
    #[tokio::test(start_paused = true)]
    async fn planned_maintenance_takes_seconds_and_a_failure_more_than_a_minute() {
        let switches = Switches::default();
        let (planned, unplanned) =
            (lasts(Cause::Planned, switches).await, lasts(Cause::Unplanned, switches).await);
        assert!((10..=15).contains(&planned.as_secs()), "{planned:?}");
        assert!((60..=90).contains(&unplanned.as_secs()), "{unplanned:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_scale_makes_it_shorter() {
        let switches = Switches { time_scale: 1000, ..Switches::default() };
        assert_eq!(lasts(Cause::Planned, switches).await, Duration::from_millis(15));
    }

    /// ER-HA D: traffic leaves a router before that goes; a failure warns nobody.
    #[tokio::test(start_paused = true)]
    async fn expressroute_warns_before_maintenance() {
        let er = expressroute(Place::Vnet(0));
        let seconds = Duration::from_secs;
        let planned =
            [(Step::Warns, seconds(0)), (Step::Away(Cause::Planned), seconds(60)), (Step::Back, seconds(75))];
        assert_eq!(steps(Cause::Planned, &er).await, planned);
        assert_eq!(steps(Cause::Unplanned, &er).await[0], (Step::Away(Cause::Unplanned), seconds(0)));
    }
}
