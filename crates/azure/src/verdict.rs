//! "Where does a packet to X go?", answered with the row it follows, the rows that row beat, and where it
//! ends up.

use crate::config::{Azure, NextHopType};
use crate::effective::{
    BeatenRow, Decision, EffectiveRoute, Listing, PLATFORM_ADDRESSES, Source, effective_routes, route,
};
use crate::gateway::{GatewayRoute, Hop};
use crate::kms::{self, Activation};
use serde::Serialize;
use std::fmt;
use std::net::Ipv4Addr;

/// Where a packet ends up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Verdict {
    /// It stays in the virtual network, or in one peered to it.
    Vnet {
        /// The network's name.
        name: String,
    },
    /// It leaves by Azure's own Internet exit: its source is a public address of Azure.
    Internet,
    /// It reaches the service over Azure's backbone.
    ServiceEndpoint,
    /// It is forced to on-premises through the gateway.
    OnPremises {
        /// The ways it may take; flows are spread over all of them (HA D).
        hops: Vec<Hop>,
    },
    /// It is handed to a virtual appliance.
    Appliance {
        /// The appliance.
        address: Ipv4Addr,
    },
    /// The host node answers it; no route moves it (WIRE D).
    Platform,
    /// Nothing takes it.
    Dropped {
        /// Why.
        why: String,
    },
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The question.
    pub destination: Ipv4Addr,
    /// Which row it follows.
    #[serde(flatten)]
    pub decision: Decision,
    /// Where it ends up.
    pub verdict: Verdict,
    /// For a KMS server: whether Windows can activate there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
}

/// The view from the network interfaces of a subnet, at one moment.
#[derive(Clone, Debug)]
pub struct Nic<'a> {
    azure: &'a Azure,
    vnet: usize,
    rows: Listing<EffectiveRoute>,
    gateway: &'a [GatewayRoute],
}

impl<'a> Nic<'a> {
    /// The interfaces of the subnet called `subnet` or `vnet/subnet`, while the gateway has these routes;
    /// `None` if there is no such subnet.
    pub fn new(azure: &'a Azure, subnet: &str, gateway: &'a [GatewayRoute]) -> Option<Self> {
        let (vnet, subnet) = azure.subnet(subnet)?;
        let served = vnet == 0 || azure.vnets[vnet].gateway_transit;
        let gateway = if served { gateway } else { &[] };
        Some(Self { azure, vnet, rows: effective_routes(azure, vnet, subnet, gateway), gateway })
    }

    /// What `az network nic show-effective-route-table` prints.
    pub fn effective_routes(&self) -> &Listing<EffectiveRoute> {
        &self.rows
    }

    /// Where a packet goes, and why.
    pub fn ask(&self, destination: Ipv4Addr) -> Answer {
        if PLATFORM_ADDRESSES.contains(&destination) {
            let decision = Decision { winners: Vec::new(), beaten: Vec::new() };
            return Answer { destination, decision, verdict: Verdict::Platform, activation: None };
        }
        let decision = route(&self.rows.value, destination);
        let verdict = match decision.winners.first() {
            Some(row) => self.follow(row, destination),
            None => dropped("no route holds it"),
        };
        let activation = kms::host(destination).map(|_| Activation::of(&verdict));
        Answer { destination, decision, verdict, activation }
    }

    fn follow(&self, row: &EffectiveRoute, destination: Ipv4Addr) -> Verdict {
        match row.next_hop_type {
            NextHopType::VnetLocal | NextHopType::VNetPeering => self.within(destination),
            NextHopType::Internet if is_shared_or_private(destination) => {
                dropped("a private address has no way through the Internet")
            }
            NextHopType::Internet => Verdict::Internet,
            NextHopType::None => dropped("the next hop of the row is None"),
            NextHopType::VirtualNetworkGateway => self.through_gateway(destination),
            NextHopType::VirtualAppliance => match row.next_hop_ip_address.first() {
                Some(&address) => Verdict::Appliance { address },
                None => dropped("the user route names no appliance"),
            },
            NextHopType::VirtualNetworkServiceEndpoint => Verdict::ServiceEndpoint,
        }
    }

