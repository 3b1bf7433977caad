//! What is shown of a running edge, as JSON. The client makes tables of it.

use super::Which;
use crate::check;
use crate::intent::Intent;
use crate::router::Member;
use crate::running::{Running, is_called};
use crate::why::{Facts, ladder, mend};
use ipnet::IpNet;
use quadzero_codec::Attributes;
use quadzero_fsm::{Peer, PeerConfig, State, Status};
use quadzero_policy::{ExceptionMode, Verdict};
use quadzero_rib::RouteSet;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// Routes that one answer has at most.
const ROUTES: usize = 20_000;

/// A neighbor with a peer, or one of a range.
struct Shown<'a> {
    peer: Peer,
    member: &'a Member,
    config: Arc<PeerConfig>,
    status: Status,
}

/// Everybody there is; with a name, those that are called so.
fn shown<'a>(running: &'a Running, name: Option<&str>) -> Result<Vec<Shown<'a>>, String> {
    let router = running.router();
    let configured = router.members().iter().filter_map(|member| Some((member.peer.clone()?, member)));
    let mut dynamic = router.dynamic();
    dynamic.sort_by_key(|(peer, _)| peer.config().transport.remote);
    let all = configured.chain(dynamic).map(|(peer, member)| {
        let (config, status) = (peer.config(), peer.status().borrow().clone());
        Shown { peer, member, config, status }
    });
    let is_meant = |shown: &Shown<'_>| {
        name.is_none_or(|name| {
            let own = IpNet::from(shown.config.transport.remote.ip());
            is_called(&shown.config.name, own, name) || shown.member.neighbor.peer.name == name
        })
    };
    let found: Vec<Shown<'a>> = all.filter(is_meant).collect();
    match name {
        Some(name) if found.is_empty() && !is_range(running, name) => {
            Err(format!("no neighbor is called {name:?}"))
        }
        _ => Ok(found),
    }
}

fn is_range(running: &Running, name: &str) -> bool {
    let mut ranges = running.router().members().iter().filter(|member| member.peer.is_none());
    ranges.any(|range| is_called(&range.neighbor.peer.name, range.neighbor.whose(), name))
}

pub(super) fn summary(running: &Running) -> Result<Value, String> {
    let edge = running.edge();
    let rows: Vec<Value> = shown(running, None)?.iter().map(row).collect();
    Ok(json!({
        "asn": edge.asn.0,
        "router-id": edge.router_id.to_string(),
        "uptime": running.uptime().as_secs(),
        "stage": running.intent().stage,
        "unconfirmed": running.unconfirmed_for().map(|time| time.as_secs()),
        "by-hand": running.by_hand().announced.len() + running.by_hand().withdrawn.len(),
        "neighbors": rows,
    }))
}

fn row(shown: &Shown<'_>) -> Value {
    let Shown { config, status, member, .. } = shown;
    json!({
        "neighbor": config.transport.remote.ip(),
        "name": config.name,
        "remote-as": config.remote_as.0,
        "messages-received": status.counters.messages_received,
        "messages-sent": status.counters.messages_sent,
        "state": status.state.to_string(),
        "stopped": member.stopped,
        "since": status.since.elapsed().as_secs(),
        "prefixes-received": status.prefixes_received,
        "prefixes-sent": status.prefixes_sent,
        "prefixes-wanted": member.wanted().len(),
        "in-sync": status.in_sync,
        "established": status.counters.established,
        "dropped": status.counters.dropped,
        "last-down": status.last_down.as_ref().map(ToString::to_string),
    })
}

pub(super) fn neighbor(running: &Running, name: Option<&str>) -> Result<Value, String> {
    Ok(shown(running, name)?.iter().map(detail).collect())
}

