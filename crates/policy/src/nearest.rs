//! "Did you mean": the known word nearest to a mistyped one.

/// The known word that takes the fewest edits to reach, if no more than a third of it (and case) is wrong.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let (edits, best) = known.into_iter().map(|k| (edits(&word, &k.to_lowercase()), k)).min()?;
    (edits <= best.chars().count().div_ceil(3)).then_some(best)
}

/// How many characters have to be inserted, removed or replaced (Levenshtein), a row at a time.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_insertions_removals_and_replacements() {
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("usgov", "us-gov"), 1);
        assert_eq!(edits("default", "default"), 0);
    }

    #[test]
    fn suggests_what_is_near_and_nothing_that_is_far() {
        let known = ["default", "kms"];
        assert_eq!(nearest("defualt", known), Some("default"));
        assert_eq!(nearest("KMS", known), Some("kms"));
        assert_eq!(nearest("datacenter", known), None);
    }
}
