//! The causes that are known, and where azure.md has them from.

use serde::Serialize;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A hold time that the gateway's KEEPALIVEs do not keep.
    HoldTime,
    /// An APIPA address, and nobody dials, or one side has none.
    Apipa,
    /// Nobody dials.
    NobodyDials,
    /// One hop where more are needed.
    Multihop,
    /// Nothing answers.
    NoPath,
    /// Something answers, and it is not BGP.
    NoBgp,
    /// The local address is none of this machine's.
    NoLocalAddress,
    /// A key where Azure has no setting for one.
    Md5,
    /// An AS number that Azure refuses.
    ReservedAsn,
    /// The two sides disagree about an AS number.
    WrongAsn,
    /// A prefix of the virtual network.
    InsideVnet,
    /// The receiver's AS is in the path.
    OwnAsInPath,
    /// More prefixes than the limit.
    TooManyPrefixes,
    /// A prefix that this kind of gateway does not take.
    NotTaken,
    /// The other side fell silent.
    Silence,
    /// The other side was taken down by its operator.
    TakenDown,
    /// A rule of Azure's that the file breaks.
    Rule,
}

impl Cause {
    /// The row of azure.md §7.1, by its symptom; or else another place there.
    pub const fn row(self) -> &'static str {
        match self {
            Self::HoldTime => "§7.1 flaps about every 30 s, \"random\" resets",
            Self::Apipa => "§7.1 peer stuck Connecting with 169.254.x",
            Self::NobodyDials | Self::Multihop | Self::NoPath | Self::NoLocalAddress => {
                "§7.1 TCP never starts"
            }
            Self::NoBgp => "§1.3 BGP is a flag of each connection",
            Self::Md5 => "§1.4 TCP MD5",
            Self::ReservedAsn => "§1.1 reserved AS numbers",
            Self::WrongAsn => "§8 row 5",
            Self::InsideVnet | Self::OwnAsInPath => "§7.1 routes missing at Azure",
            Self::TooManyPrefixes => "§7.1 Route Server session drops at random; §8 row 20",
            Self::NotTaken => "§8 rows 10 and 36",
            Self::Silence => "§8 row 9",
            Self::TakenDown => "§8 row 22",
            Self::Rule => "§1 to §5",
        }
    }

    /// The key of the source.
    pub const fn source(self) -> &'static str {
        match self {
            Self::HoldTime => "TIMERS",
            Self::Apipa | Self::NobodyDials => "CFG-BGP",
            Self::Multihop | Self::NoPath | Self::NoLocalAddress | Self::Silence => "VPN-FAQ",
            Self::NoBgp => "CLI-BGP",
            Self::Md5 | Self::WrongAsn => "inferred",
            Self::ReservedAsn | Self::InsideVnet | Self::TooManyPrefixes => "VPN-FAQ",
            Self::OwnAsInPath => "RS-FAQ",
            Self::NotTaken => "ER-ROUTE",
            Self::TakenDown => "HA",
            Self::Rule => "VPN-FAQ",
        }
    }

    /// What would be seen, for rules that a file breaks before anything was.
    pub const fn would_show(self) -> &'static str {
        match self {
            Self::HoldTime => "the session would flap",
            Self::Apipa | Self::NobodyDials => "the session would stay Connecting",
            Self::Multihop | Self::NoPath | Self::NoLocalAddress | Self::NoBgp | Self::Md5 => {
                "the connection would never be opened"
            }
            Self::ReservedAsn | Self::WrongAsn => "the session would not come up",
            Self::InsideVnet | Self::OwnAsInPath | Self::NotTaken => "the route would be missing at Azure",
            Self::TooManyPrefixes => "the session would be dropped",
            Self::Silence | Self::TakenDown | Self::Rule => "Azure would not have it so",
        }
    }
}
