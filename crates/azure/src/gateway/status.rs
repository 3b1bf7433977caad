//! The sessions in the shape of `az network vnet-gateway list-bgp-peer-status` (azure.md §1.7).

use serde::{Serialize, Serializer};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The states of Azure's API (ARM schema D), which knows fewer than RFC 4271.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum PeerState {
    /// An instance, seen from itself.
    Unknown,
    /// The peer is taken down.
    Stopped,
    /// Idle.
    Idle,
    /// On the way: Connect, Active, OpenSent, OpenConfirm.
    Connecting,
    /// Established.
    Connected,
}

/// A row of `list-bgp-peer-status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BgpPeerStatus {
    /// The peer's AS.
    pub asn: u32,
    /// How long the session has been up; null where it is not.
    pub connected_duration: Option<ConnectedDuration>,
    /// The instance's address of the session.
    pub local_address: Ipv4Addr,
    /// BGP messages received.
    pub messages_received: u64,
    /// BGP messages sent.
    pub messages_sent: u64,
    /// The peer.
    pub neighbor: IpAddr,
    /// Prefixes received.
    pub routes_received: usize,
    /// How it is doing.
    pub state: PeerState,
}

/// A duration as Azure prints it: `d.hh:mm:ss.fffffff`, the last digits being tenths of a microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectedDuration(pub Duration);

impl fmt::Display for ConnectedDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ticks) = (self.0.as_secs(), self.0.subsec_nanos() / 100);
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
        write!(f, "{days}.{hours:02}:{minutes:02}:{:02}.{ticks:07}", seconds % 60)
    }
}

impl Serialize for ConnectedDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for PeerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "Unknown",
            Self::Stopped => "Stopped",
            Self::Idle => "Idle",
            Self::Connecting => "Connecting",
            Self::Connected => "Connected",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// azure.md §8, row 32, and the shape of §1.7.
    #[test]
    fn status_has_the_shape_of_the_command_line() {
        let up =
            Duration::from_secs(3 * 86_400 + 5 * 3_600 + 59 * 60 + 16) + Duration::from_nanos(826_324_099);
        let row = BgpPeerStatus {
            asn: 65010,
            connected_duration: Some(ConnectedDuration(up)),
            local_address: Ipv4Addr::new(10, 1, 0, 4),
            messages_received: 5_000,
            messages_sent: 6_000,
            neighbor: Ipv4Addr::new(10, 51, 255, 254).into(),
            routes_received: 4,
            state: PeerState::Connected,
        };
        insta::assert_snapshot!(serde_json::to_string_pretty(&row).unwrap(), @r#"
        {
          "asn": 65010,
          "connectedDuration": "3.05:59:16.8263240",
          "localAddress": "10.1.0.4",
          "messagesReceived": 5000,
          "messagesSent": 6000,
          "neighbor": "10.51.255.254",
          "routesReceived": 4,
          "state": "Connected"
        }
        "#);
    }
}
