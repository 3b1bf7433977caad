//! Communities: standard (RFC 1997), extended (RFC 4360) and large (RFC 8092), and how people write them.

use std::{fmt, net::Ipv4Addr, str::FromStr};

/// A standard community of four octets (RFC 1997), written `65010:100` or by its well-known name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(pub u32);

impl Community {
    /// GRACEFUL_SHUTDOWN (RFC 8326).
    pub const GRACEFUL_SHUTDOWN: Self = Self(0xFFFF_0000);
    /// ACCEPT_OWN (RFC 7611).
    pub const ACCEPT_OWN: Self = Self(0xFFFF_0001);
    /// LLGR_STALE (RFC 9494).
    pub const LLGR_STALE: Self = Self(0xFFFF_0006);
    /// NO_LLGR (RFC 9494).
    pub const NO_LLGR: Self = Self(0xFFFF_0007);
    /// BLACKHOLE (RFC 7999).
    pub const BLACKHOLE: Self = Self(0xFFFF_029A);
    /// NO_EXPORT (RFC 1997).
    pub const NO_EXPORT: Self = Self(0xFFFF_FF01);
    /// NO_ADVERTISE (RFC 1997).
    pub const NO_ADVERTISE: Self = Self(0xFFFF_FF02);
    /// NO_EXPORT_SUBCONFED (RFC 1997).
    pub const NO_EXPORT_SUBCONFED: Self = Self(0xFFFF_FF03);
    /// NOPEER (RFC 3765).
    pub const NO_PEER: Self = Self(0xFFFF_FF04);

    const NAMES: [(Self, &str); 9] = [
        (Self::GRACEFUL_SHUTDOWN, "graceful-shutdown"),
        (Self::ACCEPT_OWN, "accept-own"),
        (Self::LLGR_STALE, "llgr-stale"),
        (Self::NO_LLGR, "no-llgr"),
        (Self::BLACKHOLE, "blackhole"),
        (Self::NO_EXPORT, "no-export"),
        (Self::NO_ADVERTISE, "no-advertise"),
        (Self::NO_EXPORT_SUBCONFED, "no-export-subconfed"),
        (Self::NO_PEER, "no-peer"),
    ];
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(community, _)| community == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xFFFF),
        }
    }
}

impl FromStr for Community {
    type Err = ParseCommunityError;

    fn from_str(text: &str) -> Result<Self, ParseCommunityError> {
        if let Some((community, _)) = Self::NAMES.iter().find(|(_, name)| *name == text) {
            return Ok(*community);
        }
        let numbers =
            text.split_once(':').and_then(|(high, low)| Some((number::<u16>(high)?, number::<u16>(low)?)));
        let (high, low) = numbers.ok_or_else(|| ParseCommunityError::Standard(text.to_owned()))?;
        Ok(Self(u32::from(high) << 16 | u32::from(low)))
    }
}

/// An extended community of eight octets (RFC 4360), written `rt:65010:100`, `soo:192.0.2.1:1`, or sixteen hexadecimal
/// digits behind `0x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedCommunity(pub [u8; 8]);

/// How the six octets of a value are divided between the administrator and its number; the high octet of the type.
mod layout {
    /// A two-octet AS and four octets (RFC 4360 §3.1).
    pub(super) const TWO_OCTET_AS: u8 = 0x00;
    /// An IPv4 address and two octets (RFC 4360 §3.2).
    pub(super) const IPV4: u8 = 0x01;
    /// A four-octet AS and two octets (RFC 5668).
    pub(super) const FOUR_OCTET_AS: u8 = 0x02;
}

impl ExtendedCommunity {
    /// Whether speakers pass the community on to another AS (RFC 4360 §2).
    pub const fn is_transitive(self) -> bool {
        self.0[0] & 0x40 == 0
    }

    /// The low octet of the type, of those that have a name.
    const KINDS: [(u8, &str); 2] = [(2, "rt"), (3, "soo")];

    fn parse(text: &str) -> Option<Self> {
        if let Some(digits) = text.strip_prefix("0x") {
            let plain = digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit());
            return u64::from_str_radix(digits, 16).ok().filter(|_| plain).map(|n| Self(n.to_be_bytes()));
        }
        let (kind, value) = text.split_once(':')?;
        let (kind, _) = Self::KINDS.iter().find(|(_, name)| *name == kind)?;
        let (administrator, number) = value.split_once(':')?;
        Self::divided(*kind, administrator, number)
    }

    fn divided(kind: u8, administrator: &str, local: &str) -> Option<Self> {
        if let Ok(address) = administrator.parse::<Ipv4Addr>() {
            return Some(Self::wide(layout::IPV4, kind, address.to_bits(), number(local)?));
        }
        let asn: u32 = number(administrator)?;
        let Ok(short) = u16::try_from(asn) else {
            return Some(Self::wide(layout::FOUR_OCTET_AS, kind, asn, number(local)?));
        };
        let ([a, b], [c, d, e, f]) = (short.to_be_bytes(), number::<u32>(local)?.to_be_bytes());
        Some(Self([layout::TWO_OCTET_AS, kind, a, b, c, d, e, f]))
    }

    const fn wide(layout: u8, kind: u8, administrator: u32, number: u16) -> Self {
        let ([a, b, c, d], [e, f]) = (administrator.to_be_bytes(), number.to_be_bytes());
        Self([layout, kind, a, b, c, d, e, f])
    }
}

