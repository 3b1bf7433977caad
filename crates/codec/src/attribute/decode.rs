//! Path attributes read, by the rules of RFC 7606.
//!
//! Each attribute goes down the same road, and what stops it there is a fault with its treatment:
//!
//! ```text
//! header ──► once? ──► known? ──► from such a peer? ──► flags? ──► length? ──► value ──► Received
//!  Overrun   Duplicate  unknown    InternalOnly …        Flags      Length     …
//! ```

use super::{
    Aggregator, AsPath, Attributes, Community, ExtendedCommunity, LargeCommunity, NextHop, Origin, Segment,
    SegmentKind, UnknownAttribute,
    table::{Rule, code, flag},
};
use crate::{Asn, DecodeError, Dialect, Family, Fault, Flaw, Treatment, nlri, reader::Reader};
use bytes::Bytes;
use ipnet::IpNet;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// One attribute as it came.
struct Raw<'a> {
    flags: u8,
    code: u8,
    value: Reader<'a>,
    /// Flags, type, length and value.
    whole: Reader<'a>,
}

impl Raw<'_> {
    /// The treatment of what is not read: prefixes that are not known cannot be withdrawn (RFC 7606 §3 j).
    const fn unread(&self, otherwise: Treatment) -> Treatment {
        match self.code {
            code::MP_REACH_NLRI | code::MP_UNREACH_NLRI => Treatment::ResetSession,
            _ => otherwise,
        }
    }

    fn error(&self, flaw: Flaw) -> DecodeError {
        let (offset, octets) = (self.whole.offset(), Bytes::copy_from_slice(self.whole.octets()));
        DecodeError::Attribute { attribute: self.code, flaw, offset, octets }
    }
}

/// What all attributes of an UPDATE say together.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// Without a next hop: the classic fields have one, MP_REACH_NLRI has another.
    pub(crate) attributes: Attributes,
    pub(crate) next_hop: Option<Ipv4Addr>,
    pub(crate) reach: Option<(NextHop, Vec<IpNet>)>,
    pub(crate) unreach: Option<(Family, Vec<IpNet>)>,
    pub(crate) faults: Vec<Fault>,
    /// The first fault that makes the routes withdrawn, as the error that it is where no route can be told.
    pub(crate) withdraw: Option<DecodeError>,
    /// The attributes run over their end, so what is missing may just not have been found.
    overrun: bool,
    as4_path: Option<AsPath>,
    as4_aggregator: Option<Aggregator>,
    unknown: Vec<UnknownAttribute>,
    seen: Codes,
}

/// A set of attribute type codes.
#[derive(Debug, Default)]
struct Codes([u128; 2]);

impl Codes {
    fn contains(&self, code: u8) -> bool {
        self.0[usize::from(code >> 7)] & (1 << (code & 127)) != 0
    }

    fn insert(&mut self, code: u8) {
        self.0[usize::from(code >> 7)] |= 1 << (code & 127);
    }

    const fn has_other_than(&self, code: u8) -> bool {
        debug_assert!(code < 128, "only codes of the first word are asked for");
        self.0[0] & !(1 << code) != 0 || self.0[1] != 0
    }
}

impl Received {
    /// An error resets the session. The order of checks within an attribute is that of the drawing above.
    pub(crate) fn decode(mut field: Reader<'_>, dialect: &Dialect) -> Result<Self, DecodeError> {
        let mut received = Self::default();
        while !field.is_empty() {
            let (raw, complete) = split_attribute(&mut field);
            if !complete {
                received.overrun = true;
                let treatment = raw.unread(Treatment::TreatAsWithdraw);
                received.fault(&raw, treatment, Flaw::Overrun)?;
                break;
            }
            received.take(&raw, dialect)?;
        }
        received.merge_two_octet();
        received.unknown.sort_by_key(|unknown| unknown.code);
        received.attributes.unknown = std::mem::take(&mut received.unknown).into();
        Ok(received)
    }

    fn fault(&mut self, raw: &Raw<'_>, treatment: Treatment, flaw: Flaw) -> Result<(), DecodeError> {
        match treatment {
            Treatment::ResetSession => return Err(raw.error(flaw)),
            Treatment::TreatAsWithdraw => {
                self.withdraw.get_or_insert_with(|| raw.error(flaw.clone()));
            }
            Treatment::DiscardAttribute => (),
        }
        self.faults.push(Fault { attribute: raw.code, treatment, flaw });
        Ok(())
    }

