//! What has to be made in Azure for an edge, in the languages that make it.
//!
//! ```text
//!   policy, neighbors --udr, gateway, forced_tunneling--> Plan --Plan::render--> az | PowerShell | Terraform | Bicep | ARM
//! ```
//!
//! In the middle is a [`Plan`]: resources in plain values, and notes about them. It is made once, and every language
//! renders all of it. Where a language cannot say something, it says so in a comment, with the command that does.
//!
//! Nothing here can be built from what must not be said: names have types that know Azure's rules ([`Name`],
//! [`ResourceGroup`]), addresses are addresses. Each language's quoting is right even so, for any text: two locks on one door.
//!
//! Keys are no part of a plan. The languages ask for them (the shell its environment, PowerShell a parameter, Terraform a
//! variable, templates a secure parameter), so that no file and no terminal shows one.
//!
//! No I/O, and the same input gives the same text.

mod arm;
mod az;
mod bicep;
mod comment;
mod edge;
mod forced_tunneling;
mod gateway;
mod model;
mod name;
mod powershell;
mod resource;
mod terraform;
mod udr;

pub use edge::{Kind, Neighbor, PlanError, internet};
pub use forced_tunneling::{ForcedTunneling, Way};
pub use gateway::Plumbing;
pub use model::{
    Connection, DefaultSite, ExpressRoutePeering, Item, NextHop, Plan, Route, RouteServer, RouteTable,
    Subnet, Vpn,
};
pub use name::{Location, Name, NameError, PublicIp, ResourceGroup};
pub use udr::{Table, Udr};

/// The languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Azure's command line, in a shell script.
    Az,
    /// PowerShell with Az.Network.
    PowerShell,
    /// Terraform with azurerm.
    Terraform,
    /// Bicep.
    Bicep,
    /// A JSON template.
    Arm,
}

impl Plan {
    /// The plan in a language.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Az => az::render(self),
            Format::PowerShell => powershell::render(self),
            Format::Terraform => terraform::render(self),
            Format::Bicep => bicep::render(self),
            Format::Arm => arm::render(self),
        }
    }
}
