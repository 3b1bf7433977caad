//! Azure's own rules, for neighbors that are said to be gateways of Azure: the words are those of
//! [`quadzero_azure::rules`], the places those of the file.

use super::bfd::Bfd;
use super::file::{self, AzureKind, Bgp};
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::reader::Record;
use crate::config::{from_words, get};
use ipnet::{IpNet, Ipv4Net};
use quadzero_azure::rules::{self, Breach, Severity};
use quadzero_codec::Asn;
use quadzero_fsm::{Mode, PeerConfig};
use quadzero_policy::{Decision, Reason};
use std::net::IpAddr;
use toml::Spanned;

/// The AS at Microsoft's end of ExpressRoute (ER-ROUTE).
const EXPRESSROUTE: Asn = Asn(12076);
/// The AS of Route Server and of Virtual WAN, which cannot be changed (RS-FAQ, VWAN-FAQ).
const FIXED: Asn = Asn(65515);

/// A breach of Azure's rules as a diagnostic.
pub(in crate::config) fn breach(span: Span, breach: &Breach) -> Diagnostic {
    let new = match breach.severity() {
        Severity::Error => Diagnostic::error,
        Severity::Warning => Diagnostic::warning,
    };
    Diagnostic { breach: Some(breach.clone()), ..from_words(new, span, &breach.to_string()) }
}

/// One neighbor's side of the rules.
pub(super) struct Rules<'a> {
    pub(super) bgp: &'a Bgp,
    pub(super) keys: &'a file::Neighbor,
    pub(super) kind: &'a Spanned<AzureKind>,
    pub(super) out: &'a mut Vec<Diagnostic>,
}

