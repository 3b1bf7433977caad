//! Subnets whose service breaks, or must be helped, when a default route is learned (azure.md §4, caveats; §7.1): Azure
//! says nothing when it happens, so the mock does.

use crate::config::{
    AZURE_BASTION_SUBNET, AZURE_FIREWALL_MANAGEMENT_SUBNET, AZURE_FIREWALL_SUBNET, Azure, NextHopType,
};
use crate::effective::{DEFAULT, EffectiveRoute, Source};
use crate::gateway::Table;
use serde::Serialize;
use std::fmt;
use std::net::Ipv4Addr;

/// What a learned default does to a subnet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caveat {
    /// `vnet/subnet`.
    pub subnet: String,
    /// What.
    pub what: Trouble,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// Bastion's default must stay Internet, and its subnet takes no route table (BASTION B).
    BastionCutOff,
    /// The firewall sends its own traffic to on-premises (FW-FT D).
    FirewallForced,
    /// An appliance learns its own default back from Route Server, and loops (RS-TS D).
    ApplianceLoop,
}

impl Table {
    /// Every subnet that the routes of this table harm.
    pub fn caveats(&self) -> Vec<Caveat> {
        let azure = self.azure();
        let subnets = azure.vnets.iter().enumerate().flat_map(|(i, vnet)| {
            vnet.subnets.iter().map(move |subnet| (i, format!("{}/{}", vnet.name, subnet.name), subnet))
        });
        let caveat = |(vnet, path, subnet): (usize, String, &crate::config::Subnet)| {
            let what = match subnet.name.as_str() {
                AZURE_BASTION_SUBNET => Trouble::BastionCutOff,
                AZURE_FIREWALL_SUBNET if !has_management_nic(azure, vnet) => Trouble::FirewallForced,
                // The appliance itself is a machine of this subnet.
                _ if self.appliances(vnet).any(|hop| subnet.prefix.contains(&hop)) => Trouble::ApplianceLoop,
                _ => return None,
            };
            self.has_learned_default(&path).then_some(Caveat { subnet: path, what })
        };
        subnets.filter_map(caveat).collect()
    }

    /// Whether interfaces of the subnet follow a default that gateways gave them.
    fn has_learned_default(&self, subnet: &str) -> bool {
        let learned = |row: &EffectiveRoute| {
            row.source == Source::VirtualNetworkGateway && row.is_active() && row.prefix() == DEFAULT
        };
        self.nic(subnet).is_some_and(|nic| nic.effective_routes().value.iter().any(learned))
    }

    /// The appliances that have announced a default to the network's Route Server.
    fn appliances(&self, vnet: usize) -> impl Iterator<Item = Ipv4Addr> + '_ {
        let routes = self.azure().place_of(vnet).map_or(&[][..], |place| self.routes_at(place));
        let defaults = routes.iter().filter(|route| route.prefix == DEFAULT);
        defaults.flat_map(|route| &route.hops).filter(|hop| hop.appliance).map(|hop| hop.shown)
    }
}

/// With it the firewall's own traffic has a way of its own (FW-NIC D).
fn has_management_nic(azure: &Azure, vnet: usize) -> bool {
    let mut subnets = azure.vnets[vnet].subnets.iter();
    subnets.any(|subnet| {
        let mut routes = subnet.routes.iter();
        subnet.name == AZURE_FIREWALL_MANAGEMENT_SUBNET
            && routes.any(|r| r.prefix.trunc() == DEFAULT && r.next_hop_type == NextHopType::Internet)
    })
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            Trouble::BastionCutOff => {
                "a learned default cuts Azure Bastion off, whose default must stay Internet"
            }
            Trouble::FirewallForced => {
                "a learned default takes the firewall's own traffic too: give its subnet 0.0.0.0/0 to Internet, or the \
                 firewall a Management NIC"
            }
            Trouble::ApplianceLoop => {
                "the appliance in it learns its own default back: give the subnet 0.0.0.0/0 to Internet"
            }
        };
        write!(f, "{}: {what}", self.subnet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Subnet, UserRoute};
    use crate::testing::*;

    fn troubles(table: &Table) -> Vec<Trouble> {
        table.caveats().into_iter().map(|caveat| caveat.what).collect()
    }

    fn to_internet(subnet: Subnet) -> Subnet {
        Subnet { routes: vec![user_route("0.0.0.0/0", NextHopType::Internet)], ..subnet }
    }

    #[test]
    fn a_learned_default_breaks_bastion_and_forces_the_firewall() {
        let mut azure = azure();
        azure.vnets[0].subnets.push(Subnet::new(AZURE_BASTION_SUBNET, net("10.1.5.0/26")));
        azure.vnets[0].subnets.push(Subnet::new(AZURE_FIREWALL_SUBNET, net("10.1.6.0/26")));
        assert_eq!(troubles(&after_paris(azure.clone(), &[])), []);
        assert_eq!(troubles(&after_paris(azure.clone(), &["0.0.0.0/1", "128.0.0.0/1"])), []);
        let both = [Trouble::BastionCutOff, Trouble::FirewallForced];
        assert_eq!(troubles(&after_paris(azure.clone(), &["0.0.0.0/0"])), both);
        let management = Subnet::new(AZURE_FIREWALL_MANAGEMENT_SUBNET, net("10.1.7.0/26"));
        azure.vnets[0].subnets.push(to_internet(management));
        assert_eq!(troubles(&after_paris(azure, &["0.0.0.0/0"])), [Trouble::BastionCutOff]);
    }

    #[test]
    fn an_appliance_needs_an_own_exit_against_the_default_that_it_announces() {
        let mut azure = only_route_server();
        azure.vnets[0].subnets.push(Subnet::new("nva", net("10.1.4.0/24")));
        let announces = |azure| table(azure, &[(id(GW, 0, 0), &[("0.0.0.0/0", &[65001])])]);
        assert_eq!(troubles(&announces(azure.clone())), [Trouble::ApplianceLoop]);
        let nva: &mut Subnet = azure.vnets[0].subnets.last_mut().unwrap();
        let exit: UserRoute = user_route("0.0.0.0/0", NextHopType::Internet);
        nva.routes.push(exit);
        assert_eq!(troubles(&announces(azure)), []);
    }
}
