//! Subnets whose service breaks, or must be helped, by the routes that are there (azure.md §4, caveats; §7.1): Azure says nothing
//! when it happens, so the mock does.

use super::{Judgement, Service};
use crate::config::Subnet;
use crate::effective::DEFAULT;
use crate::gateway::Table;
use crate::verdict::Verdict;
use serde::Serialize;
use std::fmt;
use std::net::Ipv4Addr;

/// Somewhere on the Internet: an address for documentation (RFC 5737).
const SOMEWHERE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

/// What the routes do to a subnet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Caveat {
    /// `vnet/subnet`.
    pub subnet: String,
    /// What comes of it, and what helps.
    pub what: String,
}

impl Table {
    /// Every subnet that the routes of this table harm.
    pub fn caveats(&self) -> Vec<Caveat> {
        let vnets = self.azure().vnets.iter().enumerate();
        let subnets = vnets.flat_map(|(v, vnet)| {
            vnet.subnets.iter().map(move |subnet| (v, format!("{}/{}", vnet.name, subnet.name), subnet))
        });
        let caveat = |(vnet, path, subnet): (usize, String, &Subnet)| {
            let what = self.harm(vnet, &path, subnet)?;
            Some(Caveat { subnet: path, what })
        };
        subnets.filter_map(caveat).collect()
    }

    fn harm(&self, vnet: usize, path: &str, subnet: &Subnet) -> Option<String> {
        if let Some(service) = Service::of_subnet(&subnet.name) {
            let judgement = self.nic(path)?.service(service, SOMEWHERE);
            return matches!(judgement, Judgement::Fails(_)).then(|| judgement.of(service).why().to_owned());
        }
        // The appliance itself is a machine of this subnet (RS-TS D).
        let is_its_own = self.appliances(vnet).any(|hop| subnet.prefix.contains(&hop));
        let loops = is_its_own && matches!(self.nic(path)?.ask(SOMEWHERE).verdict, Verdict::Dropped { .. });
        loops.then(|| {
            "the appliance in it learns its own default back: give the subnet 0.0.0.0/0 to Internet".into()
        })
    }

    /// The appliances that have announced a default to the network's Route Server.
    fn appliances(&self, vnet: usize) -> impl Iterator<Item = Ipv4Addr> + '_ {
        let routes = self.azure().place_of(vnet).map_or(&[][..], |place| self.routes_at(place));
        let defaults = routes.iter().filter(|route| route.prefix == DEFAULT);
        defaults.flat_map(|route| &route.hops).filter(|hop| hop.appliance).map(|hop| hop.shown)
    }
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subnet, self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        AZURE_BASTION_SUBNET, AZURE_FIREWALL_MANAGEMENT_SUBNET, AZURE_FIREWALL_SUBNET, NextHopType,
    };
    use crate::testing::*;

    fn harmed(table: &Table) -> Vec<String> {
        table.caveats().into_iter().map(|caveat| caveat.subnet).collect()
    }

    /// azure.md §4, caveats. Halves take what a default takes.
    #[test]
    fn a_learned_default_breaks_bastion_and_forces_the_firewall() {
        let mut azure = azure();
        azure.vnets[0].subnets.push(Subnet::new(AZURE_BASTION_SUBNET, net("10.1.5.0/26")));
        azure.vnets[0].subnets.push(Subnet::new(AZURE_FIREWALL_SUBNET, net("10.1.6.0/26")));
        assert_eq!(harmed(&after_paris(azure.clone(), &[])), [""; 0]);
        let both = ["hub/AzureBastionSubnet", "hub/AzureFirewallSubnet"];
        assert_eq!(harmed(&after_paris(azure.clone(), &["0.0.0.0/0"])), both);
        assert_eq!(harmed(&after_paris(azure.clone(), &["0.0.0.0/1", "128.0.0.0/1"])), both);
        let mut management = Subnet::new(AZURE_FIREWALL_MANAGEMENT_SUBNET, net("10.1.7.0/26"));
        management.propagate_gateway_routes = false;
        azure.vnets[0].subnets.push(management);
        let table = after_paris(azure, &["0.0.0.0/0"]);
        assert_eq!(harmed(&table), both[..1]);
        let told = table.caveats()[0].to_string();
        assert!(told.starts_with("hub/AzureBastionSubnet: bastion: the default of its subnet"), "{told}");
    }

    #[test]
    fn an_appliance_needs_an_own_exit_against_the_default_that_it_announces() {
        let mut azure = only_route_server();
        azure.vnets[0].subnets.push(Subnet::new("nva", net("10.1.4.0/24")));
        let announces = |azure| table(azure, &[(id(GW, 0, 0), &[("0.0.0.0/0", &[65001])])]);
        assert_eq!(harmed(&announces(azure.clone())), ["hub/nva"]);
        let exit = user_route("0.0.0.0/0", NextHopType::Internet);
        azure.vnets[0].subnets.last_mut().unwrap().routes.push(exit);
        assert_eq!(harmed(&announces(azure)), [""; 0]);
    }
}
