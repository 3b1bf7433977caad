//! Instances that go away and come back (azure.md §8, row 22).

use super::{Mock, Session, stop_all};
use crate::config::SessionId;
use crate::maintenance::{Cause, Schedule, Step};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::info;

/// What peers are told.
const MAINTENANCE: &str = "maintenance of the instance";

impl Mock {
    /// Takes one instance down, as maintenance does, and says so to its peers. The other one stays (HA D).
    pub async fn take_down(&self, gateway: usize, instance: usize) {
        say_good_bye(self.of_instance(gateway, instance)).await;
    }

    /// Brings an instance back.
    pub fn bring_up(&self, gateway: usize, instance: usize) {
        self.of_instance(gateway, instance).for_each(up);
    }

    /// Takes one session down, and says so to its peer: one link of one circuit, one tunnel.
    pub async fn take_down_session(&self, id: SessionId) {
        say_good_bye(self.sessions.iter().filter(|session| session.id == id)).await;
    }

    /// Brings a session back.
    pub fn bring_up_session(&self, id: SessionId) {
        self.sessions.iter().filter(|session| session.id == id).for_each(up);
    }

    /// Lets an instance go away and come back by itself, as Azure does. Returns at once how long it will be away: the
    /// documented time, by the switches and the time scale of the gateway.
    ///
    /// # Panics
    /// If there is no such gateway.
    pub fn outage(&self, gateway: usize, instance: usize, cause: Cause) -> Duration {
        let azure = self.azure();
        let gateway_name = azure.gateways[gateway].name.clone();
        let schedule = Schedule::outage(cause, &azure.gateways[gateway]);
        let lasts = schedule.0.last().map_or(Duration::ZERO, |(at, _)| *at);
        info!(gateway = gateway_name, instance, ?cause, ?lasts, "outage");
        let (sessions, deployed) = (self.sessions.clone(), self.deployed.clone());
        let act = async move |step| {
            let own = sessions.iter().filter(|s| (s.id.gateway, s.id.instance) == (gateway, instance));
            match step {
                Step::Warns => {
                    own.for_each(|session| session.warns.store(true, Ordering::Relaxed));
                    // What is announced has to be thought over.
                    deployed.send_modify(|_| {});
                }
                Step::Away(Cause::Planned) => say_good_bye(own).await,
                Step::Away(Cause::Unplanned) => own.for_each(vanish),
                Step::Back => own.for_each(up),
            }
        };
        let mut outages = self.outages.lock().unwrap_or_else(PoisonError::into_inner);
        while outages.try_join_next().is_some() {}
        outages.spawn(schedule.run(act));
        lasts
    }

    /// Asks every peer for its routes once more, as Route Server does when a virtual network is added (RS-FAQ D, azure.md §8,
    /// row 26).
    pub fn ask_again(&self) {
        self.sessions.iter().for_each(|session| session.peer.ask_again());
    }
}

/// BFD stops after the last words of BGP: some take a neighbor that stops its BFD for one that has failed, and would not
/// hear them.
async fn say_good_bye(sessions: impl Iterator<Item = &Session>) {
    let sessions: Vec<&Session> = sessions.collect();
    sessions.iter().for_each(|session| session.stopped.store(true, Ordering::Relaxed));
    stop_all(sessions.iter().map(|session| session.peer.clone()), MAINTENANCE).await;
    // It may have been brought back meanwhile.
    let away = sessions.iter().filter(|session| session.stopped.load(Ordering::Relaxed));
    away.flat_map(|session| &session.bfd).for_each(|bfd| bfd.disable());
}

fn vanish(session: &Session) {
    session.stopped.store(true, Ordering::Relaxed);
    session.bfd.iter().for_each(|bfd| bfd.disable());
    session.peer.vanish();
}

fn up(session: &Session) {
    session.stopped.store(false, Ordering::Relaxed);
    session.warns.store(false, Ordering::Relaxed);
    session.bfd.iter().for_each(|bfd| bfd.enable());
    session.peer.start();
}
