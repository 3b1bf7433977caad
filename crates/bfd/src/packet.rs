//! The BFD Control packet (RFC 5880 §4.1): 24 octets, and what makes one not worth reading (§6.8.6).
//!
//! ```text
//!  0                   1                   2                   3
//! |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
//! |                       My Discriminator                        |
//! |                      Your Discriminator                       |
//! |                    Desired Min TX Interval                    |
//! |                   Required Min RX Interval                    |
//! |                 Required Min Echo RX Interval                 |
//! ```

use std::{
    fmt,
    num::{NonZeroU8, NonZeroU32},
    time::Duration,
};

/// Octets of a packet without authentication.
pub const LENGTH: usize = 24;

/// The least Length of a packet with authentication: its type and its length (RFC 5880 §4.1).
const LENGTH_WITH_AUTHENTICATION: usize = 26;

const VERSION: u8 = 1;

const POLL: u8 = 1 << 5;
const FINAL: u8 = 1 << 4;
const CONTROL_PLANE_INDEPENDENT: u8 = 1 << 3;
const AUTHENTICATION: u8 = 1 << 2;
const DEMAND: u8 = 1 << 1;
const MULTIPOINT: u8 = 1;

/// What tells the sessions of one system apart (RFC 5880 §6.3).
pub type Discriminator = NonZeroU32;

/// A BFD Control packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Why the sender's state changed last.
    pub diagnostic: Diagnostic,
    /// The sender's state.
    pub state: State,
    /// P: the sender wants an answer with F.
    pub poll: bool,
    /// F: the answer to P.
    pub fin: bool,
    /// C: the sender's BFD goes on while its control plane restarts.
    pub control_plane_independent: bool,
    /// D: the sender wants no periodic packets once both are Up.
    pub demand: bool,
    /// So many packets in a row may be lost.
    pub detect_mult: NonZeroU8,
    /// The sender's.
    pub my_discriminator: Discriminator,
    /// What the sender has heard from the receiver, if it has.
    pub your_discriminator: Option<Discriminator>,
    /// As often as this the sender would like to send.
    pub desired_min_tx: Interval,
    /// No more often than this the sender wants to receive; zero: no periodic packets at all.
    pub required_min_rx: Interval,
    /// The same of Echo packets; zero: none at all.
    pub required_min_echo_rx: Interval,
}

/// Why a packet is discarded: the checks of RFC 5880 §6.8.6, in their order. Whether somebody has its Your Discriminator is
/// asked after these; a packet with authentication is discarded either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Discard {
    /// The version is not 1.
    #[error("version {0}")]
    Version(u8),
    /// Length is less than the fields take.
    #[error("length {0} is too short")]
    TooShort(usize),
    /// Length is more than the datagram holds.
    #[error("length {0} in a datagram of {1}")]
    BeyondPayload(usize, usize),
    /// Detect Mult is zero.
    #[error("Detect Mult is zero")]
    DetectMult,
    /// The M bit is set.
    #[error("the Multipoint bit is set")]
    Multipoint,
    /// My Discriminator is zero.
    #[error("My Discriminator is zero")]
    MyDiscriminator,
    /// Your Discriminator is zero, and the state is one that needs it.
    #[error("Your Discriminator is zero in state {0}")]
    YourDiscriminator(State),
    /// The A bit is set, and no authentication is in use.
    #[error("authentication, which is not in use")]
    Authentication,
}

impl Packet {
    /// Reads the payload of a datagram.
    ///
    /// # Errors
    /// The first check of RFC 5880 §6.8.6 that it fails.
    pub fn decode(payload: &[u8]) -> Result<Self, Discard> {
        let Some((octets, _)) = payload.split_first_chunk::<LENGTH>() else {
            // Not even a Length can be relied on.
            return Err(payload.first().map_or(Discard::TooShort(0), |first| match first >> 5 {
                VERSION => Discard::TooShort(payload.len()),
                version => Discard::Version(version),
            }));
        };
        let word =
            |at: usize| u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
        let flags = octets[1];
        check_frame(octets, payload.len())?;
        let detect_mult = NonZeroU8::new(octets[2]).ok_or(Discard::DetectMult)?;
        if flags & MULTIPOINT != 0 {
            return Err(Discard::Multipoint);
        }
        let my_discriminator = NonZeroU32::new(word(4)).ok_or(Discard::MyDiscriminator)?;
        let your_discriminator = NonZeroU32::new(word(8));
        let state = State::from_bits(flags >> 6);
        if your_discriminator.is_none() && !matches!(state, State::Down | State::AdminDown) {
            return Err(Discard::YourDiscriminator(state));
        }
        if flags & AUTHENTICATION != 0 {
            return Err(Discard::Authentication);
        }
        Ok(Self {
            diagnostic: Diagnostic(octets[0] & 0x1F),
            state,
            poll: flags & POLL != 0,
            fin: flags & FINAL != 0,
            control_plane_independent: flags & CONTROL_PLANE_INDEPENDENT != 0,
            demand: flags & DEMAND != 0,
            detect_mult,
            my_discriminator,
            your_discriminator,
            desired_min_tx: Interval(word(12)),
            required_min_rx: Interval(word(16)),
            required_min_echo_rx: Interval(word(20)),
        })
    }

