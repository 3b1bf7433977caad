//! AS_PATH (RFC 4271 §4.3 b, RFC 5065).

use crate::Asn;
use std::fmt;

/// The kind of an AS_PATH segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentKind {
    /// 1: unordered.
    Set,
    /// 2: ordered.
    Sequence,
    /// 3: ordered, within a confederation (RFC 5065).
    ConfedSequence,
    /// 4: unordered, within a confederation.
    ConfedSet,
}

impl SegmentKind {
    pub(crate) const fn new(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Set),
            2 => Some(Self::Sequence),
            3 => Some(Self::ConfedSequence),
            4 => Some(Self::ConfedSet),
            _ => None,
        }
    }

    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Set => 1,
            Self::Sequence => 2,
            Self::ConfedSequence => 3,
            Self::ConfedSet => 4,
        }
    }

    const fn is_confederation(self) -> bool {
        matches!(self, Self::ConfedSequence | Self::ConfedSet)
    }
}

/// A segment of an AS_PATH: 1 to 255 numbers on the wire; longer ones are split when encoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    /// What the numbers are.
    pub kind: SegmentKind,
    /// The numbers, leftmost (nearest) first.
    pub asns: Box<[Asn]>,
}

impl Segment {
    fn hops(&self) -> usize {
        match self.kind {
            SegmentKind::Sequence => self.asns.len(),
            SegmentKind::Set => 1,
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
        }
    }
}

/// The autonomous systems a route has passed, nearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AsPath(pub Box<[Segment]>);

impl AsPath {
    /// A path of one AS_SEQUENCE; empty for no numbers.
    pub fn sequence(asns: impl IntoIterator<Item = Asn>) -> Self {
        let asns: Box<[Asn]> = asns.into_iter().collect();
        if asns.is_empty() {
            Self::default()
        } else {
            Self(Box::new([Segment { kind: SegmentKind::Sequence, asns }]))
        }
    }

    /// The length that route selection compares: a set counts one, confederation segments nothing
    /// (RFC 4271 §9.1.2.2 a, RFC 5065 §5.3).
    pub fn hops(&self) -> usize {
        self.0.iter().map(Segment::hops).sum()
    }

    /// Every number in the path, nearest first.
    pub fn asns(&self) -> impl Iterator<Item = Asn> + '_ {
        self.0.iter().flat_map(|s| s.asns.iter().copied())
    }

    /// Whether the number stands anywhere in the path: the loop check of RFC 4271 §9.1.2.
    pub fn contains(&self, asn: Asn) -> bool {
        self.asns().any(|a| a == asn)
    }

    /// The neighboring AS: the leftmost number of a leading AS_SEQUENCE.
    pub fn first(&self) -> Option<Asn> {
        let first = self.0.iter().find(|s| matches!(s.kind, SegmentKind::Sequence | SegmentKind::Set))?;
        (first.kind == SegmentKind::Sequence).then(|| first.asns.first().copied())?
    }

    /// The path with `asn` put in front `times` times (RFC 4271 §5.1.2).
    #[must_use]
    pub fn prepended(&self, asn: Asn, times: usize) -> Self {
        if times == 0 {
            return self.clone();
        }
        let mut segments = self.0.to_vec();
        let front = std::iter::repeat_n(asn, times);
        match segments.first_mut() {
            Some(s) if s.kind == SegmentKind::Sequence => {
                s.asns = front.chain(s.asns.iter().copied()).collect()
            }
            _ => segments.insert(0, Segment { kind: SegmentKind::Sequence, asns: front.collect() }),
        }
        Self(segments.into())
    }

    pub(crate) fn has_confederation(&self) -> bool {
        self.0.iter().any(|s| s.kind.is_confederation())
    }

    pub(crate) fn without_confederation(&self) -> Self {
        Self(self.0.iter().filter(|s| !s.kind.is_confederation()).cloned().collect())
    }

    /// This path of two octets completed by an AS4_PATH (RFC 6793 §4.2.3): what stands in front of the part that both
    /// have, then the AS4_PATH. One that is longer than the path cannot belong to it.
    pub(crate) fn merged_with(&self, as4_path: &Self) -> Self {
        let as4_path = as4_path.without_confederation();
        let Some(missing) = self.hops().checked_sub(as4_path.hops()) else { return self.clone() };
        let mut segments = self.leading(missing);
        for segment in as4_path.0 {
            match segments.last_mut() {
                Some(last) if last.kind == SegmentKind::Sequence && segment.kind == SegmentKind::Sequence => {
                    last.asns = last.asns.iter().chain(&segment.asns).copied().collect();
                }
                _ => segments.push(segment),
            }
        }
        Self(segments.into())
    }

    /// The front that counts so many hops, with the confederation segments in it and next to it.
    fn leading(&self, mut hops: usize) -> Vec<Segment> {
        let mut front = Vec::new();
        for segment in &self.0 {
            let part = match segment.kind {
                SegmentKind::ConfedSequence | SegmentKind::ConfedSet => segment.clone(),
                _ if hops == 0 => break,
                SegmentKind::Set => segment.clone(),
                SegmentKind::Sequence => {
                    let asns = segment.asns.iter().take(hops).copied().collect();
                    Segment { kind: segment.kind, asns }
                }
            };
            hops -= part.hops();
            front.push(part);
        }
        front
    }
}

impl fmt::Display for AsPath {
    /// As in `show ip bgp`: `65515 65010 {1,2} (64512)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            let (open, between, close) = match segment.kind {
                SegmentKind::Sequence => ("", " ", ""),
                SegmentKind::Set => ("{", ",", "}"),
                SegmentKind::ConfedSequence => ("(", " ", ")"),
                SegmentKind::ConfedSet => ("[", ",", "]"),
            };
            write!(f, "{}{open}", if i == 0 { "" } else { " " })?;
            for (j, asn) in segment.asns.iter().enumerate() {
                write!(f, "{}{asn}", if j == 0 { "" } else { between })?;
            }
            f.write_str(close)?;
        }
        Ok(())
    }
}
