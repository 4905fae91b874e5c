//! Names of things: ids from drawn numbers, and their ARNs.

use ana_types::{AccountId, Region};

/// How the id of a template begins.
pub const TEMPLATE: &str = "EXT";
/// How the id of an experiment begins.
pub const EXPERIMENT: &str = "EXP";
/// Characters that are drawn: 83 bits, so that no two ids meet.
const DRAWN_CHARS: usize = 14;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// An id with this beginning; `draw` gives random numbers.
pub fn id(beginning: &str, mut draw: impl FnMut() -> u64) -> String {
    let mut id = beginning.to_owned();
    for _ in 0..DRAWN_CHARS {
        let place = usize::try_from(draw() % 62).unwrap_or(0);
        id.extend(ALPHABET.get(place).copied().map(char::from));
    }
    id
}

/// Whether a text can be an id. Ids name files, so nothing else is ever looked for.
pub fn is_id(text: &str, beginning: &str) -> bool {
    let rest = text.strip_prefix(beginning);
    rest.is_some_and(|rest| {
        rest.len() == DRAWN_CHARS && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// The ARN of a resource: `experiment-template/EXT…`, `experiment/EXP…`, `action/aws:fis:wait`.
pub fn arn(resource: &str) -> String {
    let (region, account) = (Region::default(), AccountId::default());
    format!("arn:aws:fis:{region}:{account}:{resource}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_everything_else() {
        let mut next = 0;
        let drawn = id(TEMPLATE, || {
            next += 5;
            next
        });
        assert_eq!(drawn, "EXT5AFKPUZejoty38");
        for (text, is) in [
            (drawn.as_str(), true),
            ("EXP5AFKPUZejoty38", false),
            ("EXT5AFKPUZejoty3", false),
            ("EXT5AFKPUZejoty388", false),
            ("EXT../../../../..", false),
            ("EXT", false),
            ("", false),
        ] {
            assert_eq!(is_id(text, TEMPLATE), is, "{text}");
        }
        let arn = arn("experiment/EXP1");
        assert_eq!(arn, "arn:aws:fis:us-east-1:000000000000:experiment/EXP1");
    }
}
