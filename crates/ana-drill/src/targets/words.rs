//! A target as words: separated by blanks, `,` and `=`; what contains others stands between quotation marks.

use super::TargetError;
use std::collections::VecDeque;

/// A piece of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// A word, and whether it stood without quotation marks: only then it can be a word of the grammar.
    Word(String, bool),
    Comma,
    Equals,
}

/// The words that are still to be read.
#[derive(Debug)]
pub(super) struct Words {
    left: VecDeque<Piece>,
}

/// Words that, without quotation marks, are no name of a stream where a list of them may stand.
pub(super) const RESERVED: [&str; 3] = ["op", "principal", "tagged"];
/// How the id of a shard begins.
pub(super) const SHARD: &str = "shardId-";

/// Whether a word can be printed without quotation marks and is read as one word.
pub(super) fn is_plain(word: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !matches!(c, ',' | '=' | '"' | '\\');
    !word.is_empty() && word.chars().all(plain)
}

impl Words {
    pub(super) fn of(text: &str) -> Result<Words, TargetError> {
        let mut left = VecDeque::new();
        let mut chars = text.chars().peekable();
        while let Some(&c) = chars.peek() {
            match c {
                ',' | '=' => {
                    chars.next();
                    left.push_back(if c == ',' {
                        Piece::Comma
                    } else {
                        Piece::Equals
                    });
                }
                '"' => {
                    chars.next();
                    left.push_back(Piece::Word(quoted(&mut chars)?, false));
                }
                _ if c.is_whitespace() => {
                    chars.next();
                }
                _ => {
                    let mut word = String::new();
                    while let Some(c) =
                        chars.next_if(|c| !c.is_whitespace() && !matches!(c, ',' | '=' | '"'))
                    {
                        word.push(c);
                    }
                    left.push_back(Piece::Word(word, true));
                }
            }
        }
        Ok(Words { left })
    }

    /// The next word, whatever it is.
    pub(super) fn next(&mut self, expected: &'static str) -> Result<String, TargetError> {
        match self.left.pop_front() {
            Some(Piece::Word(word, _)) => Ok(word),
            Some(Piece::Comma) => Err(TargetError::unexpected(",", expected, &[])),
            Some(Piece::Equals) => Err(TargetError::unexpected("=", expected, &[])),
            None => Err(TargetError::EndsEarly(expected)),
        }
    }

    /// The next word, which must be `word`.
    pub(super) fn expect(&mut self, word: &'static str) -> Result<(), TargetError> {
        let found = self.next(word)?;
        if found == word {
            return Ok(());
        }
        Err(TargetError::unexpected(&found, word, &[word]))
    }

    /// Whether the next word is `word`; it is read then.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let found = matches!(self.left.front(), Some(Piece::Word(found, true)) if found == word);
        if found {
            self.left.pop_front();
        }
        found
    }

    /// The next word if `wanted` makes something of it and of whether it is plain; it is read then.
    pub(super) fn take_as<T>(&mut self, wanted: impl FnOnce(&str, bool) -> Option<T>) -> Option<T> {
        let Some(Piece::Word(word, plain)) = self.left.front() else {
            return None;
        };
        let value = wanted(word, *plain)?;
        self.left.pop_front();
        Some(value)
    }

    /// Whether a comma follows; it is read then.
    pub(super) fn comma(&mut self) -> bool {
        let found = self.left.front() == Some(&Piece::Comma);
        if found {
            self.left.pop_front();
        }
        found
    }

    /// The equals sign that must follow.
    pub(super) fn equals(&mut self) -> Result<(), TargetError> {
        match self.left.pop_front() {
            Some(Piece::Equals) => Ok(()),
            Some(Piece::Comma) => Err(TargetError::unexpected(",", "=", &[])),
            Some(Piece::Word(word, _)) => Err(TargetError::unexpected(&word, "=", &[])),
            None => Err(TargetError::EndsEarly("=")),
        }
    }

    /// Refuses what is left.
    pub(super) fn end(mut self, known: &[&'static str]) -> Result<(), TargetError> {
        const END: &str = "the end";
        match self.left.pop_front() {
            None => Ok(()),
            Some(Piece::Word(word, _)) => Err(TargetError::unexpected(&word, END, known)),
            Some(Piece::Comma) => Err(TargetError::unexpected(",", END, &[])),
            Some(Piece::Equals) => Err(TargetError::unexpected("=", END, &[])),
        }
    }
}

/// The rest of a word whose first quotation mark is read. A backslash takes the next character as it is.
fn quoted(chars: &mut impl Iterator<Item = char>) -> Result<String, TargetError> {
    let mut word = String::new();
    loop {
        match chars.next() {
            Some('"') => return Ok(word),
            Some('\\') => word.push(chars.next().ok_or(TargetError::OpenQuote)?),
            Some(c) => word.push(c),
            None => return Err(TargetError::OpenQuote),
        }
    }
}
