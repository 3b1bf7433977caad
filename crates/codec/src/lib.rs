//! BGP-4 messages: bytes to values and back.

mod attribute;
mod capability;
mod decoder;
mod dialect;
mod error;
mod notification;
mod number;
mod open;
mod refresh;
mod update;

pub use attribute::*;
pub use capability::*;
pub use decoder::*;
pub use dialect::*;
pub use error::*;
pub use notification::*;
pub use number::*;
pub use open::*;
pub use refresh::*;
pub use update::*;

/// A BGP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// 1
    Open(Open),
    /// 2
    Update(Update),
    /// 3
    Notification(Notification),
    /// 4
    Keepalive,
    /// 5 (RFC 2918)
    RouteRefresh(RouteRefresh),
}
