//! The ways to force a virtual network's Internet traffic home, and what is to be done in Azure for each.

use crate::edge::{Kind, Neighbor, PlanError};
use crate::gateway::local_addresses;
use crate::model::{DefaultSite, Item, NextHop, Plan, Route};
use crate::name::{Location, Name, ResourceGroup};
use crate::udr::{DEFAULT, Table};

/// What to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForcedTunneling {
    /// Where.
    pub group: ResourceGroup,
    /// In which region.
    pub location: Option<Location>,
    /// To whom, in the order of the file.
    pub neighbors: Vec<Neighbor>,
    /// How.
    pub way: Way,
}

/// How. They are not meant to be mixed, so an export has one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// The edge announces a default route: nothing is to be done.
    Bgp {
        /// The VPN gateway to look at.
        gateway: Option<Name>,
    },
    /// The gateway has a default site: the older way, without BGP.
    DefaultSite {
        /// The VPN gateway.
        gateway: Name,
        /// The local network gateway; `None`: that of the edge's one address.
        site: Option<Name>,
    },
    /// Subnets send everything to the gateway.
    Udr(Table),
}

impl ForcedTunneling {
    /// What is to be done, and what to know of it.
    ///
    /// # Errors
    /// The way does not lead to every neighbor, or something is missing.
    pub fn plan(self) -> Result<Plan, PlanError> {
        if self.neighbors.iter().all(|neighbor| neighbor.kind.is_none()) {
            return Err(PlanError::NoGateway);
        }
        let mut items: Vec<Item> = self.told().map(Item::Note).collect();
        items.push(Item::Note(OPEN.to_owned()));
        match &self.way {
            Way::Bgp { gateway } => {
                items.extend(BGP.map(|text| Item::Note(text.to_owned())));
                items.extend(gateway.clone().map(Item::LearnedRoutes));
            }
            Way::DefaultSite { gateway, site } => {
                self.vpn_only("it takes no default site")?;
                let site = self.site(site.as_ref())?;
                items.extend(DEFAULT_SITE.map(|text| Item::Note(text.to_owned())));
                items.push(Item::DefaultSite(DefaultSite { gateway: gateway.clone(), site }));
            }
            Way::Udr(table) => {
                self.vpn_only("no route of one's own may lead to it")?;
                items.extend(UDR.map(|text| Item::Note(text.to_owned())));
                items.extend(self.holes().map(Item::Note));
                let route = Route { name: Name::fit("default"), prefix: DEFAULT };
                items.push(Item::RouteTable(table.clone().with([route], NextHop::VirtualNetworkGateway)?));
            }
        }
        let way = match self.way {
            Way::Bgp { .. } => "by BGP",
            Way::DefaultSite { .. } => "by a default site",
            Way::Udr(_) => "by routes of one's own",
        };
        let title = format!("Forced tunneling {way}: exported by quadzero.");
        Ok(Plan { title, group: self.group, location: self.location, items })
    }

    /// What each gateway learns of the Internet.
    fn told(&self) -> impl Iterator<Item = String> {
        self.neighbors.iter().filter(|neighbor| neighbor.kind.is_some()).map(
            |Neighbor { name, internet, .. }| match internet.as_slice() {
                [] => format!("{name:?} is told no default route."),
                [one] => format!("{name:?} is told {one}."),
                many => format!("{name:?} is told the default route in {} prefixes.", many.len()),
            },
        )
    }

    fn vpn_only(&self, way: &'static str) -> Result<(), PlanError> {
        let other = self.neighbors.iter().find_map(|neighbor| {
            let kind = neighbor.kind.filter(|kind| *kind != Kind::VpnGateway)?;
            Some(PlanError::OnlyBgp { neighbor: neighbor.name.clone(), kind, way })
        });
        other.map_or(Ok(()), Err)
    }

    fn site(&self, given: Option<&Name>) -> Result<Name, PlanError> {
        if let Some(site) = given {
            return Ok(site.clone());
        }
        let gateways: Vec<&Neighbor> = self.neighbors.iter().filter(|n| n.kind.is_some()).collect();
        match local_addresses(&gateways)?.as_slice() {
            [(_, address)] => Ok(Name::edge(*address)),
            several => Err(PlanError::WhichSite(several.len())),
        }
    }

    /// A default route of the table leaves no holes for what was carved out.
    fn holes(&self) -> Option<String> {
        let carved = self.neighbors.iter().any(|neighbor| neighbor.internet.len() > 2);
        carved.then(|| {
            "The edge leaves exceptions out of its default route, and this route takes them all the same: to the gateway, which has \
             no route for them. Put them into the table too: quadzero export udr --all --existing."
                .to_owned()
        })
    }
}