impl Rules<'_> {
    /// What the sessions need.
    pub(super) fn check_peer(&mut self, peer: &PeerConfig) {
        self.asns();
        match self.kind.get_ref() {
            AzureKind::VpnGateway => self.vpn_gateway(peer),
            AzureKind::ExpressRoute => self.expressroute(peer),
            AzureKind::RouteServer | AzureKind::VirtualWan => self.two_octet_as(),
        }
        self.bfd();
        if let Some(multihop) = &self.keys.multihop
            && *self.kind.get_ref() != AzureKind::ExpressRoute
        {
            self.report(multihop.span(), rules::ttl(*multihop.get_ref()));
        }
        self.addresses();
    }

    fn report(&mut self, span: Span, result: Result<(), Breach>) {
        self.out.extend(result.err().map(|b| breach(span, &b)));
    }

    fn asns(&mut self) {
        let (Some(own), Some(remote)) = (&self.bgp.asn, &self.keys.remote_as) else { return };
        let kind = *self.kind.get_ref();
        if own.get_ref() == remote.get_ref() {
            let same = breach(remote.span(), &Breach::SameAsn(*own.get_ref()));
            self.out.push(same.related(own.span(), "our own"));
        } else if kind == AzureKind::ExpressRoute {
            self.report(own.span(), rules::expressroute_peer_asn(*own.get_ref()));
        } else {
            self.report(own.span(), rules::peer_asn(*own.get_ref(), *remote.get_ref()));
        }
        match kind {
            AzureKind::VpnGateway if *remote.get_ref() == EXPRESSROUTE => {
                let error = Diagnostic::error(remote.span(), "AS 12076 is ExpressRoute's");
                let error = error.related(self.kind.span(), "this kind never has it");
                self.out.push(error.hint("kind = \"expressroute\""));
            }
            AzureKind::VpnGateway => self.report(remote.span(), rules::gateway_asn(*remote.get_ref())),
            AzureKind::ExpressRoute => self.remote_as(remote, EXPRESSROUTE),
            AzureKind::RouteServer | AzureKind::VirtualWan => self.remote_as(remote, FIXED),
        }
    }

    fn remote_as(&mut self, remote: &Spanned<Asn>, fixed: Asn) {
        if *remote.get_ref() != fixed {
            let message = format!("AS {} is not Azure's here", remote.get_ref());
            let error = Diagnostic::error(remote.span(), message).hint(format!("remote-as = {fixed}"));
            self.out.push(error.related(self.kind.span(), format!("always AS {fixed}")));
        }
    }

    fn vpn_gateway(&mut self, peer: &PeerConfig) {
        if let Some(address) = &self.keys.address {
            match address.get_ref() {
                IpAddr::V4(v4) => self.report(address.span(), rules::azure_apipa(*v4)),
                v6 => self.report(address.span(), Err(Breach::PeerOverIpv6(*v6))),
            }
            let span = self.keys.mode.as_ref().map_or(address.span(), Spanned::span);
            // The gateway peers from an APIPA address exactly when its peer has one: its own tells ours.
            self.report(span, rules::somebody_dials(*address.get_ref(), peer.mode == Mode::Passive));
        }
        if let (Some(address), Some(local)) = (&self.keys.address, &self.keys.local_address) {
            self.report(local.span(), rules::apipa_on_both_sides(*address.get_ref(), *local.get_ref()));
        }
        self.timers(peer);
        if let Some(span) = self.password() {
            let warning = Diagnostic::warning(span, "Azure's VPN gateways have no setting for TCP MD5");
            self.out.push(
                warning.hint("leave it out: the session would never come up; IPsec protects it already"),
            );
        }
    }

    fn timers(&mut self, peer: &PeerConfig) {
        let Err(found) = rules::timers(peer.timers.hold, peer.timers.keepalive) else { return };
        let keys = &self.keys.timers;
        let span = match found {
            Breach::Keepalive(_) => keys.keepalive.as_ref().map(Spanned::span),
            _ => keys.hold_time.as_ref().map(Spanned::span),
        };
        self.out.extend(span.map(|span| breach(span, &found)));
    }

    fn password(&self) -> Option<Span> {
        let file = self.keys.password_file.as_ref().map(Spanned::span);
        self.keys.password.as_ref().map(Spanned::span).or(file)
    }

    fn expressroute(&mut self, peer: &PeerConfig) {
        let Some(hold) = &self.keys.timers.hold_time else { return };
        if peer.timers.hold.seconds() < 10 {
            let warning = Diagnostic::warning(hold.span(), "ExpressRoute takes hold times down to 10 s");
            self.out.push(warning.hint("hold-time = 10 with keepalive = 3 is the least; BFD detects faster"));
        }
    }

    /// Of Azure's gateways, ExpressRoute's edges alone have it (ER-BFD, VPN-FAQ).
    fn bfd(&mut self) {
        let on = self.keys.bfd.as_ref().filter(|bfd| !matches!(bfd.get_ref(), Bfd::Off));
        if let Some(bfd) = on.filter(|_| *self.kind.get_ref() != AzureKind::ExpressRoute) {
            let error = Diagnostic::error(bfd.span(), "Azure has no BFD here: it would never come up");
            let error = error.related(self.kind.span(), "of its gateways, ExpressRoute alone has it");
            self.out.push(error.hint(
                "leave it out, or bfd = false against the defaults; a session ends with the hold time",
            ));
        }
    }

    fn two_octet_as(&mut self) {
        if let Some(own) = self.bgp.asn.as_ref().filter(|own| !own.get_ref().is_two_octet()) {
            let warning =
                Diagnostic::warning(own.span(), "Azure documents AS numbers of 16 bits only for this peer");
            self.out.push(warning.related(self.kind.span(), "for this one").hint("a number below 65536"));
        }
    }

    /// Who must be outside of the virtual network, and who inside. Route Server's peers are a part of it.
    fn addresses(&mut self) {
        let space = self.address_space();
        let Some(address) = self.keys.address.as_ref().filter(|_| !space.is_empty()) else { return };
        let inside = space.iter().any(|net| IpNet::V4(*net).contains(address.get_ref()));
        match self.kind.get_ref() {
            AzureKind::VpnGateway if !inside && !rules::is_apipa(*address.get_ref()) => {
                let message = format!("{} is outside the gateway's virtual network", address.get_ref());
                let hint = "the gateway peers from an address of its GatewaySubnet, or from an APIPA one";
                self.out.push(Diagnostic::warning(address.span(), message).hint(hint));
            }
            AzureKind::ExpressRoute if inside => {
                let message = format!("{} is inside the virtual network", address.get_ref());
                let hint = "the circuit's two /30 must be outside of every virtual network";
                self.out.push(Diagnostic::error(address.span(), message).hint(hint));
            }
            AzureKind::RouteServer => return,
            _ => {}
        }
        if let Some(local) = self.keys.local_address.as_ref().filter(|local| local.get_ref().is_ipv4()) {
            self.report(local.span(), rules::peer_address(*local.get_ref(), &space));
        }
    }

    fn address_space(&self) -> Vec<Ipv4Net> {
        let azure = self.keys.azure.as_ref().map(Spanned::get_ref);
        let prefixes = azure.and_then(|azure| get(&azure.address_space)).unwrap_or_default();
        let v4 = |prefix: Spanned<IpNet>| match prefix.into_inner() {
            IpNet::V4(net) => Some(net),
            IpNet::V6(_) => None,
        };
        prefixes.into_iter().filter_map(v4).collect()
    }

    /// What Azure makes of the routes.
    pub(super) fn check_routes(&mut self, file: &file::File, decisions: &[Decision]) {
        let announced = || decisions.iter().filter(|d| d.route().is_some());
        let limit = match self.kind.get_ref() {
            AzureKind::VpnGateway | AzureKind::ExpressRoute | AzureKind::RouteServer => 4_000,
            AzureKind::VirtualWan => 10_000,
        };
        self.report(self.kind.span(), rules::prefix_count(announced().count(), limit));
        if let Some(gateway) = get(&self.keys.remote_as) {
            for (decision, route) in announced().filter_map(|d| Some((d, d.route()?))) {
                self.report(
                    place(file, decision),
                    rules::path(decision.prefix, &route.attributes.as_path, gateway),
                );
            }
        }
        let space = self.address_space();
        for decision in announced().filter(|d| !matches!(d.because, Reason::Piece { .. })) {
            if let IpNet::V4(net) = decision.prefix {
                self.report(place(file, decision), rules::announced(net, &space));
            }
        }
        self.check_exceptions(file, decisions);
    }

    fn check_exceptions(&mut self, file: &file::File, decisions: &[Decision]) {
        if let Some(exception) = decisions.iter().find(|d| d.because == Reason::Exception) {
            self.warn_of_attraction(place(file, exception));
        }
        let Some(carved) = decisions.iter().find(|d| matches!(d.because, Reason::Carved { .. })) else {
            return;
        };
        let span = place(file, carved);
        if *self.kind.get_ref() == AzureKind::VirtualWan {
            let error =
                Diagnostic::error(span, "Virtual WAN takes 0.0.0.0/0 whole: a carve-out can cut off its hub");
            self.out.push(
                error.related(self.kind.span(), "toward this one").hint("mode = \"udr\" for the exceptions"),
            );
        } else if !decisions.iter().any(is_private) {
            let message =
                "beside a carve-out, Azure drops what goes to private addresses that are not announced";
            let warning = Diagnostic::warning(span, message).label("announced in pieces");
            self.out.push(warning.hint("its own routes to 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and 100.64.0.0/10 win; [[originate]] yours"));
        }
    }

    fn warn_of_attraction(&mut self, span: Span) {
        if *self.kind.get_ref() == AzureKind::RouteServer {
            return;
        }
        let message = "mode announce pulls this traffic to on-premises, more strongly than the default route";
        let hint = "KMS answers only to Azure's own addresses: use \"carve-out\" or \"udr\", unless your way out is through Azure";
        self.out
            .push(Diagnostic::warning(span, message).related(self.kind.span(), "to this gateway").hint(hint));
    }
}

fn is_private(decision: &Decision) -> bool {
    let IpNet::V4(net) = decision.prefix else { return false };
    decision.because == Reason::Whole && net.prefix_len() >= 8 && net.addr().is_private()
}

/// Where the file says so: an exception's mode, an origination's prefix.
fn place(file: &file::File, decision: &Decision) -> Span {
    let name = super::routes::source_name(&decision.source);
    let exception = file.exception.iter().find(|e| e.name.as_ref().is_some_and(|n| n.get_ref() == name));
    let mode = exception.and_then(|e| e.mode.as_ref()).map(Spanned::span);
    let prefixes = file.originate.iter().flat_map(super::routes::originated).map(|(_, prefix)| prefix);
    let whole = match &decision.because {
        Reason::Piece { of, .. } => of,
        _ => &decision.prefix,
    };
    let prefix = prefixes.filter(|prefix| prefix.get_ref() == whole).map(Spanned::span).next();
    mode.or(prefix).unwrap_or_else(|| file.span())
}
