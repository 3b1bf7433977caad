//! UPDATE read: the fields, then what the faults in them make of it.

use super::{Announced, Update};
use crate::{
    Attributes, DecodeError, Dialect, Family, Fault, Flaw, NextHop, Treatment,
    attribute::{
        code,
        decode::{Received, is_host},
    },
    nlri,
    reader::Reader,
};
use ipnet::IpNet;
use std::{net::IpAddr, sync::Arc};

impl Update {
    pub(crate) fn decode(mut body: Reader<'_>, dialect: &Dialect) -> Result<Self, DecodeError> {
        let withdrawn_field = field(&mut body)?;
        let attributes_field = field(&mut body)?;
        let mut withdrawn = prefixes(withdrawn_field)?;
        let mut classic = prefixes(body)?;
        let mut received = Received::decode(attributes_field, dialect)?;
        let has_classic = !withdrawn.is_empty() || !classic.is_empty();
        if has_classic && !dialect.ipv4 {
            let flaw = Flaw::Family(Family::IPV4_UNICAST);
            received.faults.push(Fault { attribute: 0, treatment: Treatment::DiscardAttribute, flaw });
            withdrawn.clear();
            classic.clear();
        }
        check(&mut received, !body.is_empty(), !classic.is_empty(), dialect)?;

        let nothing = withdrawn_field.is_empty() && body.is_empty();
        let end_of_rib =
            if nothing { end_of_rib(&received, attributes_field.is_empty(), dialect) } else { None };
        withdrawn.extend(received.unreach.take().into_iter().flat_map(|(_, prefixes)| prefixes));
        let verdict = received.faults.iter().map(|f| f.treatment).max();
        let announced = if verdict >= Some(Treatment::TreatAsWithdraw) {
            let reach = received.reach.take().into_iter().flat_map(|(_, prefixes)| prefixes);
            withdrawn.extend(classic.into_iter().chain(reach));
            Vec::new()
        } else {
            announced(&mut received, classic)
        };
        Ok(Self { withdrawn, announced, end_of_rib, faults: received.faults })
    }
}

/// A length of two octets and what it counts.
fn field<'a>(body: &mut Reader<'a>) -> Result<Reader<'a>, DecodeError> {
    let offset = body.offset();
    body.u16().and_then(|length| body.take(length.into())).ok_or(DecodeError::UpdateLength { offset })
}

fn prefixes(field: Reader<'_>) -> Result<Vec<IpNet>, DecodeError> {
    let mut prefixes = Vec::new();
    nlri::decode(field, Family::IPV4_UNICAST, &mut prefixes)
        .map_err(|offset| DecodeError::Prefix { offset })?;
    Ok(prefixes)
}

/// What only the whole UPDATE shows. `has_nlri` where there is an NLRI field, `classic` where its prefixes are taken.
fn check(
    received: &mut Received,
    has_nlri: bool,
    classic: bool,
    dialect: &Dialect,
) -> Result<(), DecodeError> {
    // RFC 7606 §5.2: without a prefix to withdraw, one may have been lost to the error.
    let lost = !has_nlri && !received.has_reach() && !received.only_withdraws();
    if let Some(error) = received.withdraw.take().filter(|_| lost) {
        return Err(error);
    }
    let reach = received.reach.as_ref().filter(|(_, prefixes)| !prefixes.is_empty());
    let next_hop = reach.map(|(next_hop, _)| *next_hop);
    if classic || next_hop.is_some() {
        received.check_mandatory(classic, dialect);
    }
    if classic {
        received.check_next_hop();
    }
    if let Some(address) = next_hop.and_then(not_a_host) {
        let (attribute, treatment) = (code::MP_REACH_NLRI, Treatment::TreatAsWithdraw);
        received.faults.push(Fault { attribute, treatment, flaw: Flaw::NextHop(address) });
    }
    Ok(())
}

fn not_a_host(next_hop: NextHop) -> Option<IpAddr> {
    let address = match next_hop {
        NextHop::Address(address) => address,
        NextHop::WithLinkLocal(global, _) => global.into(),
        NextHop::Own => return None,
    };
    (!is_host(address)).then_some(address)
}

/// RFC 4724 §2, for an UPDATE without classic prefixes.
fn end_of_rib(received: &Received, no_attributes: bool, dialect: &Dialect) -> Option<Family> {
    match &received.unreach {
        Some((family, prefixes)) if prefixes.is_empty() && received.only_withdraws() => Some(*family),
        _ => (no_attributes && dialect.ipv4).then_some(Family::IPV4_UNICAST),
    }
}

/// The classic prefixes and those of MP_REACH_NLRI share everything but the next hop.
fn announced(received: &mut Received, classic: Vec<IpNet>) -> Vec<Announced> {
    let attributes = std::mem::take(&mut received.attributes);
    let classic =
        received.next_hop.filter(|_| !classic.is_empty()).map(|a| (NextHop::Address(a.into()), classic));
    let reach = received.reach.take().filter(|(_, prefixes)| !prefixes.is_empty());
    let group = |attributes: Attributes, (next_hop, prefixes)| Announced {
        attributes: Arc::new(Attributes { next_hop, ..attributes }),
        prefixes,
    };
    match (classic, reach) {
        (Some(classic), Some(reach)) => vec![group(attributes.clone(), classic), group(attributes, reach)],
        (one, other) => one.or(other).map(|only| group(attributes, only)).into_iter().collect(),
    }
}
