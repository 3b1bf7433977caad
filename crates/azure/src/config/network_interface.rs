//! Network interfaces: what Azure shows effective routes of.
//!
//! All interfaces of a subnet have the same routes, so that the model knows subnets. Tools ask for interfaces by name: a
//! subnet has those that it names, or else one called `<subnet>-nic`, and where two networks have a subnet of one name,
//! `<vnet>-<subnet>-nic`.

use super::{Azure, GATEWAY_SUBNET, ROUTE_SERVER_SUBNET, Subnet, Vnet};

/// An interface, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInterface {
    /// Its resource name.
    pub name: String,
    /// Its subnet, as `vnet/subnet`.
    pub subnet: String,
}

impl Azure {
    /// Every network interface. Gateways and Route Servers have their own, which nobody sees.
    pub fn network_interfaces(&self) -> Vec<NetworkInterface> {
        let subnets = self.vnets.iter().flat_map(|vnet| vnet.subnets.iter().map(move |s| (vnet, s)));
        let of = |(vnet, subnet): (&Vnet, &Subnet)| {
            let place = format!("{}/{}", vnet.name, subnet.name);
            let named = |name: String| NetworkInterface { name, subnet: place.clone() };
            self.names(vnet, subnet).into_iter().map(named).collect::<Vec<_>>()
        };
        subnets.flat_map(of).collect()
    }

    fn names(&self, vnet: &Vnet, subnet: &Subnet) -> Vec<String> {
        if !subnet.network_interfaces.is_empty() {
            return subnet.network_interfaces.clone();
        }
        if [GATEWAY_SUBNET, ROUTE_SERVER_SUBNET].contains(&subnet.name.as_str()) {
            return Vec::new();
        }
        let namesakes = self.vnets.iter().flat_map(|vnet| &vnet.subnets).filter(|s| s.name == subnet.name);
        vec![match namesakes.count() {
            1 => format!("{}-nic", subnet.name),
            _ => format!("{}-{}-nic", vnet.name, subnet.name),
        }]
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::azure;

    fn names(azure: &crate::config::Azure) -> Vec<(String, String)> {
        azure.network_interfaces().into_iter().map(|nic| (nic.name, nic.subnet)).collect()
    }

    #[test]
    fn a_subnet_has_the_interfaces_that_it_names_or_one_of_its_own_name() {
        let mut azure = azure();
        azure.vnets[1].subnets[0].network_interfaces = vec!["web-1".into(), "web-2".into()];
        let pair = |name: &str, subnet: &str| (name.to_owned(), subnet.to_owned());
        assert_eq!(
            names(&azure),
            [
                pair("vm-nic", "hub/vm"),
                pair("web-1", "spoke/app"),
                pair("web-2", "spoke/app"),
                pair("lone-nic", "island/lone")
            ]
        );
    }

    #[test]
    fn two_subnets_of_one_name_have_interfaces_of_two() {
        let mut azure = azure();
        azure.vnets[2].subnets[0].name = "app".into();
        let names: Vec<String> = names(&azure).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["vm-nic", "spoke-app-nic", "island-app-nic"]);
    }
}
