//! Messages in words: a line for each field, in the order of the wire, indented under the message's name.
//!
//! ```text
//! UPDATE
//!   announced         0.0.0.0/0
//!   ORIGIN            IGP
//!   AS_PATH           65010
//!   NEXT_HOP          169.254.21.2
//! ```
//!
//! What is unknown shows as its number and its octets. Text that a peer chose is escaped: it ends up on terminals.

use crate::{
    AddPath, Aggregator, Announced, Attributes, Capability, GracefulRestart, Message, NextHop, Notification,
    Open, Origin, Role, RouteRefresh, UnknownAttribute, Update,
    attribute::{code, name},
};
use std::fmt::{Display, Formatter, Result};

/// A field's name and its value.
fn line(f: &mut Formatter<'_>, name: impl Display, value: impl Display) -> Result {
    write!(f, "\n  {:<22}{value}", name.to_string())
}

/// A field that is there.
fn maybe(f: &mut Formatter<'_>, name: impl Display, value: Option<impl Display>) -> Result {
    value.map_or(Ok(()), |value| line(f, name, value))
}

/// A field of values, if there are any, a few on a line.
fn list<T: Display>(f: &mut Formatter<'_>, name: impl Display, values: &[T]) -> Result {
    values.chunks(6).enumerate().try_for_each(|(i, few)| match i {
        0 => line(f, &name, Joined(few, " ")),
        _ => line(f, "", Joined(few, " ")),
    })
}

struct Joined<'a, T>(&'a [T], &'static str);

impl<T: Display> Display for Joined<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (i, value) in self.0.iter().enumerate() {
            write!(f, "{}{value}", if i == 0 { "" } else { self.1 })?;
        }
        Ok(())
    }
}

struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.0.is_empty() {
            return f.write_str("(no octets)");
        }
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Open(open) => open.fmt(f),
            Self::Update(update) => update.fmt(f),
            Self::Notification(notification) => notification.fmt(f),
            Self::Keepalive => f.write_str("KEEPALIVE"),
            Self::RouteRefresh(refresh) => refresh.fmt(f),
        }
    }
}

impl Display for Open {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("OPEN")?;
        line(f, "AS", self.asn)?;
        match self.hold_time.duration() {
            Some(_) => line(f, "hold time", format_args!("{} s", self.hold_time.seconds()))?,
            None => line(f, "hold time", "0 (no keepalives)")?,
        }
        line(f, "BGP identifier", self.router_id)?;
        self.capabilities.iter().try_for_each(|capability| line(f, "capability", capability))
    }
}

impl Display for Capability {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Multiprotocol(family) => write!(f, "multiprotocol {family}"),
            Self::RouteRefresh => f.write_str("route refresh"),
            Self::ExtendedMessage => f.write_str("extended message"),
            Self::Role(role) => write!(f, "role {role}"),
            Self::GracefulRestart(restart) => restart.fmt(f),
            Self::FourOctetAs(asn) => write!(f, "four-octet AS {asn}"),
            Self::AddPath(paths) => write!(f, "add-path {}", Joined(paths, ", ")),
            Self::EnhancedRouteRefresh => f.write_str("enhanced route refresh"),
            Self::Unknown { code, value } => match foreign_capability(*code) {
                Some(name) => write!(f, "{name} ({code}): {}", Hex(value)),
                None => write!(f, "unknown {code}: {}", Hex(value)),
            },
        }
    }
}

/// Capabilities that are only called by their name here.
const fn foreign_capability(code: u8) -> Option<&'static str> {
    match code {
        5 => Some("extended next hop encoding"),
        67 => Some("dynamic capability"),
        71 => Some("long-lived graceful restart"),
        73 => Some("FQDN"),
        128 => Some("route refresh of Cisco"),
        _ => None,
    }
}

impl Display for Role {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Provider => f.write_str("provider"),
            Self::RouteServer => f.write_str("route server"),
            Self::RouteServerClient => f.write_str("route server client"),
            Self::Customer => f.write_str("customer"),
            Self::Peer => f.write_str("peer"),
            Self::Unknown(number) => number.fmt(f),
        }
    }
}

