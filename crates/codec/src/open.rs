//! OPEN (RFC 4271 §4.2), with extended optional parameters (RFC 9072).
//!
//! ```text
//! │ version 4 │ my AS │ hold time │ BGP identifier │ n │ parameters, n octets: type, length, value; …
//! │ version 4 │ my AS │ hold time │ BGP identifier │255│255│ n, two octets │ parameters with two-octet lengths; …
//! ```
//!
//! Only one type of parameter is alive, 2: capabilities (RFC 5492). They come in one parameter or in many.

use crate::{Asn, Capability, DecodeError, Family, HoldTime, RouterId, reader::Reader};
use bytes::{BufMut, BytesMut};
use std::net::Ipv4Addr;

/// The version of BGP, since 1994.
pub(crate) const VERSION: u8 = 4;
/// The optional parameter that holds capabilities (RFC 5492 §4).
const CAPABILITIES: u8 = 2;
/// As length and as type, says that extended parameters follow (RFC 9072 §2).
const EXTENDED: u8 = 255;
/// What 4,096 octets leave for capabilities behind header, fixed fields, and the extended parameters' own headers.
const ROOM: usize = crate::MAX_MESSAGE - 29 - 3 - 3;

/// The first message of a connection: who is speaking, and what it can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The speaker's AS: the four-octet capability's number where there is one, else My Autonomous System.
    /// Encoding writes [`Asn::TRANS`] into the two-octet field where it does not fit.
    pub asn: Asn,
    /// The proposed Hold Time.
    pub hold_time: HoldTime,
    /// BGP Identifier.
    pub router_id: RouterId,
    /// Capabilities (RFC 5492), in the order received. The four-octet AS capability is one of them.
    /// Those of more than 255 octets, or beyond the 4,096 octets of an OPEN, are not written.
    pub capabilities: Vec<Capability>,
}

impl Open {
    /// The families of the multiprotocol capabilities; IPv4 unicast where there are none (RFC 4760 §8).
    pub fn families(&self) -> Vec<Family> {
        let offered: Vec<Family> = self
            .capabilities
            .iter()
            .filter_map(|c| if let Capability::Multiprotocol(f) = c { Some(*f) } else { None })
            .collect();
        if offered.is_empty() { vec![Family::IPV4_UNICAST] } else { offered }
    }

    /// Whether a capability equal to `wanted` was announced.
    pub fn has(&self, wanted: &Capability) -> bool {
        self.capabilities.contains(wanted)
    }

    /// The checks of RFC 4271 §6.2 that need no configuration, in its order.
    pub(crate) fn decode(mut body: Reader<'_>) -> Result<Self, DecodeError> {
        let cut = |body: &Reader<'_>| DecodeError::Open { part: "the fixed fields", offset: body.offset() };
        let version = body.u8().ok_or(cut(&body))?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let my_as = body.u16().ok_or(cut(&body))?;
        let hold_time = body.u16().ok_or(cut(&body))?;
        let router_id = body.u32().ok_or(cut(&body))?;
        let capabilities = decode_parameters(&mut body)?;
        Ok(Self {
            asn: agreed_as(my_as, &capabilities)?,
            hold_time: HoldTime::new(hold_time).ok_or(DecodeError::HoldTime(hold_time))?,
            router_id: RouterId::new(Ipv4Addr::from_bits(router_id)).ok_or(DecodeError::RouterId)?,
            capabilities,
        })
    }

    pub(crate) fn encode_body(&self, out: &mut BytesMut) {
        out.put_u8(VERSION);
        out.put_u16(self.asn.to_two_octets());
        out.put_u16(self.hold_time.seconds());
        out.put_u32(self.router_id.get().to_bits());
        put_parameters(&self.encode_capabilities(), out);
    }

    fn encode_capabilities(&self) -> BytesMut {
        let mut written = BytesMut::new();
        for capability in &self.capabilities {
            let before = written.len();
            if !capability.encode(&mut written) || written.len() > ROOM {
                written.truncate(before);
            }
        }
        written
    }
}

/// The number of RFC 6793 §4.1 where the capability is there; it must fit the two-octet field. Zero is nobody (RFC 7607).
fn agreed_as(my_as: u16, capabilities: &[Capability]) -> Result<Asn, DecodeError> {
    let two = Asn(my_as.into());
    let four = capabilities
        .iter()
        .find_map(|c| if let Capability::FourOctetAs(asn) = c { Some(*asn) } else { None });
    let asn = four.unwrap_or(two);
    if two == Asn(0) || asn == Asn(0) {
        return Err(DecodeError::PeerAs { my_as, capability: four });
    }
    if two == Asn::TRANS || two == asn {
        Ok(asn)
    } else {
        Err(DecodeError::PeerAs { my_as, capability: four })
    }
}

