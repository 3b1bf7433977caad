//! Exceptions as entries of route tables, and the way out for subnets that stay out of it all.

use crate::edge::PlanError;
use crate::model::{Item, NextHop, Plan, Route, RouteTable, Subnet};
use crate::name::{Location, Name, ResourceGroup};
use ipnet::{IpNet, Ipv4Net};
use quadzero_policy::UserDefinedRoute;
use std::net::Ipv4Addr;

/// The whole Internet.
pub(crate) const DEFAULT: IpNet = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0));
/// Routes in a table, by every copy of Microsoft's limits that was found.
const LIMIT: usize = 400;

/// A table, and who is to use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: Name,
    /// It is there already.
    pub existing: bool,
    /// The subnets that are to use it.
    pub subnets: Vec<Subnet>,
}

impl Table {
    /// The table with these routes, each prefix once, and each name once as well.
    pub(crate) fn with(
        self,
        routes: impl IntoIterator<Item = Route>,
        next_hop: NextHop,
    ) -> Result<RouteTable, PlanError> {
        let mut kept: Vec<Route> = Vec::new();
        for route in routes {
            if kept.iter().any(|known| known.prefix == route.prefix) {
                continue;
            }
            let taken = |name: &Name| kept.iter().any(|known| known.name.is(name.as_ref()));
            let numbered = (2..).map(|number| route.name.numbered(number));
            let name = std::iter::once(route.name.clone()).chain(numbered).find(|name| !taken(name));
            kept.extend(name.map(|name| Route { name, ..route }));
        }
        let has_default = kept.iter().any(|route| route.prefix.prefix_len() == 0);
        let refuses = |subnet: &&Subnet| {
            subnet.name.is("AzureBastionSubnet") || (has_default && subnet.name.is("GatewaySubnet"))
        };
        if let Some(subnet) = self.subnets.iter().find(refuses) {
            return Err(PlanError::SubnetTakesNone(subnet.name.to_string()));
        }
        let Self { name, existing, subnets } = self;
        Ok(RouteTable { name, existing, routes: kept, next_hop, subnets })
    }
}

/// What to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udr {
    /// Where.
    pub group: ResourceGroup,
    /// In which region.
    pub location: Option<Location>,
    /// The table.
    pub table: Table,
    /// The policy's entries ([`quadzero_policy::Policy::user_defined_routes`]).
    pub exceptions: Vec<UserDefinedRoute>,
    /// Also those that the policy makes in another way.
    pub all: bool,
    /// The subnets are to have the Internet by Azure's own way, whatever is announced: what is.
    pub opt_out: Option<Vec<IpNet>>,
}

impl Udr {
    /// The table, and what to know of it.
    ///
    /// # Errors
    /// Nothing is left to put into it, or a subnet takes no such table.
    pub fn plan(self) -> Result<Plan, PlanError> {
        let chosen: Vec<_> = self.exceptions.into_iter().filter(|route| route.needed || self.all).collect();
        let others = chosen.iter().filter(|route| !route.needed).count();
        if chosen.is_empty() && self.opt_out.is_none() {
            return Err(PlanError::NoExceptions);
        }
        let exception =
            |route: &UserDefinedRoute| Route { name: Name::fit(&route.name), prefix: route.prefix };
        let away = self.opt_out.iter().flat_map(|announced| std::iter::once(&DEFAULT).chain(announced));
        let away =
            away.map(|prefix| Route { name: Name::fit(&format!("opt-out-{prefix}")), prefix: *prefix });
        let existing = self.table.existing;
        let routes = chosen.iter().map(exception).chain(away);
        let table = self.table.with(routes, NextHop::Internet)?;
        let mut items = vec![];
        items.extend(notes(&chosen, others, self.opt_out.as_deref(), &table).into_iter().map(Item::Note));
        if !existing {
            items.push(Item::Note(format!(
                "{} is made anew: should a route table of that name exist, its routes would be gone. For one that exists, export \
                 with --existing.",
                table.name
            )));
        }
        items.push(Item::RouteTable(table));
        let title = "Routes of one's own, past forced tunneling: exported by quadzero.".to_owned();
        Ok(Plan { title, group: self.group, location: self.location, items })
    }
}

