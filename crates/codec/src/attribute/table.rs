//! The one table of path attributes: what they are called, what they must look like, and what happens if they do not.

use crate::{Dialect, Flaw, Treatment};
use std::borrow::Cow;

/// Attribute flags (RFC 4271 §4.3).
pub(crate) mod flag {
    pub(crate) const OPTIONAL: u8 = 0x80;
    pub(crate) const TRANSITIVE: u8 = 0x40;
    pub(crate) const PARTIAL: u8 = 0x20;
    pub(crate) const EXTENDED_LENGTH: u8 = 0x10;
    /// The two that an attribute's specification fixes.
    pub(crate) const FIXED: u8 = OPTIONAL | TRANSITIVE;
}

/// Attribute type codes.
pub(crate) mod code {
    pub(crate) const ORIGIN: u8 = 1;
    pub(crate) const AS_PATH: u8 = 2;
    pub(crate) const NEXT_HOP: u8 = 3;
    pub(crate) const MULTI_EXIT_DISC: u8 = 4;
    pub(crate) const LOCAL_PREF: u8 = 5;
    pub(crate) const ATOMIC_AGGREGATE: u8 = 6;
    pub(crate) const AGGREGATOR: u8 = 7;
    pub(crate) const COMMUNITIES: u8 = 8;
    pub(crate) const ORIGINATOR_ID: u8 = 9;
    pub(crate) const CLUSTER_LIST: u8 = 10;
    pub(crate) const MP_REACH_NLRI: u8 = 14;
    pub(crate) const MP_UNREACH_NLRI: u8 = 15;
    pub(crate) const EXTENDED_COMMUNITIES: u8 = 16;
    pub(crate) const AS4_PATH: u8 = 17;
    pub(crate) const AS4_AGGREGATOR: u8 = 18;
    pub(crate) const IPV6_EXTENDED_COMMUNITIES: u8 = 25;
    pub(crate) const LARGE_COMMUNITY: u8 = 32;
    pub(crate) const ONLY_TO_CUSTOMER: u8 = 35;
}

/// Which lengths an attribute's value may have.
#[derive(Clone, Copy, Debug)]
enum Length {
    Exactly(usize),
    /// Not zero.
    MultipleOf(usize),
    /// Only its content tells.
    Any,
}

/// Which peers may send an attribute; from others it is discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Any,
    /// Peers of our own AS (RFC 7606 §7.5, §7.9, §7.10).
    Internal,
    /// Peers that do not speak four-octet AS numbers (RFC 6793 §6).
    TwoOctet,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) code: u8,
    name: &'static str,
    /// Optional and Transitive.
    pub(crate) flags: u8,
    length: Length,
    sender: Sender,
    /// What becomes of an UPDATE in which it is malformed (RFC 7606 §7).
    pub(crate) malformed: Treatment,
}

const fn rule(
    code: u8,
    name: &'static str,
    flags: u8,
    length: Length,
    sender: Sender,
    malformed: Treatment,
) -> Rule {
    Rule { code, name, flags, length, sender, malformed }
}