    fn take(&mut self, raw: &Raw<'_>, dialect: &Dialect) -> Result<(), DecodeError> {
        if self.seen.contains(raw.code) {
            // RFC 7606 §3 g: the first counts.
            return self.fault(raw, raw.unread(Treatment::DiscardAttribute), Flaw::Duplicate);
        }
        self.seen.insert(raw.code);
        let Some(rule) = Rule::of(raw.code) else { return self.take_unknown(raw) };
        if let Err(flaw) = rule.check_sender(dialect) {
            return self.fault(raw, Treatment::DiscardAttribute, flaw);
        }
        if let Err(flaw) = rule.check_flags(raw.flags) {
            self.fault(raw, Treatment::TreatAsWithdraw, flaw)?;
            // The prefixes must still be read, to be withdrawn (RFC 7606 §3 j).
            if rule.malformed != Treatment::ResetSession {
                return Ok(());
            }
        }
        match rule.check_length(raw.value.len()).and_then(|()| self.take_value(rule, raw, dialect)) {
            Ok(()) => Ok(()),
            Err(flaw @ Flaw::Family(_)) => self.fault(raw, Treatment::DiscardAttribute, flaw),
            Err(flaw) => self.fault(raw, rule.malformed, flaw),
        }
    }

    fn take_unknown(&mut self, raw: &Raw<'_>) -> Result<(), DecodeError> {
        if raw.flags & flag::OPTIONAL == 0 {
            return self.fault(raw, Treatment::ResetSession, Flaw::UnrecognizedWellKnown);
        }
        self.keep(raw);
        Ok(())
    }

    fn keep(&mut self, raw: &Raw<'_>) {
        self.unknown.push(UnknownAttribute {
            flags: raw.flags & !flag::EXTENDED_LENGTH,
            code: raw.code,
            value: Bytes::copy_from_slice(raw.value.octets()),
        });
    }

    /// The value of an attribute whose length has been checked, where the table could do that.
    fn take_value(&mut self, rule: &Rule, raw: &Raw<'_>, dialect: &Dialect) -> Result<(), Flaw> {
        let mut value = raw.value;
        let wrong = Flaw::Length(value.len());
        let all = &mut self.attributes;
        match raw.code {
            code::ORIGIN => all.origin = decode_origin(value.u8().ok_or(wrong)?)?,
            code::AS_PATH => all.as_path = decode_as_path(value, dialect)?,
            code::NEXT_HOP => self.next_hop = Some(value.u32().ok_or(wrong)?.into()),
            code::MULTI_EXIT_DISC => all.med = Some(value.u32().ok_or(wrong)?),
            code::LOCAL_PREF => all.local_pref = Some(value.u32().ok_or(wrong)?),
            code::ATOMIC_AGGREGATE => all.atomic_aggregate = true,
            code::AGGREGATOR => all.aggregator = Some(decode_aggregator(value, dialect.four_octet_as)?),
            code::COMMUNITIES => all.communities = decode_list(value, |o| Community(u32::from_be_bytes(o))),
            code::ORIGINATOR_ID => all.originator_id = Some(value.u32().ok_or(wrong)?.into()),
            code::CLUSTER_LIST => all.cluster_list = decode_list(value, Ipv4Addr::from_octets),
            code::MP_REACH_NLRI => self.reach = Some(decode_reach(value, dialect)?),
            code::MP_UNREACH_NLRI => self.unreach = Some(decode_unreach(value, dialect)?),
            code::EXTENDED_COMMUNITIES => all.extended_communities = decode_list(value, ExtendedCommunity),
            code::AS4_PATH => self.as4_path = Some(decode_as4_path(value)?),
            code::AS4_AGGREGATOR => self.as4_aggregator = Some(decode_aggregator(value, true)?),
            code::LARGE_COMMUNITY => all.large_communities = decode_large(value),
            code::ONLY_TO_CUSTOMER => all.only_to_customer = Some(Asn(value.u32().ok_or(wrong)?)),
            _ if rule.is_opaque() => self.keep(raw),
            unruled => unreachable!("attribute {unruled} has a rule and no reader"),
        }
        Ok(())
    }

    /// RFC 6793 §4.2.3: what a two-octet peer passed on for those behind it.
    fn merge_two_octet(&mut self) {
        let all = &mut self.attributes;
        if let (Some(two), Some(four)) = (all.aggregator, self.as4_aggregator) {
            if two.asn != Asn::TRANS {
                return;
            }
            all.aggregator = Some(four);
        }
        if let Some(as4_path) = self.as4_path.take() {
            all.as_path = all.as_path.merged_with(&as4_path);
        }
    }