/// Both formats: RFC 9072 §2 tells them apart by the first parameter's type.
fn decode_parameters(body: &mut Reader<'_>) -> Result<Vec<Capability>, DecodeError> {
    let malformed = |offset| DecodeError::Open { part: "the length of the optional parameters", offset };
    let offset = body.offset();
    let length = body.u8().ok_or(malformed(offset))?;
    let extended = length != 0 && body.octets().first() == Some(&EXTENDED);
    let length = if extended {
        body.u8().and_then(|_| body.u16()).ok_or(malformed(offset))?.into()
    } else {
        usize::from(length)
    };
    if length != body.len() {
        return Err(malformed(offset));
    }
    let mut capabilities = Vec::new();
    while !body.is_empty() {
        decode_parameter(body, extended, &mut capabilities)?;
    }
    Ok(capabilities)
}

fn decode_parameter(
    body: &mut Reader<'_>,
    extended: bool,
    capabilities: &mut Vec<Capability>,
) -> Result<(), DecodeError> {
    let offset = body.offset();
    let malformed = || DecodeError::Open { part: "an optional parameter", offset };
    let kind = body.u8().ok_or_else(malformed)?;
    let length = if extended { body.u16() } else { body.u8().map(u16::from) }.ok_or_else(malformed)?;
    let mut value = body.take(length.into()).ok_or_else(malformed)?;
    if kind != CAPABILITIES {
        return Err(DecodeError::OptionalParameter { kind, offset });
    }
    while !value.is_empty() {
        let offset = value.offset();
        let capability = Capability::decode(&mut value);
        capabilities.push(capability.ok_or(DecodeError::Open { part: "a capability", offset })?);
    }
    Ok(())
}

