//! Names that Azure takes. What must not be said cannot be built, so no renderer ever has to doubt a name.
//!
//! The rules are those of "Naming rules and restrictions for Azure resources" (Microsoft Learn), `Microsoft.Network` and
//! `Microsoft.Resources`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Characters of a resource's name at most.
const LONGEST: usize = 80;

/// Why a text is no such name; displayed, it is the part of the sentence behind the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum NameError {
    #[error("a name has 1 to {0} characters")]
    Length(usize),
    #[error("{0:?} cannot be in it: letters and digits of ASCII, \".\", \"_\" and \"-\" can")]
    Character(char),
    #[error("{0:?} cannot be in it: letters, digits, \".\", \"_\", \"-\" and parentheses can")]
    GroupCharacter(char),
    #[error("it begins with a letter or a digit")]
    Start,
    #[error("it ends with a letter, a digit or \"_\"")]
    End,
    #[error("it does not end with \".\"")]
    GroupEnd,
    #[error("a location is in small letters and digits, like westeurope")]
    Location,
    #[error("the Internet does not lead to this address; Azure needs the public one of the edge")]
    NotPublic,
    #[error("not an IPv4 address")]
    NotAddress,
}

macro_rules! checked {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(String);

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked! {
    /// The name of a resource: a gateway, a route table, a route, a circuit.
    Name, name
}
checked! {
    /// The name of a resource group. Letters and digits of every alphabet, parentheses, even a leading "-": quote it.
    ResourceGroup, group
}
checked! {
    /// A region, as Azure spells it: `westeurope`.
    Location, location
}

fn length(text: &str, longest: usize) -> Result<(), NameError> {
    let fits = (1..=longest).contains(&text.chars().count());
    if fits { Ok(()) } else { Err(NameError::Length(longest)) }
}

const fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn name(text: &str) -> Result<(), NameError> {
    length(text, LONGEST)?;
    if let Some(c) = text.chars().find(|c| !in_name(*c)) {
        return Err(NameError::Character(c));
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(NameError::Start);
    }
    if text.ends_with(['.', '-']) { Err(NameError::End) } else { Ok(()) }
}

fn group(text: &str) -> Result<(), NameError> {
    length(text, 90)?;
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '(' | ')');
    if let Some(c) = text.chars().find(|c| !allowed(*c)) {
        return Err(NameError::GroupCharacter(c));
    }
    if text.ends_with('.') { Err(NameError::GroupEnd) } else { Ok(()) }
}

fn location(text: &str) -> Result<(), NameError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let sound = (1..=40).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(allowed);
    if sound { Ok(()) } else { Err(NameError::Location) }
}

impl Name {
    /// The name of what stands in Azure for the edge at one of its addresses; another address, another name.
    pub fn edge(address: Ipv4Addr) -> Self {
        Self(format!("edge-{address}"))
    }