fn detail(shown: &Shown<'_>) -> Value {
    let Shown { config, status, member, .. } = shown;
    let mut value = row(shown);
    let timers = &config.timers;
    let seconds = |time: Option<std::time::Duration>| time.map(|time| time.as_secs_f64());
    value["configured"] = json!({
        "local-as": config.local_as.0,
        "router-id": config.router_id.to_string(),
        "port": config.transport.remote.port(),
        "local-address": config.transport.local,
        "mode": format!("{:?}", config.mode).to_lowercase(),
        "families": check::words(&config.families),
        "hold-time": timers.hold.seconds(),
        "connect-retry": timers.connect_retry.as_secs_f64(),
        "import": format!("{:?}", config.import).to_lowercase(),
        "multihop": config.transport.ttl,
        "ttl-security": config.transport.min_ttl.map(|ttl| 256 - u16::from(ttl)),
        "md5": config.transport.md5.is_some(),
        "max-prefixes": config.max_prefixes.map(|limit| limit.prefixes),
        "max-prefixes-out": config.max_prefixes_out.map(|limit| limit.prefixes),
    });
    value["negotiated"] = status.negotiated.as_ref().map_or(Value::Null, |agreed| {
        json!({
            "router-id": agreed.router_id.to_string(),
            "hold-time": agreed.hold_time.seconds(),
            "keepalive": seconds(agreed.keepalive),
            "families": check::words(&agreed.families),
            "four-octet-as": agreed.dialect.four_octet_as,
            "route-refresh": agreed.route_refresh,
            "enhanced-route-refresh": agreed.dialect.enhanced_refresh,
            "extended-message": agreed.dialect.send_extended,
            "graceful-restart": agreed.graceful_restart.as_ref().map(|restart| restart.restart_time),
            "role": agreed.role.map(|role| format!("{role:?}").to_lowercase()),
        })
    });
    value["addresses"] = status.addresses.map_or(Value::Null, |addresses| {
        json!({ "local": addresses.local.to_canonical(), "remote": addresses.remote.to_canonical() })
    });
    value["updates-received"] = status.counters.updates_received.into();
    value["updates-sent"] = status.counters.updates_sent.into();
    let is_down = status.state != State::Established && !member.stopped;
    let down = status.last_down.as_ref().filter(|_| is_down);
    value["to-do"] = down.map(|down| mend(down, &member.neighbor)).into();
    value
}

pub(super) fn routes(running: &Running, which: Which, name: Option<&str>) -> Result<Value, String> {
    let (mut rows, mut total) = (Vec::new(), 0);
    for shown in shown(running, name)? {
        let mut take = |prefix: &IpNet, attributes: &Attributes, stale: bool| {
            total += 1;
            if rows.len() < ROUTES {
                rows.push(route(&shown.config.name, prefix, attributes, stale));
            }
        };
        match which {
            Which::Advertised => {
                let told: Option<&Arc<RouteSet>> = shown.status.told.as_ref();
                told.iter().flat_map(|told| told.iter()).for_each(|r| take(&r.prefix, &r.attributes, false));
            }
            Which::Received => {
                let learned = shown.peer.learned();
                learned.iter().for_each(|(prefix, said)| take(&prefix, said, learned.is_stale(&prefix)));
            }
        }
    }
    Ok(json!({ "which": which, "total": total, "routes": rows }))
}

fn route(neighbor: &str, prefix: &IpNet, attributes: &Attributes, stale: bool) -> Value {
    json!({
        "neighbor": neighbor,
        "prefix": prefix,
        "next-hop": check::next_hop(attributes),
        "origin": attributes.origin.to_string().to_ascii_lowercase(),
        "as-path": attributes.as_path.to_string(),
        "med": attributes.med,
        "local-preference": attributes.local_pref,
        "communities": check::words(&attributes.communities),
        "extended-communities": check::words(&attributes.extended_communities),
        "large-communities": check::words(&attributes.large_communities),
        "stale": stale,
    })
}

