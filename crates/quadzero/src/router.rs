//! An edge at work: its speaker, its peers, and the routes that each of them is to have.

use crate::config::edge::{Edge, Neighbor, Range};
use crate::history::{Decided, Decision, History};
use crate::liveness::{Liveness, Watched};
use crate::metrics::Holder;
use crate::ports::{self, Protocol};
use crate::reload::{Action, Now, Plan, is_same};
use ipnet::IpNet;
use quadzero_codec::{ErrorCode, Notification};
use quadzero_fsm::{Md5Key, Peer, PeerConfig, Speaker, State, hint};
use quadzero_policy::Health;
use quadzero_probe::Level;
use quadzero_rib::RouteSet;
use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, PoisonError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, warn};

/// Why an edge did not start: the address that is the matter, the system's reason, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {address}: {source}{}", .hint.as_ref().map(|hint| format!("\n  {hint}")).unwrap_or_default())]
pub struct StartError {
    what: &'static str,
    address: SocketAddr,
    source: io::Error,
    hint: Option<String>,
}

impl StartError {
    /// Listening on TCP.
    pub(crate) fn listening(address: SocketAddr, source: io::Error) -> Self {
        let hint =
            ports::hint(&source, address, Protocol::Tcp).or_else(|| Some(hint::of_key(&source)?.into()));
        Self { what: "listen on", address, source, hint }
    }

    /// Having listeners expect a key.
    pub(crate) fn key(address: SocketAddr, source: io::Error) -> Self {
        let hint = hint::of_key(&source).map(str::to_owned);
        Self { what: "use an MD5 key with", address, source, hint }
    }

    /// Watching a path.
    pub(crate) fn bfd(address: SocketAddr, source: io::Error) -> Self {
        let hint = ports::hint(&source, address, Protocol::Udp);
        Self { what: "use BFD at", address, source, hint }
    }
}

/// What each neighbor of the file is to have while the probes are so.
fn plan(edge: &Edge, health: &Health) -> Vec<Arc<RouteSet>> {
    let policies: Vec<_> = edge.neighbors.iter().map(|neighbor| neighbor.policy.clone()).collect();
    edge.policy.plan(&policies, health)
}

/// An edge that runs. Dropping it ends its sessions without a word; [`Router::stop`] says good-bye.
pub struct Router {
    members: Vec<Member>,
    speaker: Speaker,
    liveness: Liveness,
    history: History,
    /// Peers that are no longer of the configuration, while they are told so.
    leaving: JoinSet<()>,
}

/// A neighbor of the configuration.
pub struct Member {
    /// As it is configured now.
    pub neighbor: Neighbor,
    /// Its peer; a range has none of its own.
    pub peer: Option<Peer>,
    /// An operator has stopped it.
    pub stopped: bool,
    /// Why it is to have what it is to have.
    decided: Decided,
    /// What it is to have; without a sender, it could never change.
    wanted: watch::Sender<Arc<RouteSet>>,
}

impl Member {
    /// What it is to have.
    pub fn wanted(&self) -> Arc<RouteSet> {
        self.wanted.borrow().clone()
    }

    /// Whether it was to have others.
    fn is_to_have(&self, routes: Arc<RouteSet>, why: &Decision) -> bool {
        let differs = !Arc::ptr_eq(&self.wanted.borrow(), &routes);
        if differs {
            why.clone_into(&mut self.decided.lock().unwrap_or_else(PoisonError::into_inner));
            self.wanted.send_replace(routes);
        }
        differs
    }

    fn is_established(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.status().borrow().state == State::Established)
    }
}

impl Router {
    /// Listens and starts every neighbor. Of the probes nothing is known yet: [`Self::follow`].
    ///
    /// # Errors
    /// An address that cannot be bound, or a key that the kernel does not take.
    pub fn start(edge: &Edge) -> Result<Self, StartError> {
        Self::start_with(edge, &plan(edge, &Health::unknown()), History::default(), Vec::new())
    }