    /// The name that comes closest to a text of somebody's own choice. The end tells most, so a long one loses its
    /// beginning.
    pub fn fit(text: &str) -> Self {
        let name: Vec<char> = text.chars().map(|c| if in_name(c) { c } else { '-' }).collect();
        let tail: String = name[name.len().saturating_sub(LONGEST)..].iter().collect();
        let tail = tail.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).trim_end_matches(['.', '-']);
        Self(if tail.is_empty() { "route".to_owned() } else { tail.to_owned() })
    }

    /// The same with a number behind it.
    pub(crate) fn numbered(&self, number: usize) -> Self {
        let suffix = format!("-{number}");
        let kept: String = self.0.chars().take(LONGEST - suffix.len()).collect();
        Self(kept + &suffix)
    }

    /// Whether Azure takes the two for one: case does not count there.
    pub fn is(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

/// An address that the Internet leads to, of the kind that a local network gateway has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicIp(Ipv4Addr);

impl PublicIp {
    /// The address.
    pub const fn get(self) -> Ipv4Addr {
        self.0
    }
}

impl FromStr for PublicIp {
    type Err = NameError;

    /// Addresses set aside for documentation (RFC 5737) are taken: examples are made of them.
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.parse::<Ipv6Addr>().is_ok() {
            return Err(NameError::NotAddress);
        }
        let address: Ipv4Addr = text.parse().map_err(|_| NameError::NotAddress)?;
        let [a, b, ..] = address.octets();
        let shared = a == 100 && (64..128).contains(&b);
        let public = !address.is_private() && !address.is_link_local() && !shared && a != 127;
        if public && (1..224).contains(&a) { Ok(Self(address)) } else { Err(NameError::NotPublic) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn azures_rules_for_names_are_kept() {
        for sound in ["a", "vgw-hub", "RT_1", "a.b-c_d_", "0", &"a".repeat(80)] {
            assert_eq!(sound.parse::<Name>().unwrap().as_ref(), sound);
        }
        let refused = |text: &str| text.parse::<Name>().unwrap_err();
        assert_eq!(refused(""), NameError::Length(80));
        assert_eq!(refused(&"a".repeat(81)), NameError::Length(80));
        assert_eq!(refused("-rf"), NameError::Start);
        assert_eq!(refused("_a"), NameError::Start);
        assert_eq!(refused("a-"), NameError::End);
        assert_eq!(refused("a."), NameError::End);
    }

    #[test]
    fn what_a_shell_or_a_template_would_take_for_its_own_is_in_no_name() {
        for c in "'\"`$;&|<>()[]{}*?!#~\\/ \t\n\r\0%=,:@+^äß\u{2019}\u{200b}\u{2028}".chars() {
            assert_eq!(format!("a{c}b").parse::<Name>(), Err(NameError::Character(c)), "{c:?}");
        }
    }

    #[test]
    fn a_resource_group_may_be_odd_but_not_dangerous() {
        for sound in ["rg", "-g", "(Größe)_1.b-", "日本"] {
            assert_eq!(sound.parse::<ResourceGroup>().unwrap().as_ref(), sound);
        }
        for c in "'\"`$;&|<>[]{}*?!#~\\/ \t\n\r\0%=,:@+^\u{2019}\u{2028}\u{202e}".chars() {
            let refused = format!("a{c}b").parse::<ResourceGroup>();
            assert_eq!(refused, Err(NameError::GroupCharacter(c)), "{c:?}");
        }
        assert_eq!("a.".parse::<ResourceGroup>(), Err(NameError::GroupEnd));
        assert_eq!("a".repeat(91).parse::<ResourceGroup>(), Err(NameError::Length(90)));
    }

    #[test]
    fn a_location_is_a_word() {
        assert!("westeurope".parse::<Location>().is_ok() && "eastus2".parse::<Location>().is_ok());
        for wrong in ["", "West Europe", "2us", "west-europe", "$(id)", "äu"] {
            assert_eq!(wrong.parse::<Location>(), Err(NameError::Location), "{wrong}");
        }
    }

    #[test]
    fn the_edges_public_address_is_public() {
        for sound in ["203.0.113.9", "8.8.8.8"] {
            assert_eq!(sound.parse::<PublicIp>().unwrap().get().to_string(), sound);
        }
        for private in [
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.21.1",
            "0.0.0.0",
            "224.0.0.1",
        ] {
            assert_eq!(private.parse::<PublicIp>(), Err(NameError::NotPublic), "{private}");
        }
        for wrong in ["", "2001:db8::1", "203.0.113", "203.0.113.9/32", "203.0.113.9; id"] {
            assert_eq!(wrong.parse::<PublicIp>(), Err(NameError::NotAddress), "{wrong}");
        }
    }

    proptest! {
        /// Whatever it is made of, it is a name that Azure takes.
        #[test]
        fn a_name_that_was_fitted_is_a_name(text in any::<String>(), number in 2usize..1000) {
            let fitted = Name::fit(&text);
            prop_assert_eq!(fitted.as_ref().parse(), Ok(fitted.clone()));
            let numbered = fitted.numbered(number);
            prop_assert_eq!(numbered.as_ref().parse(), Ok(numbered));
        }
    }
}