pub(super) fn policy(running: &Running, name: Option<&str>) -> Result<Value, String> {
    let (configured, by_hand) = (&running.edge().policy, running.by_hand());
    let originations = configured.originations().iter();
    let exceptions = configured.exceptions().iter().map(|set| {
        let mode = match set.mode {
            ExceptionMode::Announce(_) => "announce",
            ExceptionMode::CarveOut => "carve-out",
            ExceptionMode::Udr => "udr",
        };
        json!({ "name": set.name, "mode": mode, "prefixes": set.prefixes })
    });
    let mut value = json!({
        "stage": running.intent().stage,
        "originations": originations.map(|o| json!({ "name": o.name, "prefix": o.prefix })).collect::<Vec<_>>(),
        "exceptions": exceptions.collect::<Vec<_>>(),
        "by-hand": by_hand.announced.values().map(|a| &a.asked).collect::<Vec<_>>(),
        "withdrawn-by-hand": by_hand.withdrawn,
    });
    if let Some(name) = name {
        let members = running.router().members().iter();
        let mut of_it = members.filter(|m| is_called(&m.neighbor.peer.name, m.neighbor.whose(), name));
        let member = of_it.next().ok_or_else(|| format!("no neighbor is called {name:?}"))?;
        let decisions = running.intent().explain(&member.neighbor);
        let decision = |d: &quadzero_policy::Decision| {
            json!({
                "prefix": d.prefix,
                "announced": d.route().is_some(),
                "says": d.route().map(|route| check::said(&route.attributes)),
                "because": d.to_string(),
            })
        };
        value["decisions"] = decisions.iter().take(ROUTES).map(decision).collect();
    }
    Ok(value)
}

pub(super) fn probes(running: &Running) -> Value {
    let reports = running.reports();
    let probes = running.edge().probes.iter().map(|probe| {
        let report = reports.get(&probe.name);
        let held = report.map(|report| report.held_until.saturating_duration_since(Instant::now()));
        json!({
            "name": probe.name,
            "looks-at": probe.subject.to_string(),
            "state": report.map(|report| report.state.to_string()),
            "since": report.map(|report| report.since.elapsed().as_secs()),
            "because": report.map(|report| &report.because),
            "held-down": held.map(|held| held.as_secs_f64().ceil()),
            "flaps": report.map(|report| report.flaps),
        })
    });
    let Intent { policy, health, .. } = running.intent();
    let depending = policy.depending().map(|(name, prefix, template)| {
        json!({
            "name": name,
            "prefix": prefix,
            "condition": template.condition.to_string(),
            "holds": match template.condition.verdict(health) {
                Verdict::Holds => Some(true),
                Verdict::Fails => Some(false),
                Verdict::Unknown => None,
            },
            "because": template.condition.because(health),
            "on-failure": template.on_failure.to_string(),
        })
    });
    json!({ "probes": probes.collect::<Vec<_>>(), "conditions": depending.collect::<Vec<_>>() })
}

pub(super) fn why(running: &Running, prefix: IpNet, to: Option<&str>) -> Result<Value, String> {
    let prefix = prefix.trunc();
    let mut neighbors = Vec::new();
    for member in running.router().members() {
        let whose = member.neighbor.whose();
        if to.is_none_or(|name| is_called(&member.neighbor.peer.name, whose, name)) {
            neighbors.push(json!({ "name": member.neighbor.peer.name, "address": whose, "ladder": climb(running, prefix, member) }));
        }
    }
    match to {
        Some(name) if neighbors.is_empty() => Err(format!("no neighbor is called {name:?}")),
        _ => Ok(json!({ "prefix": prefix, "neighbors": neighbors })),
    }
}

fn climb(running: &Running, prefix: IpNet, member: &Member) -> Value {
    let intent = running.intent();
    let decisions = intent.explain(&member.neighbor);
    let of_range = || {
        let dynamic = running.router().dynamic();
        let mut of_it = dynamic.iter().filter(|(_, range)| range.neighbor.whose() == member.neighbor.whose());
        of_it.next().map(|(peer, _)| peer.clone())
    };
    let peer = member.peer.clone().or_else(of_range);
    let status = peer.map(|peer| peer.status().borrow().clone());
    let rungs = ladder(&Facts {
        prefix,
        configured: &running.edge().policy,
        by_hand: running.by_hand().announced.contains_key(&prefix),
        held_back: running.by_hand().withdrawn.contains(&prefix),
        stage: intent.stage,
        neighbor: &member.neighbor,
        decisions: &decisions,
        wanted: &member.wanted(),
        stopped: member.stopped,
        status: status.as_ref(),
    });
    json!(rungs)
}
