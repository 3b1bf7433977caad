//! Happenings, through a session: the driver and the peer are those of the property tests.

#[path = "../../../crates/fsm/src/session/properties/watched.rs"]
mod watched;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use quadzero::config::Source;
use quadzero_fsm::{
    Addresses, Direction, Down, Event, Import, Input, Mode, Negotiated, Output, PeerConfig, Session, State,
};
use std::{sync::OnceLock, time::Instant};
use watched::{Happening, Watched};

/// More than this says nothing new.
const HAPPENINGS: usize = 200;

/// What `watched` asserts holds at any time; octets say the same however they are cut; a peer that behaves becomes Established in the
/// end, and one that falls silent is given up when its Hold Time is over.
pub fn session(input: &[u8]) {
    let mut input = Unstructured::new(input);
    let Ok((pieces, happenings)) = happenings(&mut input) else { return };
    let now = Instant::now();
    let [mut whole, cut] = [&[][..], &pieces].map(|pieces| {
        let mut watched = Watched::new(config(), now, pieces);
        happenings.iter().for_each(|happening| watched.happen(happening));
        watched
    });
    assert_eq!(whole.transcript, cut.transcript);
    whole.behave();
    whole.fall_silent();
}

fn happenings(input: &mut Unstructured<'_>) -> Result<([u8; 2], Vec<Happening>)> {
    let pieces = input.arbitrary()?;
    let mut happenings = Vec::new();
    while !input.is_empty() && happenings.len() < HAPPENINGS {
        happenings.push(happening(input)?);
    }
    Ok((pieces, happenings))
}

fn happening(input: &mut Unstructured<'_>) -> Result<Happening> {
    Ok(match input.int_in_range(0..=16)? {
        0 => Happening::Start,
        1 => Happening::Stop,
        2 => Happening::Connected(direction(input)?),
        3 => Happening::ConnectFailed,
        4 => {
            let hold = *input.choose(&[0, 3, 90, 65535])?;
            let asn = *input.choose(&[65020, 65020, 65020, 65010, 0])?;
            Happening::Open { hold, asn, capabilities: input.arbitrary()? }
        }
        5 => Happening::Keepalive,
        6 => Happening::Update { announce: input.arbitrary()? },
        7 => Happening::Notification,
        8 => Happening::Refresh { subtype: input.arbitrary()? },
        9 => Happening::Octets(octets(input)?),
        10 => Happening::Closed(direction(input)?),
        11 => Happening::Deadline,
        12 => Happening::Wait(input.int_in_range(0..=600)?),
        13 => Happening::Routes { chosen: input.arbitrary()?, sort: input.arbitrary()? },
        14 => Happening::Reads(input.arbitrary()?),
        15 => Happening::BfdDown,
        _ => Happening::Trickle(input.int_in_range(0..=400)?),
    })
}

fn direction(input: &mut Unstructured<'_>) -> Result<Direction> {
    input.choose(&Direction::ALL).copied()
}

/// Octets as they are, or behind a header that fits them.
fn octets(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let kind = input.int_in_range(0..=5)?;
    let length = input.int_in_range(0..=255)?.min(input.len());
    let octets = input.bytes(length)?;
    if kind == 0 {
        return Ok(octets.to_vec());
    }
    let header = [&[0xFF; 16][..], &(19 + octets.len() as u16).to_be_bytes(), &[kind]].concat();
    Ok([&header[..], octets].concat())
}

/// Both families, each with an address of ours, and everything imported.
fn config() -> PeerConfig {
    static CONFIG: OnceLock<PeerConfig> = OnceLock::new();
    CONFIG.get_or_init(read_config).clone()
}

fn read_config() -> PeerConfig {
    let text = r#"
        bgp = { asn = 65010, router-id = "192.0.2.1" }
        originate = [{ prefix = "0.0.0.0/0" }]
        [[neighbor]]
        address = "192.0.2.2"
        remote-as = 65020
        families = ["ipv4-unicast", "ipv6-unicast"]
        import = "all"
        max-prefixes = 100
    "#;
    let loaded = Source { path: "edge.toml".into(), text: text.into() }.edge();
    let told = loaded.render(false);
    let peer = loaded.value.unwrap_or_else(|| panic!("{told}")).neighbors.remove(0).peer;
    PeerConfig { own_address: "2001:db8::1".parse().ok(), ..peer }
}