const OPEN: &str = "Without a route Azure is open: when the edge is gone, so is its default route, and a subnet has Azure's own way to \
                    the Internet again. Two edges, or a network security group that denies outbound traffic to the Internet, keep it \
                    shut. Forced tunneling also cuts what comes from the Internet to public addresses of virtual machines.";

const BGP: [&str; 4] = [
    "Nothing is to be done in Azure: what the edge announces is used by every subnet whose route table lets routes of the gateway \
     propagate, and by peered networks that use the gateway.",
    "A subnet that is to keep Azure's own way out has a route of its own: quadzero export udr --opt-out. AzureFirewallSubnet learns \
     the default route as well, and needs that, or the firewall's management interface.",
    "GatewaySubnet needs nothing: what it learns does it no harm, but a route table of its own with a default route does, and \
     propagation must stay on there.",
    "The other ways, instead of this one and for VPN gateways alone: --way default-site, --way udr.",
];

const DEFAULT_SITE: [&str; 2] = [
    "BGP does not need this: a gateway that learns a default route is better off without a default site. It is the way without BGP, for \
     route-based VPN gateways alone, and is advised against beside ExpressRoute.",
    "It is for the whole virtual network. The traffic selectors of the tunnel must be any to any. To undo it: \
     Remove-AzVirtualNetworkGatewayDefaultSite, in PowerShell.",
];

const UDR: [&str; 2] = [
    "The route wins over what the gateway learns, in the subnets that use the table and nowhere else. The gateway must know where to \
     send the traffic all the same: by a default route of BGP, or a default site.",
    "Not for ExpressRoute, nor for a VPN gateway beside an ExpressRoute gateway, and never on GatewaySubnet. Routes to 10.0.0.0/8, \
     192.168.0.0/16 and 100.64.0.0/10 that drop what nobody announces are gone in these subnets: such traffic goes to the gateway, too.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use quadzero_codec::Asn;

    fn neighbor(kind: Kind, local: &str) -> Neighbor {
        Neighbor {
            name: "azure".into(),
            kind: Some(kind),
            local: Some(local.parse().unwrap()),
            remote: "10.1.0.4".parse().unwrap(),
            local_as: Asn(65010),
            remote_as: Asn(65515),
            md5: false,
            internet: vec![DEFAULT],
        }
    }

    fn plan(neighbors: Vec<Neighbor>, way: Way) -> Result<Plan, PlanError> {
        ForcedTunneling { group: "rg".parse().unwrap(), location: None, neighbors, way }.plan()
    }

    fn udr() -> Way {
        Way::Udr(Table { name: Name::fit("rt"), existing: false, subnets: vec![] })
    }

    fn default_site(site: Option<&str>) -> Way {
        Way::DefaultSite { gateway: Name::fit("gw"), site: site.map(Name::fit) }
    }

    #[test]
    fn with_bgp_there_is_nothing_to_make() {
        let plan = plan(vec![neighbor(Kind::ExpressRoute, "10.0.0.1")], Way::Bgp { gateway: None }).unwrap();
        assert!(plan.items.iter().all(|item| matches!(item, Item::Note(_))), "{plan:?}");
    }

    #[test]
    fn only_bgp_leads_to_what_is_no_vpn_gateway() {
        for kind in [Kind::ExpressRoute, Kind::RouteServer, Kind::VirtualWan] {
            for way in [udr(), default_site(None)] {
                let refused = plan(vec![neighbor(kind, "10.0.0.1")], way);
                assert!(matches!(refused, Err(PlanError::OnlyBgp { .. })), "{refused:?}");
            }
        }
    }

    #[test]
    fn the_default_site_is_the_edge() {
        let one = || neighbor(Kind::VpnGateway, "10.51.255.254");
        let site = |neighbors, given| match plan(neighbors, default_site(given)) {
            Ok(plan) => match plan.items.last() {
                Some(Item::DefaultSite(default)) => Ok(default.site.to_string()),
                other => panic!("{other:?}"),
            },
            Err(error) => Err(error),
        };
        assert_eq!(site(vec![one(), one()], None), Ok("edge-10.51.255.254".into()));
        let two = vec![one(), neighbor(Kind::VpnGateway, "10.51.255.253")];
        assert_eq!(site(two.clone(), None), Err(PlanError::WhichSite(2)));
        assert_eq!(site(two, Some("home")), Ok("home".into()));
    }

    #[test]
    fn that_a_carve_out_is_undone_is_told() {
        let text = |neighbor: Neighbor| format!("{:?}", plan(vec![neighbor], udr()).unwrap());
        let whole = neighbor(Kind::VpnGateway, "10.51.255.254");
        let pieces = ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2"].map(|net| net.parse().unwrap());
        let carved = Neighbor { internet: pieces.to_vec(), ..whole.clone() };
        assert!(text(carved).contains("export udr --all --existing"));
        assert!(!text(whole).contains("export udr --all --existing"));
    }
}