/// All capabilities in one parameter, which everybody reads; the extended format only where it is needed.
fn put_parameters(capabilities: &[u8], out: &mut BytesMut) {
    let length = capabilities.len();
    match (u8::try_from(length), u8::try_from(length + 2)) {
        (Ok(0), _) => out.put_u8(0),
        (Ok(value), Ok(all)) => out.put_slice(&[all, CAPABILITIES, value]),
        _ => {
            // ROOM keeps both lengths far below 65,536.
            let [value, all] = [length as u16, length as u16 + 3];
            out.put_slice(&[EXTENDED, EXTENDED]);
            out.put_u16(all);
            out.put_u8(CAPABILITIES);
            out.put_u16(value);
        }
    }
    out.put_slice(capabilities);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoder, Dialect, ErrorCode, Message, Notification};
    use bytes::Bytes;
    use hex_literal::hex;

    /// An OPEN whose body is the octets.
    fn decode(body: &[u8]) -> Result<Open, DecodeError> {
        let mut decoder = Decoder::default();
        decoder.push(&[0xFF; 16]);
        decoder.push(&u16::try_from(19 + body.len()).unwrap().to_be_bytes());
        decoder.push(&[1]);
        decoder.push(body);
        match decoder.next(&Dialect::default())? {
            Some(Message::Open(open)) => Ok(open),
            other => panic!("{other:?}"),
        }
    }

    fn refusal(body: &[u8]) -> (ErrorCode, Vec<u8>) {
        let notification = Notification::from(&decode(body).unwrap_err());
        (notification.code, notification.data.to_vec())
    }

    fn open(capabilities: Vec<Capability>) -> Open {
        Open {
            asn: Asn(65010),
            hold_time: HoldTime::new(180).unwrap(),
            router_id: RouterId::new(Ipv4Addr::new(192, 0, 2, 1)).unwrap(),
            capabilities,
        }
    }

    fn encode(open: &Open) -> BytesMut {
        let mut out = BytesMut::new();
        Message::Open(open.clone()).encode(&Dialect::default(), &mut out);
        out
    }

    #[test]
    fn reads_an_open_without_parameters() {
        assert_eq!(decode(&hex!("04 FDF2 00B4 C0000201 00")), Ok(open(vec![])));
    }

    #[test]
    fn takes_the_as_of_the_capability() {
        let read = decode(&hex!("04 5BA0 00B4 C0000201 08 02 06 41 04 00010000")).unwrap();
        assert_eq!(read.asn, Asn(65536));
        assert_eq!(&encode(&read)[20..22], hex!("5BA0"));
    }

    #[test]
    fn takes_the_as_of_the_capability_even_if_the_field_says_trans_without_need() {
        assert_eq!(decode(&hex!("04 5BA0 00B4 C0000201 08 02 06 41 04 0000FDF2")).unwrap().asn, Asn(65010));
    }

    #[test]
    fn refuses_an_as_that_contradicts_its_capability() {
        let refused = refusal(&hex!("04 FDF3 00B4 C0000201 08 02 06 41 04 0000FDF2"));
        assert_eq!(refused, (ErrorCode::OPEN_BAD_PEER_AS, vec![]));
    }

    #[test]
    fn refuses_as_zero() {
        assert_eq!(refusal(&hex!("04 0000 00B4 C0000201 00")), (ErrorCode::OPEN_BAD_PEER_AS, vec![]));
        let in_capability = hex!("04 5BA0 00B4 C0000201 08 02 06 41 04 00000000");
        assert_eq!(refusal(&in_capability), (ErrorCode::OPEN_BAD_PEER_AS, vec![]));
    }

    #[test]
    fn refuses_another_version_and_names_its_own() {
        let refused = refusal(&hex!("03 FDF2 00B4 C0000201 00"));
        assert_eq!(refused, (ErrorCode::OPEN_UNSUPPORTED_VERSION_NUMBER, vec![0, 4]));
    }

    #[test]
    fn refuses_hold_times_of_one_and_two_seconds() {
        for body in [hex!("04 FDF2 0001 C0000201 00"), hex!("04 FDF2 0002 C0000201 00")] {
            assert_eq!(refusal(&body), (ErrorCode::OPEN_UNACCEPTABLE_HOLD_TIME, vec![]));
        }
        assert_eq!(decode(&hex!("04 FDF2 0000 C0000201 00")).unwrap().hold_time, HoldTime::ZERO);
    }

    #[test]
    fn refuses_the_identifier_zero() {
        let refused = refusal(&hex!("04 FDF2 00B4 00000000 00"));
        assert_eq!(refused, (ErrorCode::OPEN_BAD_BGP_IDENTIFIER, vec![]));
    }

    #[test]
    fn refuses_unknown_parameters() {
        let refused = refusal(&hex!("04 FDF2 00B4 C0000201 03 01 01 00"));
        assert_eq!(refused, (ErrorCode::OPEN_UNSUPPORTED_OPTIONAL_PARAMETER, vec![]));
    }

    #[test]
    fn refuses_lengths_that_do_not_fit() {
        let cases: [&[u8]; 6] = [
            &hex!("04 FDF2 00B4 C0000201 01"),
            &hex!("04 FDF2 00B4 C0000201 00 00"),
            &hex!("04 FDF2 00B4 C0000201 02 02 06"),
            &hex!("04 FDF2 00B4 C0000201 04 02 02 01 04"),
            &hex!("04 FDF2 00B4 C0000201 05 02 03 02 01 00"),
            &hex!("04 FDF2 00B4 C0000201 FF FF 00"),
        ];
        for body in cases {
            assert_eq!(refusal(body), (ErrorCode::OPEN_UNSPECIFIC, vec![]), "{body:02x?}");
        }
    }

    #[test]
    fn reads_capabilities_of_one_and_of_several_parameters_alike() {
        let expected = open(vec![Capability::RouteRefresh, Capability::ExtendedMessage]);
        assert_eq!(decode(&hex!("04 FDF2 00B4 C0000201 06 02 04 0200 0600")).as_ref(), Ok(&expected));
        assert_eq!(decode(&hex!("04 FDF2 00B4 C0000201 08 02 02 0200 02 02 0600")), Ok(expected));
    }

    #[test]
    fn reads_extended_parameters_however_few_they_hold() {
        let expected = open(vec![Capability::RouteRefresh]);
        assert_eq!(decode(&hex!("04 FDF2 00B4 C0000201 FF FF 0005 02 0002 0200")).as_ref(), Ok(&expected));
        // RFC 9072 §2: the first length octet is ignored, unless it is zero.
        assert_eq!(decode(&hex!("04 FDF2 00B4 C0000201 08 FF 0005 02 0002 0200")), Ok(expected));
    }

    #[test]
    fn writes_extended_parameters_only_beyond_255_octets() {
        let of = |octets: usize| {
            let unknown = |n| Capability::Unknown { code: 200, value: Bytes::from(vec![7; n]) };
            open(vec![unknown(100), unknown(octets - 100 - 2 * 2 - 2)])
        };
        for octets in [253, 254, 255, 256, 257, 300] {
            let open = of(octets);
            let written = encode(&open);
            assert_eq!(written[29] == EXTENDED, octets > 255, "{octets}");
            assert_eq!(decode(&written[19..]), Ok(open), "{octets}");
        }
    }

    #[test]
    fn leaves_out_what_an_open_cannot_hold() {
        let unknown = |n| Capability::Unknown { code: 200, value: Bytes::from(vec![7; n]) };
        let mut capabilities = vec![unknown(256)];
        capabilities.extend(std::iter::repeat_n(unknown(255), 20));
        let written = encode(&open(capabilities));
        assert!(written.len() <= crate::MAX_MESSAGE);
        assert_eq!(decode(&written[19..]).unwrap().capabilities, vec![unknown(255); 15]);
    }
}
