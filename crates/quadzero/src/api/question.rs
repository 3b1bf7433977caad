//! Paths: which of Azure's operations is meant, and on what. Names and words in any case, as Azure takes them.

use percent_encoding::percent_decode_str;

/// What is asked for. Names are in lower case; `-` is the only one there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// `az network nic show-effective-route-table`: an interface, a subnet, or `vnet/subnet`.
    EffectiveRoutes(String),
    /// `az network vnet-gateway list-bgp-peer-status`.
    PeerStatus(String),
    /// `az network vnet-gateway list-learned-routes`.
    LearnedRoutes(String),
    /// `az network vnet-gateway list-advertised-routes`.
    AdvertisedRoutes(String),
    /// `az network routeserver peering list-learned-routes`: the server or hub, and the peering.
    LearnedFrom(String, String),
    /// `az network routeserver peering list-advertised-routes`.
    AdvertisedTo(String, String),
    /// `az network express-route list-route-tables`: the circuit, the peering and the path.
    RouteTable(String, String, String),
    /// `az network express-route list-route-tables-summary`: likewise.
    RouteTableSummary(String, String, String),
    /// `az network vhub get-effective-routes`, of the default route table.
    HubRoutes(String),
    /// An instance goes away for a while.
    Maintenance(String),
    /// What a gateway did not take, and why. Azure tells nobody.
    Refused(String),
    /// All gateways.
    Gateways,
    /// All network interfaces.
    NetworkInterfaces,
    /// What `quadzero doctor` makes of what was logged.
    Doctor,
    /// What was logged, JSON lines.
    Log,
    /// What can be asked.
    Index,
}

impl Question {
    /// The question that a path asks, long or short.
    pub(super) fn of(path: &str) -> Option<Self> {
        let decode = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().to_lowercase();
        let segments: Vec<String> = path.split('/').filter(|s| !s.is_empty()).map(decode).collect();
        let words: Vec<&str> = segments.iter().map(String::as_str).collect();
        match &words[..] {
            ["subscriptions", _, "resourcegroups", _, "providers", "microsoft.network", resource @ ..] => {
                Self::of_resource(resource)
            }
            short => Self::of_resource(short).or_else(|| Self::of_short(short)),
        }
    }

    fn of_resource(words: &[&str]) -> Option<Self> {
        let own = str::to_owned;
        match *words {
            ["networkinterfaces", nic, "effectiveroutetable"] => Some(Self::EffectiveRoutes(own(nic))),
            ["networkinterfaces"] => Some(Self::NetworkInterfaces),
            ["virtualnetworkgateways"] => Some(Self::Gateways),
            ["virtualnetworkgateways", gateway, operation] => Self::of_gateway(gateway, operation),
            ["virtualhubs", server, "bgpconnections", peering, "learnedroutes"] => {
                Some(Self::LearnedFrom(own(server), own(peering)))
            }
            ["virtualhubs", server, "bgpconnections", peering, "advertisedroutes"] => {
                Some(Self::AdvertisedTo(own(server), own(peering)))
            }
            ["expressroutecircuits", circuit, "peerings", peering, "routetables", path] => {
                Some(Self::RouteTable(own(circuit), own(peering), own(path)))
            }
            ["expressroutecircuits", circuit, "peerings", peering, "routetablessummary", path] => {
                Some(Self::RouteTableSummary(own(circuit), own(peering), own(path)))
            }
            ["virtualhubs", hub, "effectiveroutes"] => Some(Self::HubRoutes(own(hub))),
            _ => None,
        }
    }

    fn of_gateway(gateway: &str, operation: &str) -> Option<Self> {
        let gateway = gateway.to_owned();
        match operation {
            "getbgppeerstatus" | "peer-status" => Some(Self::PeerStatus(gateway)),
            "getlearnedroutes" | "learned-routes" => Some(Self::LearnedRoutes(gateway)),
            "getadvertisedroutes" | "advertised-routes" => Some(Self::AdvertisedRoutes(gateway)),
            "maintenance" => Some(Self::Maintenance(gateway)),
            "refused" => Some(Self::Refused(gateway)),
            _ => None,
        }
    }

    fn of_short(words: &[&str]) -> Option<Self> {
        match *words {
            [] => Some(Self::Index),
            ["effective-routes", nic] => Some(Self::EffectiveRoutes(nic.to_owned())),
            ["effective-routes", vnet, subnet] => Some(Self::EffectiveRoutes(format!("{vnet}/{subnet}"))),
            ["gateways"] => Some(Self::Gateways),
            ["gateways", gateway, operation] => Self::of_gateway(gateway, operation),
            ["nics"] => Some(Self::NetworkInterfaces),
            ["doctor"] => Some(Self::Doctor),
            ["log"] => Some(Self::Log),
            _ => None,
        }
    }

    /// What must be asked by POST, since it is no mere question.
    pub(super) const fn changes_something(&self) -> bool {
        matches!(self, Self::Maintenance(_))
    }

    /// What Azure answers with 202 first.
    pub(super) const fn is_long_running(&self) -> bool {
        matches!(
            self,
            Self::EffectiveRoutes(_)
                | Self::PeerStatus(_)
                | Self::LearnedRoutes(_)
                | Self::AdvertisedRoutes(_)
                | Self::LearnedFrom(..)
                | Self::AdvertisedTo(..)
                | Self::RouteTable(..)
                | Self::RouteTableSummary(..)
                | Self::HubRoutes(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_azure_and_its_short_form_ask_the_same() {
        let long = "/subscriptions/s/resourceGroups/RG/providers/Microsoft.Network";
        let cases = [
            ("networkInterfaces/VM-nic/effectiveRouteTable", "/effective-routes/vm-nic"),
            ("virtualNetworkGateways/gw/getBgpPeerStatus", "/gateways/gw/peer-status"),
            ("virtualNetworkGateways/gw/getLearnedRoutes", "/gateways/GW/learned-routes"),
            ("virtualNetworkGateways/gw/getAdvertisedRoutes", "/gateways/gw/advertised-routes/"),
            (
                "virtualHubs/rs/bgpConnections/nva/learnedRoutes",
                "/virtualHubs/rs/bgpConnections/nva/learnedRoutes",
            ),
        ];
        for (azure, short) in cases {
            let asked = Question::of(&format!("{long}/{azure}"));
            assert!(asked.is_some(), "{azure}");
            assert_eq!(asked, Question::of(short), "{azure}");
        }
    }

    #[test]
    fn a_subnet_may_stand_for_its_interfaces() {
        let subnet = Some(Question::EffectiveRoutes("hub/vm".into()));
        assert_eq!(Question::of("/effective-routes/hub/vm"), subnet);
        assert_eq!(Question::of("/networkInterfaces/hub%2Fvm/effectiveRouteTable"), subnet);
    }

    #[test]
    fn what_is_no_path_asks_nothing() {
        for path in ["/virtualNetworkGateways/gw/delete", "/subscriptions/s", "/effective-routes", "/a/b/c/d"]
        {
            assert_eq!(Question::of(path), None, "{path}");
        }
    }
}