    /// The network that holds the destination, if this one reaches it.
    fn within(&self, destination: Ipv4Addr) -> Verdict {
        let reaches = |i: usize| i == self.vnet || i == 0 || self.vnet == 0;
        let mut vnets = self.azure.vnets.iter().enumerate().filter(|&(i, _)| reaches(i)).map(|(_, v)| v);
        match vnets.find(|v| v.address_space.iter().any(|p| p.contains(&destination))) {
            Some(vnet) => Verdict::Vnet { name: vnet.name.clone() },
            None => dropped("it is in no address space that this network reaches"),
        }
    }

    /// The gateway looks the destination up in its own table; a row that leads to it is no promise that it
    /// has a route.
    fn through_gateway(&self, destination: Ipv4Addr) -> Verdict {
        let holding = self.gateway.iter().filter(|route| route.prefix.contains(&destination));
        match holding.max_by_key(|route| route.prefix.prefix_len()) {
            Some(route) => Verdict::OnPremises { hops: route.hops.clone() },
            None => dropped("the gateway has no route to it"),
        }
    }
}

fn dropped(why: &str) -> Verdict {
    Verdict::Dropped { why: why.into() }
}

fn is_shared_or_private(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private() || (a == 100 && (64..128).contains(&b))
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vnet { name } => write!(f, "stays in VNet {name}"),
            Self::Internet => f.write_str("leaves by Azure's Internet exit, from a public address of Azure"),
            Self::ServiceEndpoint => f.write_str("stays on Azure's backbone, by the service endpoint"),
            Self::OnPremises { hops } => {
                f.write_str("forced to on-premises ")?;
                hops.iter()
                    .enumerate()
                    .try_for_each(|(i, hop)| write!(f, "{}{hop}", if i == 0 { "" } else { " and " }))
            }
            Self::Appliance { address } => write!(f, "handed to appliance {address}"),
            Self::Platform => f.write_str("answered by the host node, whatever the routes say"),
            Self::Dropped { why } => write!(f, "dropped: {why}"),
        }
    }
}

impl fmt::Display for Answer {
    /// The verdict, then why, one fact a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.destination, self.verdict)?;
        for row in &self.decision.winners {
            write!(f, "\n  follows {}", Words(row))?;
        }
        for BeatenRow { row, why } in &self.decision.beaten {
            write!(f, "\n  not {} ({why})", Words(row))?;
        }
        self.activation.iter().try_for_each(|activation| write!(f, "\n  {activation}"))
    }
}