impl Display for GracefulRestart {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "graceful restart {} s", self.restart_time)?;
        f.write_str(if self.restarted { ", restarted" } else { "" })?;
        f.write_str(if self.notification { ", also after NOTIFICATION" } else { "" })?;
        self.families.iter().try_for_each(|(family, forwarding)| {
            write!(f, ", {family}{}", if *forwarding { " (forwarding kept)" } else { "" })
        })
    }
}

impl Display for AddPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.direction {
            1 => write!(f, "{} receive", self.family),
            2 => write!(f, "{} send", self.family),
            3 => write!(f, "{} both", self.family),
            other => write!(f, "{} direction {other}", self.family),
        }
    }
}

impl Display for Update {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("UPDATE")?;
        list(f, "withdrawn", &self.withdrawn)?;
        self.announced.iter().try_for_each(|group| announced(f, group))?;
        maybe(f, "end of RIB", self.end_of_rib)?;
        self.faults.iter().try_for_each(|fault| line(f, "malformed", fault))
    }
}

fn announced(f: &mut Formatter<'_>, group: &Announced) -> Result {
    list(f, "announced", &group.prefixes)?;
    let all: &Attributes = &group.attributes;
    line(f, name(code::ORIGIN), all.origin)?;
    if all.as_path.0.is_empty() {
        line(f, name(code::AS_PATH), "(empty)")?;
    } else {
        line(f, name(code::AS_PATH), &all.as_path)?;
    }
    line(f, "next hop", all.next_hop)?;
    maybe(f, name(code::MULTI_EXIT_DISC), all.med)?;
    maybe(f, name(code::LOCAL_PREF), all.local_pref)?;
    maybe(f, name(code::ATOMIC_AGGREGATE), all.atomic_aggregate.then_some("set"))?;
    maybe(f, name(code::AGGREGATOR), all.aggregator)?;
    list(f, name(code::COMMUNITIES), &all.communities)?;
    maybe(f, name(code::ORIGINATOR_ID), all.originator_id)?;
    list(f, name(code::CLUSTER_LIST), &all.cluster_list)?;
    list(f, name(code::EXTENDED_COMMUNITIES), &all.extended_communities)?;
    list(f, name(code::LARGE_COMMUNITY), &all.large_communities)?;
    maybe(f, name(code::ONLY_TO_CUSTOMER), all.only_to_customer)?;
    all.unknown.iter().try_for_each(|unknown| line(f, name(unknown.code), unknown))
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.pad(match self {
            Self::Igp => "IGP",
            Self::Egp => "EGP",
            Self::Incomplete => "INCOMPLETE",
        })
    }
}

impl Display for NextHop {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Own => f.write_str("self"),
            Self::Address(address) => address.fmt(f),
            Self::WithLinkLocal(global, link_local) => write!(f, "{global} {link_local}"),
        }
    }
}

impl Display for Aggregator {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {}", self.asn, self.id)
    }
}

impl Display for UnknownAttribute {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} (flags {:#04x})", Hex(&self.value), self.flags)
    }
}

impl Display for Notification {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("NOTIFICATION")?;
        line(f, "error", self.code)?;
        maybe(f, "encapsulated", self.encapsulated().map(|inner| inner.code))?;
        match self.shutdown_text() {
            Some(text) => line(f, "text", format_args!("\"{}\"", text.escape_debug())),
            None => maybe(f, "data", (!self.data.is_empty()).then_some(Hex(&self.data))),
        }
    }
}