    /// Whether prefixes are announced beside those of the classic field, be it in a family that we do not read.
    pub(crate) fn has_reach(&self) -> bool {
        self.reach
            .as_ref()
            .map_or(self.seen.contains(code::MP_REACH_NLRI), |(_, prefixes)| !prefixes.is_empty())
    }

    /// Whether withdrawing is all that the attributes are there for.
    pub(crate) const fn only_withdraws(&self) -> bool {
        !self.overrun && !self.seen.has_other_than(code::MP_UNREACH_NLRI)
    }

    /// RFC 7606 §3 d, for an UPDATE that announces something; `classic` where the NLRI field does.
    pub(crate) fn check_mandatory(&mut self, classic: bool, dialect: &Dialect) {
        let mandatory = [
            (code::ORIGIN, true),
            (code::AS_PATH, true),
            (code::NEXT_HOP, classic),
            (code::LOCAL_PREF, dialect.internal),
        ];
        for (attribute, needed) in mandatory {
            if needed && !self.overrun && !self.seen.contains(attribute) {
                let treatment = Treatment::TreatAsWithdraw;
                self.faults.push(Fault { attribute, treatment, flaw: Flaw::Missing });
            }
        }
    }

    /// RFC 4271 §6.3, only where NEXT_HOP is meant: beside MP_REACH_NLRI alone it is ignored (RFC 4760 §3).
    pub(crate) fn check_next_hop(&mut self) {
        if let Some(address) = self.next_hop.map(IpAddr::V4).filter(|a| !is_host(*a)) {
            let (attribute, treatment) = (code::NEXT_HOP, Treatment::TreatAsWithdraw);
            self.faults.push(Fault { attribute, treatment, flaw: Flaw::NextHop(address) });
        }
    }
}

/// The next attribute, and whether it is all there (RFC 7606 §4). One that is not takes what is left.
fn split_attribute<'a>(field: &mut Reader<'a>) -> (Raw<'a>, bool) {
    let start = *field;
    let mut header = || {
        let (flags, code) = (field.u8()?, field.u8()?);
        let extended = flags & flag::EXTENDED_LENGTH != 0;
        let length = if extended { field.u16()? } else { field.u8()?.into() };
        Some((flags, code, field.take(length.into())?))
    };
    if let Some((flags, code, value)) = header() {
        let whole = Reader::new(&start.octets()[..start.len() - field.len()], start.offset());
        return (Raw { flags, code, value, whole }, true);
    }
    let (flags, code) = (start.octets().first(), start.octets().get(1));
    let raw = Raw {
        flags: flags.copied().unwrap_or(0),
        code: code.copied().unwrap_or(0),
        value: *field,
        whole: start,
    };
    (raw, false)
}

const fn decode_origin(octet: u8) -> Result<Origin, Flaw> {
    match octet {
        0 => Ok(Origin::Igp),
        1 => Ok(Origin::Egp),
        2 => Ok(Origin::Incomplete),
        _ => Err(Flaw::Origin(octet)),
    }
}

fn decode_asn(value: &mut Reader<'_>, four_octets: bool) -> Option<Asn> {
    if four_octets { value.u32().map(Asn) } else { value.u16().map(|asn| Asn(asn.into())) }
}

fn decode_aggregator(mut value: Reader<'_>, four_octets: bool) -> Result<Aggregator, Flaw> {
    let wrong = Flaw::Length(value.len());
    let read = decode_asn(&mut value, four_octets).zip(value.u32());
    match read {
        Some((Asn(0), _)) => Err(Flaw::AsZero),
        Some((asn, id)) if value.is_empty() => Ok(Aggregator { asn, id: id.into() }),
        Some(_) | None => Err(wrong),
    }
}

/// Values of one size; the table has seen to it that there is no remainder.
fn decode_list<T, const N: usize>(value: Reader<'_>, one: impl Fn([u8; N]) -> T) -> Box<[T]> {
    value.octets().as_chunks().0.iter().copied().map(one).collect()
}

/// RFC 8092 §5: what is said twice counts once.
fn decode_large(mut value: Reader<'_>) -> Box<[LargeCommunity]> {
    let mut seen = BTreeSet::new();
    let mut one =
        || Some(LargeCommunity { global: value.u32()?, local1: value.u32()?, local2: value.u32()? });
    std::iter::from_fn(&mut one).filter(|c| seen.insert(*c)).collect()
}

