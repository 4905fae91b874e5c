//! The judgement of the constraint table over a tree, with AWS's texts.
//!
//! Must stay true: no more than [`ERRORS_MAX`] errors are listed, no value is printed beyond
//! [`VALUE_CHARS_MAX`] characters, and no pattern is run over a string longer than
//! [`PATTERN_BYTES_MAX`]: an answer is small and a check is cheap whatever the client sent.

mod print;

use crate::fault::Fault;
use crate::model::{Kind, Member, Model, Shape, ShapeId, Structure};
use crate::tree::{Entries, Fields, Items, Value};

use print::printed;
pub(crate) use print::shortened;

/// AWS lists no more.
const ERRORS_MAX: usize = 10;

/// Longer printed values are cut: AWS prints them whole, but an echo of a 16 MiB string helps no one.
const VALUE_CHARS_MAX: usize = 4096;

/// A longer string counts as not matching. Every pattern belongs to a shape that allows at most 2,048
/// characters, so such a string is refused in any case.
const PATTERN_BYTES_MAX: usize = 16 * 1024;

/// Checks the request of an operation.
///
/// # Errors
/// `ValidationException` with the first constraints that fail.
pub(crate) fn validate(fields: &Fields<'_>) -> Result<(), Fault> {
    let mut judge = Judge {
        model: Model::get(),
        errors: Vec::new(),
    };
    judge.structure(fields, "");
    if judge.errors.is_empty() {
        return Ok(());
    }
    let count = judge.errors.len();
    let plural = if count == 1 { "" } else { "s" };
    let list = judge.errors.join("; ");
    Err(Fault::validation(format!(
        "{count} validation error{plural} detected: {list}"
    )))
}

/// True when a string meets the shape's length, pattern and enumeration.
pub(crate) fn text_fits(text: &str, shape: &Shape) -> bool {
    length_fits(characters(text), shape) && matches_pattern(text, shape) && is_choice(text, shape)
}

struct Judge {
    model: &'static Model,
    errors: Vec<String>,
}

impl Judge {
    fn structure(&mut self, fields: &Fields<'_>, path: &str) {
        let structure: &'static Structure = fields.structure;
        for (member, value) in structure.members.iter().zip(&fields.values) {
            if self.errors.len() >= ERRORS_MAX {
                return;
            }
            let path = format!("{path}{}", member.path);
            self.member(member, value.as_ref(), &path);
        }
    }

    fn member(&mut self, member: &Member, value: Option<&Value<'_>>, path: &str) {
        match value {
            Some(value) => self.value(value, member.shape, path),
            None if member.required => self.null(path),
            None => {}
        }
    }

    fn value(&mut self, value: &Value<'_>, id: ShapeId, path: &str) {
        let shape = self.model.shape(id);
        match value {
            Value::Null => self.null(path),
            Value::Boolean(_) | Value::Timestamp(_) => {}
            Value::Integer(number) => {
                self.bounds(*number, shape, "value", || number.to_string(), path);
            }
            Value::Text(text) => self.text(text, shape, path),
            Value::Blob(bytes) => {
                let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
                self.bounds(length, shape, "length", || printed(value), path);
            }
            Value::List(items) => self.list(value, items, shape, path),
            Value::Map(entries) => self.map(value, entries, shape, path),
            Value::Structure(fields) => self.structure(fields, &format!("{path}.")),
        }
    }

    fn text(&mut self, text: &str, shape: &Shape, path: &str) {
        self.bounds(characters(text), shape, "length", || shortened(text), path);
        if let Some(pattern) = shape
            .pattern
            .as_ref()
            .filter(|_| !matches_pattern(text, shape))
        {
            let rule = format!(
                "Member must satisfy regular expression pattern: {}",
                pattern.text
            );
            self.error(&shortened(text), path, &rule);
        }
        if !is_choice(text, shape) {
            let rule = format!(
                "Member must satisfy enum value set: [{}]",
                shape.choices.join(", ")
            );
            self.error(&shortened(text), path, &rule);
        }
    }

    fn list(&mut self, value: &Value<'_>, items: &Items<'_>, shape: &Shape, path: &str) {
        let count = i64::try_from(items.count).unwrap_or(i64::MAX);
        self.bounds(count, shape, "length", || printed(value), path);
        let Kind::List(member) = shape.kind else {
            return;
        };
        let element = self.model.shape(member);
        if matches!(element.kind, Kind::Text) {
            self.elements(
                items.kept.iter(),
                element,
                "Member",
                || printed(value),
                path,
            );
            return;
        }
        for (number, item) in (1..).zip(&items.kept) {
            if self.errors.len() >= ERRORS_MAX {
                return;
            }
            self.value(item, member, &format!("{path}.{number}.member"));
        }
    }