    /// The octets of the packet.
    pub fn encode(&self) -> [u8; LENGTH] {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let mut octets = [0; LENGTH];
        octets[0] = VERSION << 5 | self.diagnostic.0 & 0x1F;
        octets[1] = (self.state as u8) << 6
            | bit(self.poll, POLL)
            | bit(self.fin, FINAL)
            | bit(self.control_plane_independent, CONTROL_PLANE_INDEPENDENT)
            | bit(self.demand, DEMAND);
        octets[2] = self.detect_mult.get();
        octets[3] = LENGTH as u8;
        let words = [
            self.my_discriminator.get(),
            self.your_discriminator.map_or(0, Discriminator::get),
            self.desired_min_tx.0,
            self.required_min_rx.0,
            self.required_min_echo_rx.0,
        ];
        for (place, word) in octets[4..].chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        octets
    }
}

/// In one line: `Up, No Diagnostic, poll, 3 x tx 300 ms, rx 300 ms, echo 0 ms, from 0000000a to 0000000b`.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.state, self.diagnostic)?;
        let flags = [
            (self.poll, "poll"),
            (self.fin, "final"),
            (self.control_plane_independent, "control plane independent"),
            (self.demand, "demand"),
        ];
        flags.iter().filter(|(set, _)| *set).try_for_each(|(_, name)| write!(f, ", {name}"))?;
        let Self { detect_mult, desired_min_tx, required_min_rx, required_min_echo_rx, .. } = self;
        write!(
            f,
            ", {detect_mult} x tx {desired_min_tx}, rx {required_min_rx}, echo {required_min_echo_rx}"
        )?;
        let to = self.your_discriminator.map_or(0, Discriminator::get);
        write!(f, ", from {:08x} to {to:08x}", self.my_discriminator)
    }
}

/// Version and Length.
fn check_frame(octets: &[u8; LENGTH], payload: usize) -> Result<(), Discard> {
    let (version, length) = (octets[0] >> 5, usize::from(octets[3]));
    let least = if octets[1] & AUTHENTICATION == 0 { LENGTH } else { LENGTH_WITH_AUTHENTICATION };
    match () {
        () if version != VERSION => Err(Discard::Version(version)),
        () if length < least => Err(Discard::TooShort(length)),
        () if length > payload => Err(Discard::BeyondPayload(length, payload)),
        () => Ok(()),
    }
}

/// The state of a session (RFC 5880 §4.1, Sta).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Held down by the operator.
    AdminDown = 0,
    /// Has not heard the other side, or the path has failed.
    #[default]
    Down = 1,
    /// Has heard the other side, which has not heard us yet, as far as we know.
    Init = 2,
    /// Both hear each other.
    Up = 3,
}

impl State {
    const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::AdminDown,
            1 => Self::Down,
            2 => Self::Init,
            _ => Self::Up,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AdminDown => "AdminDown",
            Self::Down => "Down",
            Self::Init => "Init",
            Self::Up => "Up",
        })
    }
}

/// Why a session's state changed (RFC 5880 §4.1, Diag): five bits. Those without a name are legal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Diagnostic(pub u8);

impl Diagnostic {
    /// Nothing to say.
    pub const NONE: Self = Self(0);
    /// Nothing was heard for a Detection Time.
    pub const DETECTION_TIME_EXPIRED: Self = Self(1);
    /// The other side says that it is down.
    pub const NEIGHBOR_SIGNALED_DOWN: Self = Self(3);
    /// The operator wants it so.
    pub const ADMINISTRATIVELY_DOWN: Self = Self(7);
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.0 {
            0 => "No Diagnostic",
            1 => "Control Detection Time Expired",
            2 => "Echo Function Failed",
            3 => "Neighbor Signaled Session Down",
            4 => "Forwarding Plane Reset",
            5 => "Path Down",
            6 => "Concatenated Path Down",
            7 => "Administratively Down",
            8 => "Reverse Concatenated Path Down",
            // RFC 6428 §3.5.
            9 => "Mis-connectivity Defect",
            other => return write!(f, "Diagnostic {other}"),
        })
    }
}

/// A time between packets, in microseconds: 0 to 71 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval(pub u32);

impl Interval {
    /// None at all.
    pub const ZERO: Self = Self(0);

    /// So many milliseconds.
    pub const fn millis(millis: u16) -> Self {
        Self(millis as u32 * 1000)
    }

    /// The interval, if it fits; what is below a microsecond is cut off.
    pub fn new(duration: Duration) -> Option<Self> {
        u32::try_from(duration.as_micros()).ok().map(Self)
    }

