//! Reading a check: words separated by blanks; a comparison also stands without blanks around it.

use super::{ALL_SHARDS_WRITABLE, Check, CheckError, Comparison, Subject, Window};
use crate::near::nearest;
use crate::observations::{Flag, Metric, Unit};
use crate::quantity::{Percent, Span};
use std::str::FromStr;

impl FromStr for Check {
    type Err = CheckError;

    fn from_str(text: &str) -> Result<Check, CheckError> {
        let words = words(text);
        let (name, rest) = words.split_first().ok_or(CheckError::Empty)?;
        let (subject, tail) = subject(name, rest)?;
        let window = window(tail)?;
        if let (Subject::Flag(flag), Window::For(_) | Window::WithinOfHeal(_)) = (subject, window) {
            return Err(CheckError::FlagWithWindow(flag));
        }
        Ok(Check { subject, window })
    }
}

/// The words of a text; a run of the characters of comparisons is a word of its own.
fn words(text: &str) -> Vec<String> {
    let compares = |c: char| matches!(c, '<' | '>' | '=' | '!');
    let mut words = Vec::new();
    for part in text.split_whitespace() {
        let mut word = String::new();
        let mut last = None;
        for c in part.chars() {
            if last.is_some_and(|last| compares(last) != compares(c)) {
                words.push(std::mem::take(&mut word));
            }
            word.push(c);
            last = Some(c);
        }
        words.push(word);
    }
    words
}

fn subject<'a>(name: &str, rest: &'a [String]) -> Result<(Subject, &'a [String]), CheckError> {
    if name == ALL_SHARDS_WRITABLE {
        return Ok((Subject::AllShardsWritable, rest));
    }
    if let Some((_, flag)) = Flag::ALL.iter().find(|(each, _)| *each == name) {
        return Ok((Subject::Flag(*flag), rest));
    }
    let Some((_, metric)) = Metric::ALL.iter().find(|(each, _)| *each == name) else {
        let flags = Flag::ALL.iter().map(|(each, _)| *each);
        let metrics = Metric::ALL.iter().map(|(each, _)| *each);
        let near = nearest(name, flags.chain(metrics).chain([ALL_SHARDS_WRITABLE]));
        return Err(CheckError::NoSuchName {
            name: name.to_owned(),
            near,
        });
    };
    let [comparison, limit, tail @ ..] = rest else {
        return Err(CheckError::NoComparison);
    };
    let known = Comparison::ALL.iter().find(|(each, _)| each == comparison);
    let (_, comparison) = known.ok_or_else(|| CheckError::Comparison(comparison.clone()))?;
    let limit = match metric.unit() {
        Unit::Percent => limit.parse::<Percent>()?.thousandths().into(),
        Unit::Time => limit.parse::<Span>()?.micros(),
        Unit::Count => count(limit)?,
    };
    let measure = Subject::Measure {
        metric: *metric,
        comparison: *comparison,
        limit,
    };
    Ok((measure, tail))
}

fn count(text: &str) -> Result<u64, CheckError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.ok_or_else(|| CheckError::Count(text.to_owned()))
}

fn window(tail: &[String]) -> Result<Window, CheckError> {
    let words: Vec<&str> = tail.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Ok(Window::Throughout),
        ["for", span] => match span.parse()? {
            Span::ZERO => Err(CheckError::ForNoTime),
            span => Ok(Window::For(span)),
        },
        ["within", span, "of", "heal"] => Ok(Window::WithinOfHeal(span.parse()?)),
        _ => Err(CheckError::Tail(words.join(" "))),
    }
}
