//! Answers to questions that the sources leave open, and how fast the mock's clock runs.

use std::time::Duration;

/// What a gateway does with a smaller Hold Time than its own: the sources disagree (azure.md §1.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HoldTimeBehaviour {
    /// 60 s and 180 s hold whatever the peer says (VPN-FAQ D, TIMERS D).
    #[default]
    Fixed,
    /// The smaller value holds (SYUH F).
    Negotiate,
}

/// How the system default route is listed while a gateway announces one (azure.md §5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SystemDefault {
    /// Not at all (LAB-DEF F).
    #[default]
    Hidden,
    /// As `Invalid`, like one that a user route replaces (UDR D).
    Invalid,
}

/// Answers to questions that the sources leave open (azure.md §8, "unconfirmed").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    /// Row 7 of azure.md §8. Without meaning for ExpressRoute, which negotiates (row 8).
    pub hold_time: HoldTimeBehaviour,
    /// Row 13 of azure.md §8.
    pub system_default: SystemDefault,
    /// How long a default that is new is listed twice, while Azure converges: minutes, sometimes (row 13, LAB-DEF F).
    pub converging: Duration,
    /// Whether MED decides between paths of equal length. Off: equal AS_PATHs share the traffic (row 23).
    pub compare_med: bool,
    /// Whether transit routes of a VPN gateway keep their communities. Off: none were seen (row 24, LAB-BGP F).
    pub keep_communities: bool,
    /// How long a session stays down that took the gateway over its limit of prefixes (row 20).
    pub limit_penalty: Duration,
    /// Time between dials.
    pub connect_retry: Duration,
    /// The TTL that is sent (azure.md §1.3).
    pub ttl: u8,
    /// Whether the four-octet AS capability is offered: Route Server does (FRR-RS F), and a gateway's ASN is of
    /// 32 bits.
    pub four_octet_as: bool,
    /// How long before maintenance a router of ExpressRoute announces with a longer path (ER-HA D; how long, U).
    pub maintenance_warning: Duration,
    /// How long planned maintenance takes an instance away: 10 to 15 s (row 22, HA D).
    pub planned_outage: Duration,
    /// How long a failure takes an instance away: 60 to 90 s (row 22, HA D).
    pub unplanned_outage: Duration,
    /// How many times faster than Azure the mock lets outages and penalties pass. Timers of BGP are not changed.
    pub time_scale: u32,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            hold_time: HoldTimeBehaviour::default(),
            system_default: SystemDefault::default(),
            converging: Duration::ZERO,
            compare_med: false,
            keep_communities: false,
            limit_penalty: Duration::from_secs(60),
            connect_retry: Duration::from_secs(120),
            ttl: 64,
            four_octet_as: true,
            maintenance_warning: Duration::from_secs(60),
            planned_outage: Duration::from_secs(15),
            unplanned_outage: Duration::from_secs(90),
            time_scale: 1,
        }
    }
}

impl Switches {
    /// How long something takes in the mock that takes Azure so long.
    pub fn scaled(&self, azure: Duration) -> Duration {
        azure / self.time_scale.max(1)
    }
}
