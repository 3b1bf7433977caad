//! Azure's side for the mock: gateways, what they are connected to, and the virtual networks behind them.
//!
//! One gateway is `[gateway]`, several are `[[gateway]]`. What belongs together is found by names; what is left out is
//! what one has as a rule: everything in the first network, the other networks peered to it, and with a hub in the file
//! all networks connected to that.

mod api;
mod file;
mod gateway;
mod place;
mod vnet;

pub use api::Api;
pub(super) use file::File;

use super::diagnostic::{Diagnostic, Span};
use super::edge::{breach, unique};
use super::reader::{Record, closest};
use super::{get, span};
use quadzero_azure::config::{Azure, Gateway, Vnet};
use quadzero_azure::rules;
use quadzero_azure::speaker::Endpoints;
use std::path::Path;
use toml::Spanned;

/// Gateways as the program uses them. All of it has been checked.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The gateways and their networks.
    pub azure: Azure,
    /// Where instances listen and connections are dialled, where the file says so.
    pub endpoints: Endpoints,
    /// Where questions are answered, if anywhere.
    pub api: Option<Api>,
}

impl File {
    /// The deployment, unless something is wrong; what is wrong is added to `out`.
    pub(super) fn check(&self, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Deployment> {
        let keys = self.gateways();
        self.gateway.as_ref()?;
        self.check_names(out);
        let names = Names::new(self);
        for keys in keys {
            gateway::check(keys, out);
        }
        let gateways: Vec<Option<Gateway>> =
            keys.iter().enumerate().map(|(i, keys)| gateway::gateway(i, keys, &names, folder, out)).collect();
        let vnets: Vec<Option<Vnet>> =
            self.vnet.iter().enumerate().map(|(i, keys)| vnet::vnet(i, keys, &names, out)).collect();
        let azure = Azure {
            gateways: gateways.into_iter().collect::<Option<_>>()?,
            vnets: vnets.into_iter().collect::<Option<_>>()?,
        };
        let api = self.api.as_ref().and_then(|keys| api::api(keys.get_ref(), folder, out));
        for finding in rules::check(&azure) {
            out.push(breach(self.place(&finding), &finding.breach));
        }
        let endpoints =
            keys.iter().zip(&azure.gateways).flat_map(|(keys, own)| gateway::endpoints(keys, own));
        Some(Deployment { endpoints: Endpoints(endpoints.collect()), azure, api })
    }

    /// What its gateways are called.
    pub(super) fn gateway_names(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.gateways().iter().filter_map(|gateway| gateway.name.as_ref())
    }

    /// Those without a name.
    pub(super) fn nameless_gateways(&self) -> impl Iterator<Item = Span> {
        self.gateways().iter().filter(|gateway| gateway.name.is_none()).map(Record::span)
    }

    /// What its networks are called.
    pub(super) fn vnet_names(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.vnet.iter().filter_map(|vnet| vnet.name.as_ref())
    }

    fn gateways(&self) -> &[file::Gateway] {
        self.gateway.as_ref().map_or(&[], |gateways| &gateways.get_ref().0)
    }

    fn check_names(&self, out: &mut Vec<Diagnostic>) {
        unique(self.gateways().iter().filter_map(|g| g.name.as_ref()), "name", out);
        let listen = self.gateways().iter().flat_map(|g| g.instance.iter().filter_map(|i| i.listen.as_ref()));
        unique(listen, "socket", out);
        for gateway in self.gateways() {
            unique(gateway.instance.iter().filter_map(|i| i.name.as_ref()), "name", out);
            unique(gateway.connection.iter().filter_map(|c| c.name.as_ref()), "name", out);
        }
        unique(self.vnet.iter().filter_map(|v| v.name.as_ref()), "name", out);
        let subnets = self.vnet.iter().flat_map(|vnet| &vnet.subnet);
        let interfaces = subnets.flat_map(|s| s.network_interfaces.iter().flat_map(|list| list.get_ref()));
        unique(interfaces, "network interface", out);
        for vnet in &self.vnet {
            unique(vnet.subnet.iter().filter_map(|s| s.name.as_ref()), "name", out);
            vnet.subnet
                .iter()
                .for_each(|s| unique(s.route.iter().filter_map(|r| r.name.as_ref()), "name", out));
        }
    }
}

/// What things are called that others refer to.
struct Names {
    vnets: Vec<String>,
    /// Hubs: the index of the gateway, and its name.
    hubs: Vec<(usize, String)>,
}

impl Names {
    fn new(file: &File) -> Self {
        let hub = |(i, keys): (usize, &file::Gateway)| {
            (get(&keys.kind) == Some(file::GatewayKind::VirtualWan)).then(|| (i, gateway::name(i, keys)))
        };
        Self {
            vnets: file.vnet.iter().map(|vnet| get(&vnet.name).unwrap_or_default()).collect(),
            hubs: file.gateways().iter().enumerate().filter_map(hub).collect(),
        }
    }

    fn vnet(&self, name: &Spanned<String>, out: &mut Vec<Diagnostic>) -> Option<usize> {
        let found = self.vnets.iter().position(|vnet| vnet == name.get_ref());
        found.or_else(|| unknown(name, "virtual network", self.vnets.iter().map(String::as_str), out))
    }

    fn hub(&self, name: &Spanned<String>, out: &mut Vec<Diagnostic>) -> Option<usize> {
        let found = self.hubs.iter().find(|(_, hub)| hub == name.get_ref()).map(|(i, _)| *i);
        found.or_else(|| unknown(name, "hub", self.hubs.iter().map(|(_, hub)| hub.as_str()), out))
    }
}

fn unknown<'a, T>(
    name: &Spanned<String>,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    out: &mut Vec<Diagnostic>,
) -> Option<T> {
    let message = format!("no {what} is called \"{}\"", name.get_ref());
    let hint = match closest(name.get_ref(), known.clone()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => match known.collect::<Vec<_>>().join(", ").as_str() {
            "" => format!("there is no {what} in this file"),
            names => format!("there are: {names}"),
        },
    };
    out.push(Diagnostic::error(name.span(), message).hint(hint));
    None
}

fn plain<T: Clone>(list: &Option<Spanned<Vec<Spanned<T>>>>) -> Vec<T> {
    list.iter().flat_map(|list| list.get_ref()).map(|value| value.get_ref().clone()).collect()
}
