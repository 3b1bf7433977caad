//! Network security groups: whether a packet may leave its network interface, before any route is asked.
//!
//! The lowest priority that matches decides. Behind the rules of the group stand Azure's own, which allow `VirtualNetwork`
//! and `Internet`; so a group forbids only what it says.
//!
//! `VirtualNetwork` is more than its name: it also holds what gateways have learned and what user routes name, and "might
//! also contain default routes" (the page of service tags, D). So a group that allows `VirtualNetwork` and denies `Internet` lets
//! out what a learned default forces home, and shuts as soon as that default is withdrawn: the way to fail shut that Microsoft
//! recommends (ER-FAQ D; that the default is in the tag, I).

use crate::config::{NextHopType, SecurityRule, Target};
use crate::effective::{EffectiveRoute, Source};
use crate::{kms, rules};
use std::net::Ipv4Addr;

/// The rule that keeps a packet in; `None` if it may leave. The rows are those of the interface.
pub fn denied<'a>(
    group: &'a [SecurityRule],
    rows: &[EffectiveRoute],
    destination: Ipv4Addr,
) -> Option<&'a SecurityRule> {
    // The platform lets activation through whatever the group says (tag AzurePlatformLKM, KMS-JP D).
    if kms::host(destination).is_some() {
        return None;
    }
    let matching = group.iter().filter(|rule| holds(rule.to, rows, destination));
    matching.min_by_key(|rule| rule.priority).filter(|rule| !rule.allows)
}

fn holds(target: Target, rows: &[EffectiveRoute], destination: Ipv4Addr) -> bool {
    match target {
        Target::Any => true,
        Target::Prefix(prefix) => prefix.contains(&destination),
        Target::Internet => !rules::is_private_address(destination.into()),
        Target::VirtualNetwork => {
            rows.iter().any(|row| row.prefix().contains(&destination) && is_of_network(row))
        }
    }
}

/// A row of the system's that leads to Internet or to nowhere is none of the network.
fn is_of_network(row: &EffectiveRoute) -> bool {
    use NextHopType::{VNetPeering, VnetLocal};
    let own = matches!(row.next_hop_type, VnetLocal | VNetPeering);
    row.is_active() && (own || row.source != Source::Default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn rule(name: &str, priority: u16, allows: bool, to: Target) -> SecurityRule {
        SecurityRule { name: name.into(), priority, allows, to }
    }

    /// Which rule keeps a packet of `vm` in, while paris has announced this.
    fn by(group: &[SecurityRule], announced: &[&str], to: &str) -> Option<String> {
        let table = after_paris(azure(), announced);
        let nic = table.nic("vm").unwrap();
        denied(group, &nic.effective_routes().value, ip(to)).map(|rule| rule.name.clone())
    }

    fn shut() -> [SecurityRule; 2] {
        [rule("shut", 200, false, Target::Internet), rule("home", 100, true, Target::VirtualNetwork)]
    }

    /// ER-FAQ D.
    #[test]
    fn a_group_that_denies_internet_lets_out_what_a_default_forces_home_and_nothing_else() {
        assert_eq!(by(&shut(), &["0.0.0.0/0"], "198.51.100.7"), None);
        assert_eq!(by(&shut(), &[], "198.51.100.7").unwrap(), "shut");
        assert_eq!(by(&shut(), &[], "10.2.1.9"), None, "a peered network");
        assert_eq!(by(&[], &[], "198.51.100.7"), None, "no group");
    }

    #[test]
    fn the_lowest_priority_that_matches_decides() {
        let first = rule("first", 100, false, Target::Prefix(net("198.51.100.0/24")));
        let group = [rule("any", 300, true, Target::Any), first];
        assert_eq!(by(&group, &["0.0.0.0/0"], "198.51.100.7").unwrap(), "first");
        assert_eq!(by(&group, &["0.0.0.0/0"], "203.0.113.7"), None);
    }

    /// KMS-JP D.
    #[test]
    fn the_platform_lets_activation_through() {
        assert_eq!(by(&[rule("none", 100, false, Target::Any)], &[], "20.118.99.224"), None);
    }
}