    /// The same with other routes than the file says, somebody who remembers what happens, and listening sockets that were handed
    /// over by whoever has started us.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(
        edge: &Edge,
        routes: &[Arc<RouteSet>],
        history: History,
        sockets: Vec<TcpListener>,
    ) -> Result<Self, StartError> {
        let mut router = Self::new(Speaker::new(), history);
        sockets.into_iter().for_each(|socket| router.inherit(socket));
        for &address in &edge.listen {
            router.listen(address)?;
        }
        for (neighbor, routes) in edge.neighbors.iter().zip(routes) {
            router.add(neighbor.clone(), routes.clone(), None)?;
        }
        for address in router.speaker.left_unused() {
            warn!(%address, "the socket that was handed over is left unused: [bgp] listen does not name it");
        }
        Ok(router)
    }

    /// The same with a speaker that listens already, and peers that are somewhere else than the edge's file says.
    pub(crate) fn with(
        speaker: Speaker,
        edge: &Edge,
        peers: Vec<PeerConfig>,
        health: &Health,
    ) -> Result<Self, StartError> {
        let mut router = Self::new(speaker, History::default());
        for ((neighbor, peer), routes) in edge.neighbors.iter().zip(peers).zip(plan(edge, health)) {
            router.add(Neighbor { peer, ..neighbor.clone() }, routes, None)?;
        }
        Ok(router)
    }

    fn new(speaker: Speaker, history: History) -> Self {
        let (members, leaving) = (Vec::new(), JoinSet::new());
        Self { members, speaker, liveness: Liveness::new(), history, leaving }
    }

    fn listen(&self, address: SocketAddr) -> Result<(), StartError> {
        let listening = self.speaker.listen(address);
        listening.map(drop).map_err(|source| StartError::listening(address, source))
    }

    fn inherit(&self, socket: TcpListener) {
        let address = socket.local_addr().ok().map(tracing::field::display);
        if let Err(error) = self.speaker.inherit(socket) {
            warn!(address, %error, "the socket that was handed over is left unused");
        }
    }

    fn add(
        &mut self,
        neighbor: Neighbor,
        routes: Arc<RouteSet>,
        watched: Option<Watched>,
    ) -> Result<(), StartError> {
        let (sender, wanted) = watch::channel(routes);
        let address = neighbor.peer.transport.remote;
        let failed = |source| StartError::key(address, source);
        let (config, decided) = (neighbor.peer.clone(), Decided::default());
        let peer = if let Some(Range { prefix, limit }) = neighbor.range {
            let range = quadzero_fsm::Range { prefix, limit, peer: config, wanted };
            self.speaker.add_range(range).map_err(failed)?;
            None
        } else {
            let peer = self.speaker.add(config, wanted).map_err(failed)?;
            if let Some(parameters) = neighbor.bfd {
                self.liveness.guard(&peer, parameters, watched)?;
            }
            tokio::spawn(self.history.clone().follow(peer.clone(), decided.clone()));
            Some(peer)
        };
        self.members.push(Member { neighbor, peer, stopped: false, decided, wanted: sender });
        Ok(())
    }

    /// The configured neighbors, in the order of the file.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The same, to note what an operator wants of one.
    pub(crate) fn members_mut(&mut self) -> &mut [Member] {
        &mut self.members
    }

    /// Every peer is to have nothing.
    pub(crate) fn withdraw(&self) {
        self.publish(vec![Arc::default(); self.members.len()], &Decision::default());
    }

    /// Every peer is to have what the edge's file says while the probes are so. How many have other routes now.
    pub fn follow(&self, edge: &Edge, health: &Health) -> usize {
        self.publish(plan(edge, health), &Decision::default())
    }

    /// Who has been told something, and what each is to have from now on.
    pub(crate) fn holders(&self) -> Vec<Holder> {
        let configured = self.members.iter().filter_map(|member| Some((member.peer.clone()?, member)));
        let all = configured.chain(self.dynamic());
        all.filter_map(|(peer, member)| Holder::new(peer, member.wanted.subscribe())).collect()
    }

    /// The neighbor of that name.
    pub(crate) fn named(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.neighbor.peer.name == name)
    }

    /// BFD to a neighbor, as a probe listens to it.
    pub(crate) fn bfd(&self, member: &Member) -> Option<Level> {
        self.liveness.level(member.neighbor.whose())
    }

    /// The configured peers, in the order of the file.
    pub fn peers(&self) -> Vec<Peer> {
        self.members.iter().filter_map(|member| member.peer.clone()).collect()
    }

    /// Both the configured peers, and those that have dialled in from a range.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = Peer> {
        self.peers().into_iter().chain(self.dynamic().into_iter().map(|(peer, _)| peer))
    }

    /// Those that have dialled in from a range.
    pub fn dynamic(&self) -> Vec<(Peer, &Member)> {
        let range_of = |peer: &Peer| {
            let address = peer.config().transport.remote.ip();
            let ranges = self.members.iter().filter(|member| member.peer.is_none());
            let holds = ranges.filter(|member| member.neighbor.whose().contains(&address));
            holds.max_by_key(|member| member.neighbor.whose().prefix_len())
        };
        if self.members.iter().all(|member| member.peer.is_some()) {
            return Vec::new();
        }
        let configured = self.members.iter().filter(|member| member.peer.is_some());
        let own: HashSet<IpNet> = configured.map(|member| member.neighbor.whose()).collect();
        let is_own = |peer: &Peer| own.contains(&peer.config().transport.remote.ip().into());
        let peers = self.speaker.peers().into_iter().filter(|peer| !is_own(peer));
        peers.filter_map(|peer| range_of(&peer).map(|member| (peer, member))).collect()
    }

    /// Every neighbor is to have these routes from now on, in the order of [`Self::members`], for this reason. How many had others.
    pub(crate) fn publish(&self, routes: Vec<Arc<RouteSet>>, why: &Decision) -> usize {
        let known: Vec<Arc<RouteSet>> = self.members.iter().map(Member::wanted).collect();
        let members = self.members.iter().zip(as_known(routes, &known));
        members.filter(|(member, routes)| member.is_to_have(routes.clone(), why)).count()
    }

    /// What it would take to become `edge`, whose neighbors are to have these routes.
    pub fn plan(&self, running: &Edge, edge: &Edge, routes: &[Arc<RouteSet>]) -> Plan {
        let refreshes = |peer: &Peer| {
            // Where there is no session there is nothing to be asked for.
            peer.status().borrow().negotiated.as_ref().is_none_or(|agreed| agreed.route_refresh)
        };
        let dynamic = self.dynamic();
        let now = |member: &Member| {
            let whose = member.neighbor.whose();
            let mut of_it = dynamic.iter().filter(|(_, range)| range.neighbor.whose() == whose);
            let all_refresh = of_it.clone().all(|(peer, _)| refreshes(peer));
            let is_up = |peer: &Peer| peer.status().borrow().state == State::Established;
            let established = member.is_established() || of_it.any(|(peer, _)| is_up(peer));
            let can_be_asked = member.peer.as_ref().map_or(all_refresh, refreshes);
            (established, can_be_asked)
        };
        let now = |member| {
            let (established, can_be_asked) = now(member);
            Now { neighbor: &member.neighbor, routes: member.wanted(), established, can_be_asked }
        };
        Plan::new(edge, running, &self.members.iter().map(now).collect::<Vec<_>>(), routes)
    }

    /// Carries the plan out: all of it, or nothing.
    ///
    /// # Errors
    /// What the system does not do: everything is as it was.
    pub(crate) fn apply(
        &mut self,
        plan: &Plan,
        edge: &Edge,
        routes: Vec<Arc<RouteSet>>,
        why: &Decision,
    ) -> Result<(), StartError> {
        let watched = self.prepare(plan, edge)?;
        let mut before = std::mem::take(&mut self.members);
        for member in
            before.extract_if(.., |old| !edge.neighbors.iter().any(|new| is_same(new, &old.neighbor)))
        {
            self.remove(member);
        }
        let known: Vec<Arc<RouteSet>> = before.iter().map(Member::wanted).collect();
        let mut watched: Vec<Option<Watched>> = watched;
        for (i, (new, routes)) in edge.neighbors.iter().zip(as_known(routes, &known)).enumerate() {
            let whose = new.whose();
            match before.iter().position(|old| is_same(new, &old.neighbor)) {
                Some(at) => {
                    let member = self.change(before.swap_remove(at), new, plan);
                    member.is_to_have(routes, why);
                    self.members.push(member);
                }
                None => {
                    if let Err(error) = self.add(new.clone(), routes, watched[i].take()) {
                        error!(%whose, %error, "cannot be added");
                    }
                }
            }
        }
        Ok(())
    }

    /// What may fail, undone if it does. For each neighbor of `edge`, its BFD if that is begun already.
    fn prepare(&self, plan: &Plan, edge: &Edge) -> Result<Vec<Option<Watched>>, StartError> {
        let mut undo = Undo { router: self, listening: Vec::new(), closed: Vec::new(), keys: Vec::new() };
        let mut watched = Vec::new();
        for &address in &plan.no_longer_listen {
            // First: an address that takes its place may be one that it holds.
            self.speaker.unlisten(address);
            undo.closed.push(address);
        }
        for &address in &plan.listen {
            self.listen(address)?;
            undo.listening.push(address);
        }
        for new in &edge.neighbors {
            let (whose, address) = (new.whose(), new.peer.transport.remote);
            let old = self.members.iter().find(|old| is_same(new, &old.neighbor));
            let key = |peer: &PeerConfig| peer.transport.md5.clone();
            undo.keys.push((whose, old.and_then(|old| key(&old.neighbor.peer))));
            let failed = |source| StartError::key(address, source);
            if old.is_none_or(|old| key(&old.neighbor.peer) != key(&new.peer)) {
                self.speaker.admit_key(whose, key(&new.peer).as_ref()).map_err(failed)?;
            }
            self.speaker.admit(whose, &new.peer).map_err(failed)?;
            let begins = new.bfd.filter(|_| old.is_none() && new.range.is_none());
            let path = begins.and_then(|parameters| self.liveness.watch(&new.peer, parameters));
            watched.push(path.transpose()?);
        }
        undo.forget();
        Ok(watched)
    }

    fn remove(&mut self, member: Member) {
        let whose = member.neighbor.whose();
        drop(self.liveness.release(whose));
        for peer in self.speaker.remove(whose) {
            let gone = Notification::new(ErrorCode::CEASE_PEER_DE_CONFIGURED);
            self.leaving.spawn(peer.leave(gone));
        }
        while self.leaving.try_join_next().is_some() {}
    }

    fn change(&mut self, mut member: Member, new: &Neighbor, plan: &Plan) -> Member {
        let whose = new.whose();
        if let Some(step) = plan.step(whose) {
            let key = new.peer.transport.md5.as_ref();
            if member.neighbor.peer.transport.md5.as_ref() != key
                && let Err(error) = self.speaker.change_key(whose, key)
            {
                error!(%whose, %error, "the listeners keep the TCP MD5 key");
            }
            if !step.in_place.is_empty() || step.action == Action::Reset {
                let changed = Notification::new(ErrorCode::CEASE_OTHER_CONFIGURATION_CHANGE);
                let reset = (step.action == Action::Reset).then_some(&changed);
                self.speaker.configure(whose, &new.peer, new.range.map_or(0, |range| range.limit), reset);
            }
        }
        let moves = member.neighbor.peer.transport.local != new.peer.transport.local;
        if let Some(peer) = &member.peer
            && (member.neighbor.bfd != new.bfd || (new.bfd.is_some() && moves))
        {
            match new.bfd {
                Some(parameters) => self.liveness.change(peer, parameters),
                None => drop(self.liveness.release(whose)),
            }
        }
        member.neighbor = new.clone();
        member
    }

    /// Withdraws everything, tells every peer why (RFC 9003), and returns when the connections are closed.
    pub async fn stop(mut self, why: &str) {
        self.say_good_bye(why, |_| true).await;
        // After the last words of BGP: some take a neighbor that stops its BFD for one that has failed.
        self.liveness.stop().await;
    }

    /// The same to peers that would lose our routes. The others are to find a connection that just ended (RFC 4724 §4.2), as it will with
    /// the process; and a BFD session that says that it is taken down on purpose would tell them otherwise.
    pub async fn stop_for_restart(mut self, why: &str) {
        let loses_routes = |peer: &Peer| {
            let status = peer.status();
            let agreed = status.borrow().negotiated.clone();
            !agreed.is_some_and(|agreed| agreed.outlives_connection())
        };
        self.say_good_bye(why, loses_routes).await;
    }

    async fn say_good_bye(&mut self, why: &str, is_told: fn(&Peer) -> bool) {
        let notification = Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, why);
        let dynamic = self.speaker.close_ranges();
        let peers = self.members.iter().filter_map(|member| member.peer.clone()).chain(dynamic);
        for peer in peers.filter(is_told) {
            let notification = notification.clone();
            self.leaving.spawn(async move { peer.stop(notification).await });
        }
        while self.leaving.join_next().await.is_some() {}
    }
}