/// RFC 5065 §5: a peer of another AS is in no confederation of ours, and what it knows of its own stays there.
fn decode_as_path(value: Reader<'_>, dialect: &Dialect) -> Result<AsPath, Flaw> {
    let path = AsPath::decode(value, dialect.four_octet_as)?;
    if !dialect.internal && path.has_confederation() { Err(Flaw::Confederation) } else { Ok(path) }
}

/// RFC 6793 §6: there is an AS number in it, or there is no reason for it.
fn decode_as4_path(value: Reader<'_>) -> Result<AsPath, Flaw> {
    if value.is_empty() { Err(Flaw::Length(0)) } else { AsPath::decode(value, true) }
}

impl AsPath {
    /// RFC 7606 §7.2: unknown kinds, empty segments and segments that run over the end are malformed.
    fn decode(mut value: Reader<'_>, four_octets: bool) -> Result<Self, Flaw> {
        let mut segments = Vec::new();
        while !value.is_empty() {
            segments.push(Segment::decode(&mut value, four_octets).ok_or(Flaw::AsPath)?);
        }
        let path = Self(segments.into());
        if path.contains(Asn(0)) { Err(Flaw::AsZero) } else { Ok(path) }
    }
}

impl Segment {
    fn decode(value: &mut Reader<'_>, four_octets: bool) -> Option<Self> {
        let kind = SegmentKind::new(value.u8()?)?;
        let count = value.u8().filter(|count| *count != 0)?;
        let width = if four_octets { 4 } else { 2 };
        let mut numbers = value.take(usize::from(count) * width)?;
        let asns = std::iter::from_fn(|| decode_asn(&mut numbers, four_octets)).collect();
        Some(Self { kind, asns })
    }
}

/// The family of an MP attribute, which must have been negotiated (RFC 4760 §7).
fn decode_family(value: &mut Reader<'_>, dialect: &Dialect) -> Result<Family, Flaw> {
    let (afi, safi) = value.u16().zip(value.u8()).ok_or(Flaw::Nlri)?;
    let family = Family { afi, safi };
    if dialect.speaks(family) { Ok(family) } else { Err(Flaw::Family(family)) }
}

fn decode_reach(mut value: Reader<'_>, dialect: &Dialect) -> Result<(NextHop, Vec<IpNet>), Flaw> {
    let family = decode_family(&mut value, dialect)?;
    let length = value.u8().ok_or(Flaw::Nlri)?;
    let octets = value.take(length.into()).ok_or(Flaw::NextHopLength(length))?;
    let next_hop = decode_next_hop(octets.octets(), family).ok_or(Flaw::NextHopLength(length))?;
    // Reserved, once a count of SNPAs (RFC 4760 §3): ignored.
    value.u8().ok_or(Flaw::Nlri)?;
    Ok((next_hop, decode_prefixes(value, family)?))
}

fn decode_unreach(mut value: Reader<'_>, dialect: &Dialect) -> Result<(Family, Vec<IpNet>), Flaw> {
    let family = decode_family(&mut value, dialect)?;
    Ok((family, decode_prefixes(value, family)?))
}

fn decode_prefixes(value: Reader<'_>, family: Family) -> Result<Vec<IpNet>, Flaw> {
    let mut prefixes = Vec::new();
    nlri::decode(value, family, &mut prefixes).map_err(|_| Flaw::Nlri)?;
    Ok(prefixes)
}

/// RFC 2545 §3. A speaker that has only a link-local address may leave the global one unspecified.
fn decode_next_hop(octets: &[u8], family: Family) -> Option<NextHop> {
    let ipv6 = |octets: &[u8]| octets.try_into().ok().map(Ipv6Addr::from_octets);
    match (family, octets.len()) {
        (Family::IPV4_UNICAST, _) => {
            octets.try_into().ok().map(|o| NextHop::Address(IpAddr::V4(Ipv4Addr::from_octets(o))))
        }
        (Family::IPV6_UNICAST, 32) => {
            let (global, link_local) = (ipv6(&octets[..16])?, ipv6(&octets[16..])?);
            if global.is_unspecified() {
                return Some(NextHop::Address(link_local.into()));
            }
            Some(NextHop::WithLinkLocal(global, link_local))
        }
        _ => ipv6(octets).map(|a| NextHop::Address(a.into())),
    }
}

/// Whether a packet could be handed to the address: not unspecified, not multicast, not class E.
pub(crate) const fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => !a.is_unspecified() && a.octets()[0] < 224,
        IpAddr::V6(a) => !a.is_unspecified() && !a.is_multicast(),
    }
}
