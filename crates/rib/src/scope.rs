//! How far a route that was learned may travel: what the communities of RFC 1997 and RFC 3765 forbid.

use quadzero_codec::{Attributes, Community};

/// Whom a learned route would be told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// A peer of our own AS.
    Internal,
    /// A peer of another AS: a customer, a provider, or one of whom nothing is known.
    External,
    /// A peer of another AS on equal terms, "bilateral" (RFC 3765 §2; the role Peer of RFC 9234).
    Peer,
}

/// The community that keeps a learned route from this audience, if one does. What we originate ourselves is not bound: the
/// communities speak to whoever receives it.
pub fn forbids(attributes: &Attributes, audience: Audience) -> Option<Community> {
    let forbids = |community: &Community| match *community {
        Community::NO_ADVERTISE => true,
        // Without confederations the two are the same.
        Community::NO_EXPORT | Community::NO_EXPORT_SUBCONFED => audience != Audience::Internal,
        Community::NO_PEER => audience == Audience::Peer,
        _ => false,
    };
    attributes.communities.iter().copied().find(forbids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(community: Community) -> Attributes {
        Attributes { communities: Box::new([Community(65010 << 16), community]), ..Attributes::default() }
    }

    /// RFC 1997, "Well-known Communities".
    #[test]
    fn no_advertise_is_for_nobody_and_no_export_for_our_own_as_alone() {
        use Audience::{External, Internal, Peer};
        let told = |c| [Internal, External, Peer].map(|audience| forbids(&with(c), audience).is_none());
        assert_eq!(told(Community::NO_ADVERTISE), [false, false, false]);
        assert_eq!(told(Community::NO_EXPORT), [true, false, false]);
        assert_eq!(told(Community::NO_EXPORT_SUBCONFED), [true, false, false]);
        assert_eq!(told(Community::GRACEFUL_SHUTDOWN), [true, true, true]);
    }

    /// RFC 3765 §2.
    #[test]
    fn no_peer_is_not_for_bilateral_peers() {
        let route = with(Community::NO_PEER);
        assert_eq!(forbids(&route, Audience::Peer), Some(Community::NO_PEER));
        assert_eq!(forbids(&route, Audience::External), None);
    }
}
