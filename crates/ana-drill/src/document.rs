//! What TOML and JSON have in common: a tree of texts, numbers, flags, lists and tables.
//!
//! Must stay true: a table keeps the order of its file, and a key that stands twice is refused in both
//! languages. Numbers are kept as text, so that no decimal of a percentage is lost in a float.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Keys of one table. No table of a drill or a template has nearly as many, and each is looked for among the
/// others.
const TABLE_KEYS_MAX: usize = 500;

/// A value of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Nothing,
    Flag(bool),
    Number(String),
    Text(String),
    List(Vec<Value>),
    Table(Table),
}

/// Keys and values in the order of the file.
pub(crate) type Table = Vec<(String, Value)>;

impl Value {
    /// What it is, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Nothing => "nothing",
            Value::Flag(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// The value of `key`, if it is there.
pub(crate) fn find<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let mut entries = table.iter();
    entries
        .find(|(each, _)| each == key)
        .map(|(_, value)| value)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Flag(v))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v.to_string()))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v.to_string()))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Value, E> {
        Ok(Value::Number(v.to_string()))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_owned()))
    }

    fn visit_string<E: Error>(self, v: String) -> Result<Value, E> {
        Ok(Value::Text(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut table = Table::new();
        while let Some((key, value)) = map.next_entry::<String, Value>()? {
            if table.len() >= TABLE_KEYS_MAX {
                return Err(A::Error::custom(format!(
                    "a table has at most {TABLE_KEYS_MAX} keys"
                )));
            }
            if find(&table, &key).is_some() {
                return Err(A::Error::custom(format!("key {key:?} stands twice")));
            }
            table.push((key, value));
        }
        Ok(Value::Table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn both_languages_give_the_same_tree() {
        let toml = "a = 25\nb = [\"x\", true]\n[c]\nd = 99.9\n";
        let json = r#"{"a": 25, "b": ["x", true], "c": {"d": 99.9}}"#;
        let toml: Value = toml::from_str(toml).expect("TOML");
        let json: Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(toml, json);
        let Value::Table(table) = json else {
            panic!("a table");
        };
        let inner = vec![("d".to_owned(), Value::Number("99.9".to_owned()))];
        assert_eq!(table[2].1, Value::Table(inner));
    }

    #[test]
    fn what_is_deep_or_wide_beyond_reason_is_refused() {
        for open in ["[", "{\"a\":"] {
            serde_json::from_str::<Value>(&open.repeat(100_000)).expect_err("too deep");
        }
        for open in ["[", "{a="] {
            let text = format!("a = {}", open.repeat(100_000));
            toml::from_str::<Value>(&text).expect_err("too deep");
        }
        let keys = |count: usize| {
            (0..count)
                .map(|each| format!("k{each} = 1\n"))
                .collect::<String>()
        };
        toml::from_str::<Value>(&keys(500)).expect("just so many");
        let error = toml::from_str::<Value>(&keys(501)).expect_err("too many");
        assert!(error.to_string().contains("at most 500 keys"), "{error}");
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        let error = serde_json::from_str::<Value>(r#"{"a": 1, "a": 2}"#).expect_err("twice");
        assert!(
            error.to_string().contains("key \"a\" stands twice"),
            "{error}"
        );
        toml::from_str::<Value>("a = 1\na = 2").expect_err("twice");
    }
}