/// What was prepared, and is taken back unless it is to [`Self::forget`] that.
struct Undo<'a> {
    router: &'a Router,
    listening: Vec<SocketAddr>,
    closed: Vec<SocketAddr>,
    keys: Vec<(IpNet, Option<Md5Key>)>,
}

impl Undo<'_> {
    fn forget(mut self) {
        self.listening.clear();
        self.closed.clear();
        self.keys.clear();
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        let speaker = &self.router.speaker;
        self.listening.iter().for_each(|address| speaker.unlisten(*address));
        for &address in &self.closed {
            if let Err(error) = self.router.listen(address) {
                error!(%address, %error, "cannot be listened on again");
            }
        }
        for (whose, key) in &self.keys {
            let _there_may_be_no_listener = speaker.admit_key(*whose, key.as_ref());
        }
    }
}

/// Equal sets are one `Arc`, those that neighbors have already among them: a session tells them apart by that.
fn as_known(routes: Vec<Arc<RouteSet>>, known: &[Arc<RouteSet>]) -> Vec<Arc<RouteSet>> {
    let mut distinct: Vec<Arc<RouteSet>> = Vec::new();
    for set in known {
        if !distinct.iter().any(|there| Arc::ptr_eq(there, set)) {
            distinct.push(set.clone());
        }
    }
    let as_known = |set: Arc<RouteSet>| distinct.iter().find(|there| **there == set).cloned().unwrap_or(set);
    routes.into_iter().map(as_known).collect()
}