    fn map(&mut self, value: &Value<'_>, entries: &Entries<'_>, shape: &Shape, path: &str) {
        let count = i64::try_from(entries.kept.len()).unwrap_or(i64::MAX);
        self.bounds(count, shape, "length", || printed(value), path);
        let Kind::Map(key, member) = shape.kind else {
            return;
        };
        let (key, element) = (self.model.shape(key), self.model.shape(member));
        if let Some(rule) =
            element_rule(key).filter(|_| !entries.kept.keys().all(|k| text_fits(k, key)))
        {
            self.error(
                &printed(value),
                path,
                &format!("Map keys must satisfy constraint: [{rule}]"),
            );
        }
        self.elements(
            entries.kept.values(),
            element,
            "Map value",
            || printed(value),
            path,
        );
        for (name, value) in &entries.kept {
            if matches!(value, Value::Null) {
                self.null(&format!("{path}.{}.member", shortened(name)));
            }
        }
    }

    /// AWS reports a bad string inside a list or map once, at the list or map.
    fn elements<'v, 'a: 'v>(
        &mut self,
        values: impl Iterator<Item = &'v Value<'a>>,
        element: &Shape,
        whose: &str,
        print: impl FnOnce() -> String,
        path: &str,
    ) {
        let mut bad = false;
        for (number, value) in (1..).zip(values) {
            match value {
                Value::Text(text) => bad |= !text_fits(text, element),
                Value::Null if whose == "Member" => self.null(&format!("{path}.{number}.member")),
                _ => {}
            }
        }
        if let Some(rule) = element_rule(element).filter(|_| bad) {
            self.error(
                &print(),
                path,
                &format!("{whose} must satisfy constraint: [{rule}]"),
            );
        }
    }

    fn bounds(
        &mut self,
        measure: i64,
        shape: &Shape,
        what: &str,
        print: impl Fn() -> String,
        path: &str,
    ) {
        if let Some(min) = shape.min.filter(|min| measure < *min) {
            let rule = format!("Member must have {what} greater than or equal to {min}");
            self.error(&print(), path, &rule);
        }
        if let Some(max) = shape.max.filter(|max| measure > *max) {
            let rule = format!("Member must have {what} less than or equal to {max}");
            self.error(&print(), path, &rule);
        }
    }

    fn null(&mut self, path: &str) {
        self.push(format!(
            "Value null at '{path}' failed to satisfy constraint: Member must not be null"
        ));
    }

    fn error(&mut self, value: &str, path: &str, rule: &str) {
        self.push(format!(
            "Value '{value}' at '{path}' failed to satisfy constraint: {rule}"
        ));
    }

    fn push(&mut self, error: String) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        }
    }
}

/// The constraints on an element, as AWS lists them inside brackets; `None` when it has none.
fn element_rule(shape: &Shape) -> Option<String> {
    let max = shape
        .max
        .map(|max| format!("Member must have length less than or equal to {max}"));
    let min = shape
        .min
        .map(|min| format!("Member must have length greater than or equal to {min}"));
    let pattern = shape.pattern.as_ref().map(|pattern| {
        format!(
            "Member must satisfy regular expression pattern: {}",
            pattern.text
        )
    });
    let choices = (!shape.choices.is_empty()).then(|| {
        format!(
            "Member must satisfy enum value set: [{}]",
            shape.choices.join(", ")
        )
    });
    let rules: Vec<String> = [max, min, pattern, choices].into_iter().flatten().collect();
    (!rules.is_empty()).then(|| rules.join(", "))
}

/// Lengths of strings count Unicode characters.
fn characters(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// True when a length lies within the shape's bounds.
pub(crate) fn length_fits(length: i64, shape: &Shape) -> bool {
    shape.min.is_none_or(|min| length >= min) && shape.max.is_none_or(|max| length <= max)
}

fn matches_pattern(text: &str, shape: &Shape) -> bool {
    shape
        .pattern
        .as_ref()
        .is_none_or(|pattern| text.len() <= PATTERN_BYTES_MAX && pattern.regex.is_match(text))
}

fn is_choice(text: &str, shape: &Shape) -> bool {
    shape.choices.is_empty() || shape.choices.iter().any(|choice| choice == text)
}
