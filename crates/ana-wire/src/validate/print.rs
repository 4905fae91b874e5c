//! Values as AWS's validation texts print them.

use std::fmt::Write;

use super::VALUE_CHARS_MAX;
use crate::tree::Value;

const NO_ERROR: &str = "writing to a string cannot fail";

/// `text`, cut when it is very long.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A value in Java's words, cut when it is very long.
pub(super) fn printed(value: &Value<'_>) -> String {
    let mut out = String::new();
    print(&mut out, value, 0);
    shortened(&out)
}

fn print(out: &mut String, value: &Value<'_>, number: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(flag) => write!(out, "{flag}").expect(NO_ERROR),
        Value::Integer(value) | Value::Timestamp(value) => write!(out, "{value}").expect(NO_ERROR),
        Value::Text(text) => out.push_str(&shortened(text)),
        Value::Blob(bytes) => {
            let length = bytes.len();
            write!(
                out,
                "java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]"
            )
            .expect(NO_ERROR);
        }
        Value::List(items) => {
            out.push('[');
            for (number, item) in items.kept.iter().enumerate() {
                if out.len() > VALUE_CHARS_MAX * 4 {
                    break;
                }
                separate(out, number);
                print(out, item, number);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (number, (key, value)) in entries.kept.iter().enumerate() {
                if out.len() > VALUE_CHARS_MAX * 4 {
                    break;
                }
                separate(out, number);
                out.push_str(&shortened(key));
                out.push('=');
                print(out, value, number);
            }
            out.push('}');
        }
        // Java prints the class and a hash of the object; ours is its place, which is as unstable.
        Value::Structure(fields) => {
            let name = &fields.structure.name;
            write!(out, "com.amazonaws.kinesis.v20131202.{name}@{number:08x}").expect(NO_ERROR);
        }
    }
}

fn separate(out: &mut String, number: usize) {
    if number > 0 {
        out.push_str(", ");
    }
}
