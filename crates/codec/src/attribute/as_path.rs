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

/// A segment of an AS_PATH: 1 to 255 numbers on the wire; longer ones are split when encoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    /// What the numbers are.
    pub kind: SegmentKind,
    /// The numbers, leftmost (nearest) first.
    pub asns: Box<[Asn]>,
}

/// The autonomous systems a route has passed, nearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AsPath(pub Box<[Segment]>);

impl AsPath {
    /// A path of one AS_SEQUENCE; empty for no numbers.
    pub fn sequence(asns: impl IntoIterator<Item = Asn>) -> Self {
        let asns: Box<[Asn]> = asns.into_iter().collect();
        if asns.is_empty() { Self::default() } else { Self(Box::new([Segment { kind: SegmentKind::Sequence, asns }])) }
    }

    /// The length that route selection compares: a set counts one, confederation segments nothing
    /// (RFC 4271 §9.1.2.2 a, RFC 5065 §5.3).
    pub fn hops(&self) -> usize {
        let count = |s: &Segment| match s.kind {
            SegmentKind::Sequence => s.asns.len(),
            SegmentKind::Set => 1,
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
        };
        self.0.iter().map(count).sum()
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

    /// The origin AS: the rightmost number of a trailing AS_SEQUENCE.
    pub fn origin(&self) -> Option<Asn> {
        let last = self.0.last()?;
        (last.kind == SegmentKind::Sequence).then(|| last.asns.last().copied())?
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
            Some(s) if s.kind == SegmentKind::Sequence => s.asns = front.chain(s.asns.iter().copied()).collect(),
            _ => segments.insert(0, Segment { kind: SegmentKind::Sequence, asns: front.collect() }),
        }
        Self(segments.into())
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