    /// The time.
    pub const fn duration(self) -> Duration {
        Duration::from_micros(self.0 as u64)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1000, self.0 % 1000) {
            (millis, 0) => write!(f, "{millis} ms"),
            (millis, micros) => write!(f, "{millis}.{micros:03} ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;
    use proptest::prelude::*;

    /// RFC 5880 §4.1: Up, no flags, 3 x 300 ms.
    const UP: [u8; 24] = hex!("20 C0 03 18 0000000A 0000000B 000493E0 000493E0 00000000");

    fn up() -> Packet {
        Packet {
            diagnostic: Diagnostic::NONE,
            state: State::Up,
            poll: false,
            fin: false,
            control_plane_independent: false,
            demand: false,
            detect_mult: NonZeroU8::new(3).unwrap(),
            my_discriminator: NonZeroU32::new(10).unwrap(),
            your_discriminator: NonZeroU32::new(11),
            desired_min_tx: Interval::millis(300),
            required_min_rx: Interval::millis(300),
            required_min_echo_rx: Interval::ZERO,
        }
    }

    /// The good packet with some octets changed.
    fn with<const N: usize>(changes: [(usize, u8); N]) -> Vec<u8> {
        let mut octets = UP.to_vec();
        changes.into_iter().for_each(|(at, octet)| octets[at] = octet);
        octets
    }

    #[test]
    fn fields_stand_where_the_figure_has_them() {
        assert_eq!(Packet::decode(&UP), Ok(up()));
        assert_eq!(up().encode(), UP);
        let bits = [(0x20, "poll"), (0x10, "fin"), (0x08, "control_plane_independent"), (0x02, "demand")];
        for (bit, name) in bits {
            let packet = Packet::decode(&with([(1, 0xC0 | bit)])).unwrap();
            let shown = format!("{packet:?}");
            assert!(shown.contains(&format!("{name}: true")), "{name}");
            assert_eq!(shown.matches(": true").count(), 1, "{name} alone");
            assert_eq!(packet.encode().to_vec(), with([(1, 0xC0 | bit)]));
        }
        let down = Packet::decode(&with([(0, 0x27), (1, 0x00)])).unwrap();
        assert_eq!((down.state, down.diagnostic), (State::AdminDown, Diagnostic::ADMINISTRATIVELY_DOWN));
    }

    /// RFC 5880 §6.8.6, one check after the other; each packet fails all the later checks as well.
    #[test]
    fn the_first_check_that_fails_is_the_reason() {
        // Version 0, Length 25, Detect Mult 0, M and A set, both discriminators zero.
        let mut octets = [0; 30];
        octets[1] = 0xC0 | AUTHENTICATION | MULTIPOINT;
        octets[3] = 25;
        let mut reason = |change: (usize, u8)| {
            octets[change.0] = change.1;
            Packet::decode(&octets).unwrap_err()
        };
        assert_eq!(reason((0, 0x00)), Discard::Version(0));
        assert_eq!(reason((0, 0x20)), Discard::TooShort(25));
        assert_eq!(reason((3, 31)), Discard::BeyondPayload(31, 30));
        assert_eq!(reason((3, 26)), Discard::DetectMult);
        assert_eq!(reason((2, 1)), Discard::Multipoint);
        assert_eq!(reason((1, 0xC0 | AUTHENTICATION)), Discard::MyDiscriminator);
        assert_eq!(reason((7, 1)), Discard::YourDiscriminator(State::Up));
        assert_eq!(reason((11, 1)), Discard::Authentication);
        octets[1] = 0xC0;
        assert!(Packet::decode(&octets).is_ok());
    }

    /// RFC 5880 §6.8.6: only who has not heard anything yet may leave Your Discriminator out.
    #[test]
    fn init_and_up_need_your_discriminator() {
        for (state, taken) in [(0x00, true), (0x40, true), (0x80, false), (0xC0, false)] {
            assert_eq!(Packet::decode(&with([(1, state), (11, 0)])).is_ok(), taken, "{state:#x}");
        }
    }

    #[test]
    fn a_datagram_may_be_longer_than_its_packet() {
        assert_eq!(Packet::decode(&[&UP[..], &[0xFF; 9]].concat()), Ok(up()));
        for length in 0..24 {
            assert_eq!(Packet::decode(&UP[..length]), Err(Discard::TooShort(length)));
        }
        assert_eq!(Packet::decode(&with([(3, 23)])), Err(Discard::TooShort(23)));
    }

    #[test]
    fn unknown_diagnostics_are_shown_by_number() {
        assert_eq!(Diagnostic(31).to_string(), "Diagnostic 31");
        assert_eq!(Diagnostic::DETECTION_TIME_EXPIRED.to_string(), "Control Detection Time Expired");
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_said_again_octet_by_octet(octets in prop::collection::vec(any::<u8>(), 0..40), sane: bool) {
            let mut octets = octets;
            if sane && octets.len() >= LENGTH {
                octets[0] = 0x20 | octets[0] & 0x1F;
                octets[1] &= !(MULTIPOINT | AUTHENTICATION);
                octets[3] = LENGTH as u8;
            }
            match Packet::decode(&octets) {
                Ok(packet) => {
                    octets.truncate(LENGTH);
                    octets[3] = LENGTH as u8;
                    prop_assert_eq!(packet.encode().to_vec(), octets);
                }
                Err(Discard::Version(_) | Discard::TooShort(_)) => prop_assert!(!sane || octets.len() < LENGTH),
                Err(_) => {}
            }
        }
    }
}
