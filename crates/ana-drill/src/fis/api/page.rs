//! Lists in pieces: `maxResults` and `nextToken`.
//!
//! Must stay true: a token names the last thing that was shown, so a list goes on rightly whatever came or went
//! meanwhile.

use super::refusal::Refusal;

/// Entries of a page, unless fewer are asked for.
const RESULTS_MAX: usize = 100;

/// Which piece of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most so many entries.
    pub results_max: usize,
    /// Those whose key comes after this one.
    pub after: Option<String>,
}

impl Default for Page {
    fn default() -> Page {
        Page {
            results_max: RESULTS_MAX,
            after: None,
        }
    }
}

impl Page {
    /// The page that `maxResults` and `nextToken` ask for.
    ///
    /// # Errors
    /// When one of them cannot stand.
    pub fn read(results: Option<&str>, token: Option<&str>) -> Result<Page, Refusal> {
        let mut page = Page::default();
        if let Some(results) = results {
            let asked = results
                .parse()
                .ok()
                .filter(|asked| (1..=RESULTS_MAX).contains(asked));
            page.results_max = asked.ok_or_else(|| {
                Refusal::validation(format!("maxResults is a number from 1 to {RESULTS_MAX}"))
            })?;
        }
        if let Some(token) = token {
            if token.is_empty() || token.len() > 1024 {
                return Err(Refusal::validation("nextToken has 1 to 1024 characters"));
            }
            page.after = Some(token.to_owned());
        }
        Ok(page)
    }

    /// The page of a list whose entries come in the order of their keys, and the token of the page after it.
    pub fn of<T>(&self, all: impl Iterator<Item = (String, T)>) -> (Vec<T>, Option<String>) {
        let is_after = |key: &String| self.after.as_ref().is_none_or(|after| key > after);
        let mut rest = all.filter(|(key, _)| is_after(key)).peekable();
        let (mut shown, mut last) = (Vec::new(), None);
        while shown.len() < self.results_max
            && let Some((key, entry)) = rest.next()
        {
            shown.push(entry);
            last = Some(key);
        }
        let more = rest.peek().is_some();
        (shown, last.filter(|_| more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let all = || {
            ["a", "b", "c", "d", "e"]
                .map(|key| (key.to_owned(), key))
                .into_iter()
        };
        let mut page = Page::read(Some("2"), None).expect("a page");
        let mut seen = Vec::new();
        loop {
            let (shown, next) = page.of(all());
            seen.push(shown);
            let Some(next) = next else { break };
            page = Page::read(Some("2"), Some(&next)).expect("a page");
        }
        assert_eq!(seen, [vec!["a", "b"], vec!["c", "d"], vec!["e"]]);
        assert_eq!(Page::default().of(all()).1, None);
    }

    #[test]
    fn what_cannot_stand_is_refused() {
        for (results, token) in [
            (Some("0"), None),
            (Some("101"), None),
            (Some("x"), None),
            (None, Some("")),
        ] {
            let refusal = Page::read(results, token).expect_err("cannot stand");
            assert_eq!(refusal.error_type, "ValidationException");
        }
    }
}
