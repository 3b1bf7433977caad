//! Equal attributes, one place.

use quadzero_codec::Attributes;
use std::collections::HashSet;
use std::sync::Arc;

/// Below this many values it is not worth looking which are still used.
const SMALL: usize = 64;

/// Gives one `Arc` for all equal attributes, and forgets those that nobody else holds.
///
/// It forgets whenever it has grown to twice what was in use the last time. So it never holds more than
/// twice the values ever in use at once (or a handful), and an insertion costs constant time on average.
#[derive(Debug, Default)]
pub struct Interner {
    values: HashSet<Arc<Attributes>>,
    /// Values at which the next look is due.
    limit: usize,
}

impl Interner {
    /// The one `Arc` of this value: the given one, or the equal one given before.
    pub fn intern(&mut self, attributes: Arc<Attributes>) -> Arc<Attributes> {
        if let Some(known) = self.values.get(&attributes) {
            return known.clone();
        }
        if self.values.len() >= self.limit {
            self.forget();
        }
        self.values.insert(attributes.clone());
        attributes
    }

    /// Forgets the values that nobody else holds.
    pub fn forget(&mut self) {
        self.values.retain(|value| Arc::strong_count(value) > 1);
        self.values.shrink_to(SMALL);
        self.limit = (2 * self.values.len()).max(SMALL);
    }

    /// How many values it holds, used or not.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}
