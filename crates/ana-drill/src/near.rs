//! Which of the known words a misspelt one was probably meant to be.

/// Edits that are forgiven in a word of `len` characters: one in three, at least one, at most three.
fn edits_forgiven(len: usize) -> usize {
    (len / 3).clamp(1, 3)
}

/// The nearest of `known` to `word`, if it is near enough to be offered.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_ascii_lowercase();
    let len = lower.chars().count();
    known
        .into_iter()
        .map(|each| (edits_forgiven(each.chars().count()), each))
        // Whatever the lengths differ by is edits; besides, a word of a megabyte is not compared at all.
        .filter(|(forgiven, each)| len.abs_diff(each.chars().count()) <= *forgiven)
        .map(|(forgiven, each)| (distance(&lower, &each.to_ascii_lowercase()), forgiven, each))
        .filter(|(edits, forgiven, _)| edits <= forgiven)
        .min_by_key(|(edits, ..)| *edits)
        .map(|(.., each)| each)
}

/// The end of a message that offers the word.
pub(crate) fn offer(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// Insertions, removals, replacements and swaps of neighbours that turn `from` into `to`.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    // Edits from the first `row` characters to the first `column`; what lies outside is never the least.
    let mut edits: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    let cell = |edits: &[Vec<usize>], row: Option<usize>, column: Option<usize>| {
        let found = edits.get(row?)?.get(column?)?;
        Some(*found)
    };
    for (row, have) in from.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, want) in to.iter().enumerate() {
            let diagonal = cell(&edits, Some(row), Some(column));
            let replaced = diagonal.map(|edits| edits + usize::from(have != want));
            let removed = cell(&edits, Some(row), Some(column + 1)).map(|edits| edits + 1);
            let inserted = line.last().map(|edits| edits + 1);
            let before = (row.checked_sub(1), column.checked_sub(1));
            let turned = before.0.and_then(|at| from.get(at)) == Some(want)
                && before.1.and_then(|at| to.get(at)) == Some(have);
            let swapped = cell(&edits, before.0, before.1)
                .filter(|_| turned)
                .map(|edits| edits + 1);
            let least = [replaced, removed, inserted, swapped]
                .into_iter()
                .flatten()
                .min();
            line.push(least.unwrap_or(usize::MAX));
        }
        edits.push(line);
    }
    edits
        .last()
        .and_then(|line| line.last())
        .copied()
        .unwrap_or(0)
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
            ("fsnyc", "fsync", 1),
            ("ab", "ba", 1),
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
