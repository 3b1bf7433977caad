//! A cursor over received octets that knows where in the message it stands.

/// What is left of a field of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    octets: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// `offset` is where the octets stand in the message, counted from its marker.
    pub(crate) const fn new(octets: &'a [u8], offset: usize) -> Self {
        Self { octets, offset }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    pub(crate) const fn len(&self) -> usize {
        self.octets.len()
    }

    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, back) = self.octets.split_first_chunk()?;
        self.octets = back;
        self.offset += N;
        Some(*front)
    }

    /// Cuts the next `length` octets off as a field of their own.
    pub(crate) fn take(&mut self, length: usize) -> Option<Self> {
        let (front, back) = self.octets.split_at_checked(length)?;
        let field = Self::new(front, self.offset);
        self.octets = back;
        self.offset += length;
        Some(field)
    }
}
