//! The canonical form of a request: the same bytes whatever way a client has written the same thing.
//!
//! The rules are those of every AWS service but S3: the path is brought into its shortest form and encoded once more
//! than it was received; query parameters are encoded and sorted; runs of spaces in header values count as one.
//! Pure, and shared by the verifier and our own signer, whose second opinions are AWS's public vectors.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The one algorithm that is known.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Last part of a credential's scope.
pub(super) const TERMINATOR: &str = "aws4_request";

/// What of a request is signed.
#[derive(Debug)]
pub(super) struct Signable<'a> {
    pub(super) method: &'a str,
    /// As received: encoded once.
    pub(super) path: &'a str,
    pub(super) parameters: &'a [Parameter<'a>],
    /// Names in order, each with its canonical value.
    pub(super) headers: &'a [(&'a str, Vec<u8>)],
    /// The names again, as `a;b;c`.
    pub(super) signed_headers: &'a str,
    /// Lower-case hexadecimal SHA-256 of the body.
    pub(super) body_sha256: &'a str,
}

/// A parameter of the query, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameter<'a> {
    pub(super) name: Cow<'a, [u8]>,
    pub(super) value: Cow<'a, [u8]>,
}

impl Signable<'_> {
    /// The canonical request.
    pub(super) fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        for line in [
            self.method,
            &canonical_path(self.path),
            &canonical_query(self.parameters),
        ] {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        for (name, value) in self.headers {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            out.extend_from_slice(value);
            out.push(b'\n');
        }
        out.push(b'\n');
        out.extend_from_slice(self.signed_headers.as_bytes());
        out.push(b'\n');
        out.extend_from_slice(self.body_sha256.as_bytes());
        out
    }

    /// What the signing key signs; `timestamp` is of the form `20150830T123600Z`.
    pub(super) fn string_to_sign(&self, timestamp: &str, scope: &str) -> String {
        let hash = hex_sha256(&self.canonical());
        format!("{ALGORITHM}\n{timestamp}\n{scope}\n{hash}")
    }
}

/// The path with empty and dot segments resolved, then every byte but the unreserved ones and `/` encoded.
pub(super) fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_in_directory = true;
    for segment in path.split('/') {
        ends_in_directory = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    let mut out = String::with_capacity(path.len() + 1);
    for segment in &segments {
        out.push('/');
        encode_into(&mut out, segment.as_bytes());
    }
    if ends_in_directory || segments.is_empty() {
        out.push('/');
    }
    out
}

/// The parameters encoded, sorted by encoded name and then by encoded value.
pub(super) fn canonical_query(parameters: &[Parameter<'_>]) -> String {
    let mut pairs: Vec<(String, String)> = parameters
        .iter()
        .map(|parameter| (encoded(&parameter.name), encoded(&parameter.value)))
        .collect();
    pairs.sort_unstable();
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(&name);
        out.push('=');
        out.push_str(&value);
    }
    out
}

/// The parameters of a query string as received.
pub(super) fn parameters(query: &str) -> Vec<Parameter<'_>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Parameter {
                name: decoded(name),
                value: decoded(value),
            }
        })
        .collect()
}

/// Percent signs resolved; `+` is a space, as in forms. A percent sign without two digits stands for itself.
fn decoded(text: &str) -> Cow<'_, [u8]> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, tail @ ..]) => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = tail;
                }
                _ => out.push(b'%'),
            },
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
    }
    Cow::Owned(out)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn encoded(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    encode_into(&mut out, bytes);
    out
}

fn encode_into(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(*byte));
            }
            _ => write!(out, "%{byte:02X}").expect("a String takes everything"),
        }
    }
}

/// A header's canonical value: its lines joined by commas, each trimmed, with every run of white space one space.
pub(super) fn header_value<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for (place, line) in lines.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        let words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        for (place, word) in words.enumerate() {
            if place > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(word);
        }
    }
    out
}

/// Lower-case hexadecimal SHA-256.
pub(super) fn hex_sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(out, "{byte:02x}").expect("a String takes everything");
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{canonical_path, canonical_query, header_value, parameters};

    #[test]
    fn paths() {
        let table = [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a//b", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/..", "/"),
            ("/../a", "/a"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a b", "/a%20b"),
            ("/a%20b", "/a%2520b"),
            ("/%2e%2e/a", "/%252e%252e/a"),
            ("/~-._", "/~-._"),
            ("/\u{1234}", "/%E1%88%B4"),
            ("/a@b:c", "/a%40b%3Ac"),
            ("*", "/%2A"),
        ];
        for (path, canonical) in table {
            assert_eq!(canonical_path(path), canonical, "{path}");
        }
    }

    #[test]
    fn queries() {
        let table = [
            ("", ""),
            ("&", ""),
            ("a", "a="),
            ("a=", "a="),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1", "a=1&a=2"),
            ("A=1&a=1", "A=1&a=1"),
            ("a=b=c", "a=b%3Dc"),
            ("a=%2f%2F", "a=%2F%2F"),
            ("a=x+y", "a=x%20y"),
            ("a=x%2By", "a=x%2By"),
            ("a=%", "a=%25"),
            ("a=%4", "a=%254"),
            ("a=%zz", "a=%25zz"),
            ("%41=1", "A=1"),
            ("a=%ff", "a=%FF"),
        ];
        for (query, canonical) in table {
            assert_eq!(canonical_query(&parameters(query)), canonical, "{query}");
        }
    }

    #[test]
    fn header_values() {
        let table: [(&[&[u8]], &[u8]); 6] = [
            (&[b""], b""),
            (&[b"  a   b  "], b"a b"),
            (&[b"\"a   b\""], b"\"a b\""),
            (&[b"a", b"b ", b" a"], b"a,b,a"),
            (&[b"a\t \tb"], b"a b"),
            (&[b"\xff"], b"\xff"),
        ];
        for (lines, canonical) in table {
            assert_eq!(header_value(lines.iter().copied()), canonical);
        }
    }

    proptest! {
        #[test]
        fn canonical_queries_stay_as_they_are(query in "[ -~]{0,80}") {
            let once = canonical_query(&parameters(&query));
            prop_assert_eq!(canonical_query(&parameters(&once)), once);
        }

        #[test]
        fn canonical_paths_have_no_empty_or_dot_segments(path in "[/.a%-]{0,40}") {
            let canonical = canonical_path(&path);
            prop_assert!(canonical.starts_with('/'));
            let inner = canonical.trim_start_matches('/').trim_end_matches('/');
            for segment in inner.split('/').filter(|_| !inner.is_empty()) {
                prop_assert!(!matches!(segment, "" | "." | ".."), "{path} {canonical}");
            }
        }
    }
}