fn notes(
    chosen: &[UserDefinedRoute],
    others: usize,
    opt_out: Option<&[IpNet]>,
    table: &RouteTable,
) -> Vec<String> {
    let mut notes = vec![
        "Each route wins over the default route that the edge announces, in the subnets that use the table, and stays while no BGP \
         session does. What leaves by it needs a public address in Azure: activation (KMS, TCP port 1688) answers no other. Routes \
         learned from the gateway stay on in these subnets: the rest of what the edge announces comes by them."
            .to_owned(),
    ];
    if others > 0 {
        notes.push(format!(
            "{others} of the {} are not needed as the edge's file stands: it makes these exceptions by BGP. They are what could be \
             done instead.",
            chosen.len()
        ));
    }
    if let Some(announced) = opt_out {
        notes.push(opted_out(announced));
    }
    if table.routes.len() > LIMIT {
        notes.push(format!(
            "These are {} routes, and Azure is documented to take {LIMIT} in a table.",
            table.routes.len()
        ));
    }
    notes
}

/// A longer prefix wins over 0.0.0.0/0, whoever said it. Only an equal one of one's own wins over that.
fn opted_out(announced: &[IpNet]) -> String {
    let longer = announced.iter().filter(|prefix| prefix.prefix_len() > 0).count();
    let text = "The subnets keep Azure's own way to the Internet: 0.0.0.0/0 of the table wins over that of the edge.";
    if longer == 0 {
        return text.to_owned();
    }
    format!(
        "{text} But the edge announces longer prefixes of the Internet as well ({longer} of them), which would win over it; so each \
         of them is in the table. When the edge's exceptions change, export anew."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(subnets: &[&str]) -> Table {
        let subnet = |name: &&str| Subnet { vnet: Name::fit("hub"), name: Name::fit(name) };
        Table { name: Name::fit("rt"), existing: false, subnets: subnets.iter().map(subnet).collect() }
    }

    fn route(name: &str, prefix: &str) -> Route {
        Route { name: Name::fit(name), prefix: prefix.parse().unwrap() }
    }

    #[test]
    fn a_prefix_stands_once_and_a_name_too() {
        let routes = [
            route("kms", "203.0.113.7/32"),
            route("KMS", "203.0.113.8/32"),
            route("other", "203.0.113.7/32"),
            route("kms", "203.0.113.9/32"),
            route(&"a".repeat(80), "203.0.113.10/32"),
            route(&"a".repeat(80), "203.0.113.11/32"),
        ];
        let table = table(&[]).with(routes, NextHop::Internet).unwrap();
        let names: Vec<&str> = table.routes.iter().map(|route| route.name.as_ref()).collect();
        let long = ["a".repeat(80), "a".repeat(78) + "-2"];
        assert_eq!(names, ["kms", "KMS-2", "kms-3", &long[0], &long[1]]);
    }

    #[test]
    fn subnets_that_take_no_such_table_are_refused() {
        let with =
            |subnet: &str, prefix: &str| table(&[subnet]).with([route("r", prefix)], NextHop::Internet);
        for (subnet, prefix) in [
            ("gatewaysubnet", "0.0.0.0/0"),
            ("AzureBastionSubnet", "0.0.0.0/0"),
            ("AzureBastionSubnet", "203.0.113.7/32"),
        ] {
            assert_eq!(with(subnet, prefix), Err(PlanError::SubnetTakesNone(subnet.into())));
        }
        assert!(with("GatewaySubnet", "203.0.113.7/32").is_ok() && with("workload", "0.0.0.0/0").is_ok());
    }
}