impl Display for RouteRefresh {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("ROUTE-REFRESH")?;
        line(f, "family", self.family)?;
        match self.subtype {
            0 => line(f, "subtype", "request"),
            1 => line(f, "subtype", "begin (BoRR)"),
            2 => line(f, "subtype", "end (EoRR)"),
            other => line(f, "subtype", other),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::*;
    use bytes::Bytes;
    use std::sync::Arc;

    #[test]
    fn an_open_is_described_by_field() {
        let ipv4 = Family::IPV4_UNICAST;
        let restart =
            GracefulRestart { restart_time: 120, families: vec![(ipv4, true)], ..Default::default() };
        let open = Open {
            asn: Asn(4_200_000_001),
            hold_time: HoldTime::new(180).unwrap(),
            router_id: RouterId::new([192, 0, 2, 1].into()).unwrap(),
            capabilities: vec![
                Capability::Multiprotocol(Family::IPV6_UNICAST),
                Capability::FourOctetAs(Asn(4_200_000_001)),
                Capability::GracefulRestart(restart),
                Capability::AddPath(vec![AddPath { family: ipv4, direction: 3 }]),
                Capability::Role(Role::Customer),
                Capability::Unknown { code: 200, value: Bytes::from_static(b"edge") },
            ],
        };
        insta::assert_snapshot!(Message::Open(open), @"
        OPEN
          AS                    4200000001
          hold time             180 s
          BGP identifier        192.0.2.1
          capability            multiprotocol ipv6-unicast
          capability            four-octet AS 4200000001
          capability            graceful restart 120 s, ipv4-unicast (forwarding kept)
          capability            add-path ipv4-unicast both
          capability            role customer
          capability            unknown 200: 65646765
        ");
    }

    #[test]
    fn an_update_is_described_by_attribute() {
        let attributes = Attributes {
            as_path: AsPath::sequence([Asn(65010), Asn(65010)]),
            next_hop: NextHop::Address([169, 254, 21, 2].into()),
            med: Some(50),
            atomic_aggregate: true,
            aggregator: Some(Aggregator { asn: Asn(65010), id: [192, 0, 2, 1].into() }),
            communities: Box::new([Community(0xFDF2_0064), Community::NO_EXPORT]),
            large_communities: Box::new(["65010:1:2".parse().unwrap()]),
            unknown: Box::new([UnknownAttribute {
                flags: 0xE0,
                code: 50,
                value: Bytes::from_static(&[1, 2]),
            }]),
            ..Attributes::default()
        };
        let update = Update {
            withdrawn: vec!["10.0.0.0/8".parse().unwrap()],
            announced: vec![Announced {
                attributes: Arc::new(attributes),
                prefixes: vec!["0.0.0.0/0".parse().unwrap(), "20.118.99.224/32".parse().unwrap()],
            }],
            end_of_rib: None,
            faults: vec![Fault {
                attribute: 8,
                treatment: Treatment::TreatAsWithdraw,
                flaw: Flaw::Length(3),
            }],
        };
        insta::assert_snapshot!(Message::Update(update), @"
        UPDATE
          withdrawn             10.0.0.0/8
          announced             0.0.0.0/0 20.118.99.224/32
          ORIGIN                IGP
          AS_PATH               65010 65010
          next hop              169.254.21.2
          MULTI_EXIT_DISC       50
          ATOMIC_AGGREGATE      set
          AGGREGATOR            65010 192.0.2.1
          COMMUNITIES           65010:100 no-export
          LARGE_COMMUNITY       65010:1:2
          attribute 50          0102 (flags 0xe0)
          malformed             COMMUNITIES: length 3 is wrong (treated as withdraw)
        ");
    }

    #[test]
    fn a_notification_is_described_with_its_text_or_its_data() {
        let shutdown = Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, "bye\n\u{1b}[31m");
        insta::assert_snapshot!(shutdown.hard_reset(), @r#"
        NOTIFICATION
          error                 Cease: Hard Reset (6/9)
          encapsulated          Cease: Administrative Shutdown (6/2)
          text                  "bye\n\u{1b}[31m"
        "#);
        let broken = Notification::with_data(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, vec![2, 0xFF, 0xFE]);
        insta::assert_snapshot!(broken, @"
        NOTIFICATION
          error                 Cease: Administrative Shutdown (6/2)
          data                  02fffe
        ");
    }

    #[test]
    fn the_short_messages_are_described_too() {
        assert_eq!(Message::Keepalive.to_string(), "KEEPALIVE");
        let refresh = RouteRefresh { family: Family { afi: 25, safi: 70 }, subtype: 1 };
        insta::assert_snapshot!(refresh, @"
        ROUTE-REFRESH
          family                afi 25 safi 70
          subtype               begin (BoRR)
        ");
    }
}
