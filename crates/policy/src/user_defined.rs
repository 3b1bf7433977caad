//! The other way to make an exception: a route in the subnets' route tables.

use crate::{ExceptionMode, ExceptionSet};
use ipnet::IpNet;

/// An entry for an Azure route table, next hop type [`NEXT_HOP_TYPE`](Self::NEXT_HOP_TYPE).
///
/// It wins over a route learned by BGP to the same prefix, and by its length over a default route; and it
/// keeps working while no BGP session does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserDefinedRoute {
    /// The exception set that it belongs to.
    pub set: String,
    /// A name that Azure takes: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// Address prefix.
    pub prefix: IpNet,
    /// Whether the exception depends on it (mode udr). Otherwise it is what could be done instead.
    pub needed: bool,
}

impl UserDefinedRoute {
    /// The next hop type of every entry, as Azure spells it.
    pub const NEXT_HOP_TYPE: &str = "Internet";

    pub(crate) fn of(set: &ExceptionSet) -> impl Iterator<Item = Self> + '_ {
        let needed = matches!(set.mode, ExceptionMode::Udr);
        set.prefixes.iter().map(move |prefix| Self {
            set: set.name.clone(),
            name: name(&set.name, prefix),
            prefix: *prefix,
            needed,
        })
    }
}

fn name(set: &str, prefix: &IpNet) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = format!("{set}-{prefix}").chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).into()
}