impl fmt::Display for ExtendedCommunity {
    /// What reads back as the same octets: a four-octet AS that would fit into two is shown in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [layout, kind, a, b, c, d, e, g] = self.0;
        let name = Self::KINDS.iter().find(|(number, _)| *number == kind).map(|(_, name)| name);
        let wide = u32::from_be_bytes([a, b, c, d]);
        let low = u16::from_be_bytes([e, g]);
        match (layout, name) {
            (layout::TWO_OCTET_AS, Some(name)) => {
                write!(f, "{name}:{}:{}", u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, g]))
            }
            (layout::IPV4, Some(name)) => write!(f, "{name}:{}:{low}", Ipv4Addr::from_bits(wide)),
            (layout::FOUR_OCTET_AS, Some(name)) if wide > 0xFFFF => write!(f, "{name}:{wide}:{low}"),
            _ => write!(f, "{:#018x}", u64::from_be_bytes(self.0)),
        }
    }
}

impl FromStr for ExtendedCommunity {
    type Err = ParseCommunityError;

    fn from_str(text: &str) -> Result<Self, ParseCommunityError> {
        Self::parse(text).ok_or_else(|| ParseCommunityError::Extended(text.to_owned()))
    }
}

/// A large community of three times four octets (RFC 8092), written `65010:1:2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity {
    /// Global Administrator: an AS number.
    pub global: u32,
    /// Local Data Part 1.
    pub local1: u32,
    /// Local Data Part 2.
    pub local2: u32,
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.global, self.local1, self.local2)
    }
}

impl FromStr for LargeCommunity {
    type Err = ParseCommunityError;

    fn from_str(text: &str) -> Result<Self, ParseCommunityError> {
        let parts: Option<Vec<u32>> = text.split(':').map(number).collect();
        match parts.as_deref() {
            Some(&[global, local1, local2]) => Ok(Self { global, local1, local2 }),
            _ => Err(ParseCommunityError::Large(text.to_owned())),
        }
    }
}

/// What was written is not a community; the message says what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseCommunityError {
    /// Not a [`Community`].
    #[error(
        "\"{0}\" is not a community: two numbers of 0 to 65535 (\"65010:100\"), or one of {names}",
        names = Community::NAMES.map(|(_, name)| name).join(", ")
    )]
    Standard(String),
    /// Not an [`ExtendedCommunity`].
    #[error(
        "\"{0}\" is not an extended community: \"rt:\" (route target) or \"soo:\" (site of origin) with an AS number or \
         IPv4 address and a number (\"rt:65010:100\", \"soo:192.0.2.1:1\"; the number is at most 65535 behind an address \
         or an AS above 65535), or eight octets in hexadecimal (\"0x0002fdf200000064\")"
    )]
    Extended(String),
    /// Not a [`LargeCommunity`].
    #[error("\"{0}\" is not a large community: three numbers of 0 to 4294967295 (\"65010:1:2\")")]
    Large(String),
}

/// Decimal digits alone: no sign, which the standard library would take.
fn number<T: FromStr>(digits: &str) -> Option<T> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_back<T: FromStr + fmt::Display>(text: &str) {
        let value = text.parse::<T>().unwrap_or_else(|_| panic!("{text} is refused"));
        assert_eq!(value.to_string(), text);
    }

    #[test]
    fn communities_read_back_as_written() {
        for text in ["65010:100", "0:0", "65535:65535", "no-export", "graceful-shutdown", "blackhole"] {
            reads_back::<Community>(text);
        }
        for text in ["rt:65010:4294967295", "soo:192.0.2.1:65535", "rt:4200000000:1", "0x4300000000000001"] {
            reads_back::<ExtendedCommunity>(text);
        }
        reads_back::<LargeCommunity>("65010:0:4294967295");
    }

    #[test]
    fn communities_have_the_octets_of_their_rfc() {
        assert_eq!("65010:100".parse(), Ok(Community(0xFDF2_0064)));
        assert_eq!("65535:65281".parse(), Ok(Community::NO_EXPORT));
        assert_eq!("rt:65010:100".parse(), Ok(ExtendedCommunity([0, 2, 0xFD, 0xF2, 0, 0, 0, 100])));
        assert_eq!("soo:192.0.2.1:7".parse(), Ok(ExtendedCommunity([1, 3, 192, 0, 2, 1, 0, 7])));
        assert_eq!("rt:65536:7".parse(), Ok(ExtendedCommunity([2, 2, 0, 1, 0, 0, 0, 7])));
        assert_eq!("0x0002FDF200000064".parse(), Ok(ExtendedCommunity([0, 2, 0xFD, 0xF2, 0, 0, 0, 100])));
    }

    #[test]
    fn a_four_octet_as_that_fits_into_two_keeps_its_octets() {
        let narrow = ExtendedCommunity([2, 2, 0, 0, 0xFD, 0xF2, 0, 7]);
        assert_eq!(narrow.to_string(), "0x02020000fdf20007");
        assert_eq!(narrow.to_string().parse(), Ok(narrow));
    }

    #[test]
    fn refusals_say_what_is_accepted() {
        for text in ["", "1", "65536:1", "1:2:3", "+1:2", "no_export", "1:-2", ":", "1:"] {
            let error = text.parse::<Community>().unwrap_err().to_string();
            assert!(error.contains("65010:100") && error.contains("no-export"), "{error}");
        }
        for text in [
            "rt:1",
            "xx:1:2",
            "rt:65536:65536",
            "rt:192.0.2.1:65536",
            "0x12",
            "0x+002FDF200000064",
            "rt:+1:2",
        ] {
            let error = text.parse::<ExtendedCommunity>().unwrap_err().to_string();
            assert!(error.contains("rt:65010:100"), "{error}");
        }
        for text in ["1:2", "1:2:3:4", "1:2:4294967296", "a:b:c"] {
            let error = text.parse::<LargeCommunity>().unwrap_err().to_string();
            assert!(error.contains("65010:1:2"), "{error}");
        }
    }
}