/// A row in one line.
struct Words<'a>(&'a EffectiveRoute);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Words(row) = self;
        write!(f, "{} -> {}", row.prefix(), row.next_hop_type)?;
        row.next_hop_ip_address.iter().try_for_each(|ip| write!(f, " {ip}"))?;
        f.write_str(match row.source {
            Source::Default => ", system",
            Source::VirtualNetworkGateway => ", gateway",
            Source::User => ", user",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Table;
    use crate::kms::{Cloud, SERVERS};
    use crate::testing::{OSLO, PARIS, after_paris, azure, heard, ip, net, user_route, vm};
    use std::sync::Arc;

    const KMS: &str = "20.118.99.224";

    fn ask(table: &Table, destination: &str) -> Answer {
        table.nic("vm").unwrap().ask(ip(destination))
    }

    fn is_forced(answer: &Answer) -> bool {
        matches!(answer.verdict, Verdict::OnPremises { .. })
    }

    #[test]
    fn leaves_by_azures_internet_while_nothing_is_announced() {
        let nothing = after_paris(azure(), &[]);
        assert_eq!(ask(&nothing, "198.51.100.7").verdict, Verdict::Internet);
        assert!(ask(&nothing, KMS).activation.unwrap().works());
    }

    /// azure.md §8, rows 10, 17 and 22: both instances, and activation fails.
    #[test]
    fn a_default_forces_everything_on_premises_over_both_instances() {
        let default = after_paris(azure(), &["0.0.0.0/0"]);
        insta::assert_snapshot!(ask(&default, KMS), @r#"
        20.118.99.224: forced to on-premises through gw-0, connection paris (BGP next hop 10.51.255.254) and through gw-1, connection paris (BGP next hop 10.51.255.254)
          follows 0.0.0.0/0 -> VirtualNetworkGateway 10.1.0.4, gateway
          follows 0.0.0.0/0 -> VirtualNetworkGateway 10.1.0.5, gateway
          activation fails (0xC004F074): the request is forced through on-premises, so its source is not a public address of Azure
        "#);
    }

    #[test]
    fn a_default_leaves_the_network_and_its_peers_alone() {
        let default = after_paris(azure(), &["0.0.0.0/0"]);
        assert_eq!(ask(&default, "10.1.1.9").verdict, Verdict::Vnet { name: "hub".into() });
        assert_eq!(ask(&default, "10.3.1.9").verdict, Verdict::Vnet { name: "island".into() });
    }

    /// azure.md §8, row 13: the None rows are gone.
    #[test]
    fn a_default_takes_private_destinations_too_and_halves_do_not() {
        let (default, halves) =
            (after_paris(azure(), &["0.0.0.0/0"]), after_paris(azure(), &["0.0.0.0/1", "128.0.0.0/1"]));
        assert!(is_forced(&ask(&default, "192.168.7.7")));
        assert!(matches!(ask(&halves, "192.168.7.7").verdict, Verdict::Dropped { .. }));
        assert!(is_forced(&ask(&halves, "198.51.100.7")));
    }

    /// azure.md §8, row 16: announced, a KMS address is pulled on-premises, against a user's default to the
    /// Internet.
    #[test]
    fn an_announced_kms_address_beats_a_user_default_to_the_internet() {
        let mut azure = azure();
        vm(&mut azure).routes.push(user_route("0.0.0.0/0", NextHopType::Internet));
        let announced = after_paris(azure, &["0.0.0.0/0", "20.118.99.224/32"]);
        assert!(is_forced(&ask(&announced, KMS)));
        assert!(!ask(&announced, KMS).activation.unwrap().works());
        assert_eq!(ask(&announced, "198.51.100.7").verdict, Verdict::Internet);
    }

    /// azure.md §8, row 16, and the documented remedy (KMS-FT D).
    #[test]
    fn a_user_route_for_the_kms_address_lets_activation_work() {
        let mut azure = azure();
        vm(&mut azure).routes.push(user_route("20.118.99.224/32", NextHopType::Internet));
        let announced = after_paris(azure, &["0.0.0.0/0", "20.118.99.224/32"]);
        let kms = ask(&announced, KMS);
        assert_eq!(kms.verdict, Verdict::Internet);
        assert!(kms.activation.unwrap().works());
        assert!(is_forced(&ask(&announced, "40.83.235.53")));
    }

    /// azure.md §8, row 15: what is announced has a hole at the KMS address.
    #[test]
    fn activation_works_through_a_hole_in_the_default() {
        let mut space = vec![net("0.0.0.0/0")];
        let hole = net("20.118.99.224/32");
        let mut announced = Vec::new();
        while let Some(prefix) = space.pop() {
            if !prefix.contains(&hole) {
                announced.push(prefix.to_string());
            } else if prefix != hole {
                space.extend(prefix.subnets(prefix.prefix_len() + 1).unwrap());
            }
        }
        assert_eq!(announced.len(), 32);
        let announced: Vec<&str> = announced.iter().map(String::as_str).collect();
        let holed = after_paris(azure(), &announced);
        assert!(ask(&holed, KMS).activation.unwrap().works());
        assert!(is_forced(&ask(&holed, "20.118.99.225")));
        assert!(is_forced(&ask(&holed, "198.51.100.7")));
    }

    /// azure.md §8, row 35.
    #[test]
    fn platform_addresses_follow_neither_bgp_nor_user_routes() {
        let mut azure = azure();
        vm(&mut azure).routes.push(user_route("168.63.129.16/32", NextHopType::None));
        let all = after_paris(azure, &["0.0.0.0/0", "169.254.169.254/32"]);
        assert_eq!(ask(&all, "168.63.129.16").verdict, Verdict::Platform);
        assert_eq!(ask(&all, "169.254.169.254").verdict, Verdict::Platform);
    }

    /// azure.md §4: "route must exist in gateway".
    #[test]
    fn a_user_route_to_the_gateway_needs_a_route_there() {
        let mut azure = azure();
        vm(&mut azure).routes.push(user_route("0.0.0.0/0", NextHopType::VirtualNetworkGateway));
        let nothing = after_paris(azure.clone(), &[]);
        assert!(matches!(ask(&nothing, "198.51.100.7").verdict, Verdict::Dropped { .. }));
        azure.gateway.connections[0].static_prefixes.push(net("0.0.0.0/0"));
        let fixed = after_paris(azure, &[]);
        assert!(is_forced(&ask(&fixed, "198.51.100.7")));
    }

    /// The user route leads to the gateway; there, the longest prefix decides by which way.
    #[test]
    fn the_gateway_takes_the_longest_prefix_that_it_has() {
        let mut azure = azure();
        vm(&mut azure).routes.push(user_route("0.0.0.0/0", NextHopType::VirtualNetworkGateway));
        let paris = heard(&azure, 0, PARIS, &[("0.0.0.0/0", &[65010])]);
        let oslo = heard(&azure, 1, OSLO, &[("198.51.100.0/24", &[65020])]);
        vm(&mut azure).propagate_gateway_routes = false;
        let table = Table::new(Arc::new(azure), &[paris, oslo]);
        let way = |destination| match ask(&table, destination).verdict {
            Verdict::OnPremises { hops } => hops.into_iter().map(|hop| hop.connection).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        assert_eq!((way("198.51.100.7"), way("198.51.101.7")), (vec!["oslo".into()], vec!["paris".into()]));
    }

    #[test]
    fn an_appliance_decides_for_itself_whether_activation_works() {
        let mut azure = azure();
        let mut to_appliance = user_route("0.0.0.0/0", NextHopType::VirtualAppliance);
        to_appliance.next_hop_ip = Some(ip("10.1.2.4"));
        vm(&mut azure).routes.push(to_appliance);
        let nothing = after_paris(azure, &[]);
        let kms = ask(&nothing, KMS);
        assert_eq!(kms.verdict, Verdict::Appliance { address: ip("10.1.2.4") });
        assert!(matches!(kms.activation, Some(Activation::Depends(_))));
    }

    #[test]
    fn private_addresses_have_no_way_through_the_internet() {
        let mut azure = azure();
        vm(&mut azure).routes.push(user_route("0.0.0.0/0", NextHopType::Internet));
        let nothing = after_paris(azure, &[]);
        for private in ["10.200.0.1", "100.64.0.1", "192.168.1.1"] {
            assert!(matches!(ask(&nothing, private).verdict, Verdict::Dropped { .. }), "{private}");
        }
    }

    /// azure.md §2.4 and §5.1: service endpoints keep the backbone.
    #[test]
    fn a_service_endpoint_beats_the_default_and_longer_announcements() {
        let mut azure = azure();
        vm(&mut azure).service_endpoints.push(net("20.60.0.0/16"));
        let all = after_paris(azure, &["0.0.0.0/0", "20.60.1.0/24"]);
        assert_eq!(ask(&all, "20.60.1.1").verdict, Verdict::ServiceEndpoint);
    }

    #[test]
    fn only_kms_servers_are_asked_about_activation() {
        let default = after_paris(azure(), &["0.0.0.0/0"]);
        for (cloud, host, address) in SERVERS {
            let answer = default.nic("vm").unwrap().ask(address);
            assert!(!answer.activation.unwrap().works(), "{cloud:?} {host}");
        }
        assert_eq!(SERVERS.iter().filter(|server| server.0 == Cloud::Global).count(), 3);
        assert_eq!(ask(&default, "20.118.99.225").activation, None);
    }

    #[test]
    fn answers_serialise_with_their_reasons() {
        let mut azure = azure();
        vm(&mut azure).routes.push(user_route("20.118.99.224/32", NextHopType::Internet));
        let answer = ask(&after_paris(azure, &["0.0.0.0/0"]), KMS);
        let json = serde_json::to_value(answer).unwrap();
        assert_eq!(json["verdict"]["kind"], "internet");
        assert_eq!(json["activation"]["outcome"], "works");
        assert_eq!(json["winners"][0]["name"], "to-20.118.99.224/32");
        assert_eq!(json["beaten"][0]["why"], "shorter-prefix");
    }
}