const RULES: [Rule; 18] = {
    use Length::{Any, Exactly, MultipleOf};
    use Treatment::{DiscardAttribute as Discard, ResetSession as Reset, TreatAsWithdraw as Withdraw};
    const WELL_KNOWN: u8 = flag::TRANSITIVE;
    const TRANSITIVE: u8 = flag::OPTIONAL | flag::TRANSITIVE;
    const NON_TRANSITIVE: u8 = flag::OPTIONAL;
    [
        rule(code::ORIGIN, "ORIGIN", WELL_KNOWN, Exactly(1), Sender::Any, Withdraw),
        rule(code::AS_PATH, "AS_PATH", WELL_KNOWN, Any, Sender::Any, Withdraw),
        rule(code::NEXT_HOP, "NEXT_HOP", WELL_KNOWN, Exactly(4), Sender::Any, Withdraw),
        rule(code::MULTI_EXIT_DISC, "MULTI_EXIT_DISC", NON_TRANSITIVE, Exactly(4), Sender::Any, Withdraw),
        rule(code::LOCAL_PREF, "LOCAL_PREF", WELL_KNOWN, Exactly(4), Sender::Internal, Withdraw),
        rule(code::ATOMIC_AGGREGATE, "ATOMIC_AGGREGATE", WELL_KNOWN, Exactly(0), Sender::Any, Discard),
        rule(code::AGGREGATOR, "AGGREGATOR", TRANSITIVE, Any, Sender::Any, Discard),
        rule(code::COMMUNITIES, "COMMUNITIES", TRANSITIVE, MultipleOf(4), Sender::Any, Withdraw),
        rule(code::ORIGINATOR_ID, "ORIGINATOR_ID", NON_TRANSITIVE, Exactly(4), Sender::Internal, Withdraw),
        rule(code::CLUSTER_LIST, "CLUSTER_LIST", NON_TRANSITIVE, MultipleOf(4), Sender::Internal, Withdraw),
        rule(code::MP_REACH_NLRI, "MP_REACH_NLRI", NON_TRANSITIVE, Any, Sender::Any, Reset),
        rule(code::MP_UNREACH_NLRI, "MP_UNREACH_NLRI", NON_TRANSITIVE, Any, Sender::Any, Reset),
        rule(
            code::EXTENDED_COMMUNITIES,
            "EXTENDED_COMMUNITIES",
            TRANSITIVE,
            MultipleOf(8),
            Sender::Any,
            Withdraw,
        ),
        rule(code::AS4_PATH, "AS4_PATH", TRANSITIVE, Any, Sender::TwoOctet, Discard),
        rule(code::AS4_AGGREGATOR, "AS4_AGGREGATOR", TRANSITIVE, Exactly(8), Sender::TwoOctet, Discard),
        rule(
            code::IPV6_EXTENDED_COMMUNITIES,
            "IPV6_EXTENDED_COMMUNITIES",
            TRANSITIVE,
            MultipleOf(20),
            Sender::Any,
            Withdraw,
        ),
        rule(code::LARGE_COMMUNITY, "LARGE_COMMUNITY", TRANSITIVE, MultipleOf(12), Sender::Any, Withdraw),
        rule(code::ONLY_TO_CUSTOMER, "ONLY_TO_CUSTOMER", TRANSITIVE, Exactly(4), Sender::Any, Withdraw),
    ]
};

impl Rule {
    /// `None` for an attribute that we do not know.
    pub(crate) fn of(code: u8) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.code == code)
    }

    /// Whether only its form is known: what it says is passed on as it came.
    pub(crate) const fn is_opaque(&self) -> bool {
        self.code == code::IPV6_EXTENDED_COMMUNITIES
    }

    pub(crate) const fn check_sender(&self, dialect: &Dialect) -> Result<(), Flaw> {
        match self.sender {
            Sender::Internal if !dialect.internal => Err(Flaw::InternalOnly),
            Sender::TwoOctet if dialect.four_octet_as => Err(Flaw::TwoOctetOnly),
            Sender::Any | Sender::Internal | Sender::TwoOctet => Ok(()),
        }
    }

    pub(crate) const fn check_flags(&self, flags: u8) -> Result<(), Flaw> {
        if flags & flag::FIXED == self.flags { Ok(()) } else { Err(Flaw::Flags(flags)) }
    }

    pub(crate) const fn check_length(&self, length: usize) -> Result<(), Flaw> {
        let fits = match self.length {
            Length::Exactly(n) => length == n,
            Length::MultipleOf(n) => length != 0 && length.is_multiple_of(n),
            Length::Any => true,
        };
        if fits { Ok(()) } else { Err(Flaw::Length(length)) }
    }
}

/// The attribute's name, or its number. Some that are kept as octets have a name too.
pub(crate) fn name(code: u8) -> Cow<'static, str> {
    match (code, Rule::of(code)) {
        (_, Some(rule)) => rule.name.into(),
        (0, None) => "NLRI".into(),
        (22, None) => "PMSI_TUNNEL".into(),
        (23, None) => "TUNNEL_ENCAPSULATION".into(),
        (26, None) => "AIGP".into(),
        (29, None) => "BGP-LS".into(),
        (40, None) => "PREFIX_SID".into(),
        (128, None) => "ATTR_SET".into(),
        (_, None) => format!("attribute {code}").into(),
    }
}
