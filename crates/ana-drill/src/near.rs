//! Which of the known words a misspelt one was probably meant to be.

/// Edits that are forgiven in a word of `len` characters: one in three, at least one, at most three.
fn edits_forgiven(len: usize) -> usize {
    (len / 3).clamp(1, 3)
}

/// The nearest of `known` to `word`, if it is near enough to be offered.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_ascii_lowercase();
    known
        .into_iter()
        .map(|each| (distance(&lower, &each.to_ascii_lowercase()), each))
        .filter(|(edits, each)| *edits <= edits_forgiven(each.chars().count()))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, each)| each)
}

/// The end of a message that offers the word.
pub(crate) fn offer(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// Insertions, removals and replacements that turn `from` into `to`.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, have) in from.chars().enumerate() {
        let mut left = row + 1;
        let mut line = vec![left];
        for (want, pair) in to.iter().zip(above.windows(2)) {
            let [diagonal, up] = pair else { break };
            let replaced = diagonal + usize::from(have != *want);
            left = replaced.min(up + 1).min(left + 1);
            line.push(left);
        }
        above = line;
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn distances_count_edits() {
        for (from, to, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("percnt", "percent", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from, to), edits, "{from} {to}");
        }
    }

    #[test]
    fn near_words_are_offered_and_far_ones_are_not() {
        let known = ["percent", "error", "for"];
        assert_eq!(nearest("percnt", known), Some("percent"));
        assert_eq!(nearest("Errors", known), Some("error"));
        assert_eq!(nearest("fsync", known), None);
        assert_eq!(nearest("x", []), None);
    }
}
