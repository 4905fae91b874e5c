//! AWS's public vectors for Signature Version 4. They come with AWS's own crate `aws-sigv4`, a dependency of these tests,
//! and are read where the package registry has put it.
//!
//! Seven of them, `*-unnormalized`, are about S3, whose paths are signed as they are; they have no place here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::canonical::{ALGORITHM, Signable, header_value, hex, hex_sha256, parameters};
use super::fixture::{Sample, encode};
use super::keys::{derive, sign};
use super::moment::Moment;
use super::{Credentials, Verifier};

const SERVICE: &str = "service";
/// Sends a space in its path, which no HTTP library lets through. It is checked up to the signature.
const NOT_HTTP: &str = "get-space-normalized";
/// Adds the token after signing. AWS's signers can do that for some services; a verifier that covers every header of AWS
/// must refuse it.
const TOKEN_NOT_COVERED: &str = "post-sts-header-after";

fn suite() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(manifest)
        // For this machine alone: what others need may never have been downloaded.
        .other_options(["--offline", "--locked", "--filter-platform=host-tuple"].map(str::to_owned))
        .exec()
        .expect("cargo metadata");
    let packages = metadata.packages.iter();
    let found = packages
        .filter(|package| package.name.as_str() == "aws-sigv4")
        .max_by_key(|package| package.version.clone())
        .expect("a dependency of these tests");
    let directory = found.manifest_path.parent().expect("it lies somewhere");
    directory.join("aws-signing-test-suite/v4").into()
}

#[derive(Debug)]
struct Vector {
    name: String,
    directory: PathBuf,
    context: serde_json::Value,
}

impl Vector {
    fn read(&self, file: &str) -> String {
        let path = self.directory.join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    }

    fn credential(&self, member: &str) -> Option<&str> {
        self.context.get("credentials")?.get(member)?.as_str()
    }

    fn text(&self, member: &str) -> &str {
        let value = self.context.get(member).and_then(|it| it.as_str());
        value.expect("the context has it")
    }

    /// `2015-08-30T12:36:00Z` without its separators, and in milliseconds.
    fn time(&self) -> (String, u64) {
        let basic = self.text("timestamp").replace(['-', ':'], "");
        let mut ms = 0_u64;
        // Found by halving: the only way from text to number that does not use the code under test twice.
        for bit in (0..42).rev() {
            let tried = ms | 1 << bit;
            if Moment::of_ms(tried).basic() <= basic {
                ms = tried;
            }
        }
        (basic, ms)
    }

    fn verifier(&self) -> Verifier {
        let token = self.credential("token");
        let token = token.map_or(String::new(), |token| {
            format!("session_token = '{token}'\n")
        });
        let file = format!(
            "[[credential]]\naccess_key = '{}'\nsecret_key = '{}'\n{token}",
            self.credential("access_key_id").expect("a key"),
            self.credential("secret_access_key").expect("a secret")
        );
        let credentials = Credentials::from_toml(&file).expect("a good file");
        Verifier::for_service(credentials, self.text("region"), self.text("service"))
    }
}

/// The vectors, those of S3 left out.
fn vectors() -> Vec<Vector> {
    let entries = fs::read_dir(suite()).expect("the suite is in the package");
    let mut vectors = Vec::new();
    for entry in entries {
        let directory = entry.expect("an entry").path();
        let name = directory
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        // Two have no context; see `paths_are_encoded_once_more`.
        let Ok(context) = fs::read_to_string(directory.join("context.json")) else {
            continue;
        };
        let context: serde_json::Value = serde_json::from_str(&context).expect("JSON");
        if context.get("normalize") == Some(&serde_json::Value::Bool(true)) {
            vectors.push(Vector {
                name,
                directory,
                context,
            });
        } else {
            assert!(name.ends_with("-unnormalized"), "{name}");
        }
    }
    vectors.sort_by(|a, b| a.name.cmp(&b.name));
    vectors
}

/// A request as it stands in a file; a line that begins with a space goes on with the header before it.
fn request(text: &str) -> Sample {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let mut lines = head.lines();
    let first = lines.next().expect("a request line");
    let (method, rest) = first.split_once(' ').expect("a method");
    let target = rest.strip_suffix(" HTTP/1.1").unwrap_or(rest);
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        match line.split_once(':') {
            Some((name, value)) if !line.starts_with(' ') => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            _ => {
                let last = headers.last_mut().expect("a header to go on with");
                last.1.push(' ');
                last.1.push_str(line);
            }
        }
    }
    Sample {
        method: method.to_owned(),
        target: target.to_owned(),
        authority: None,
        headers,
        body: body.trim_end_matches('\n').as_bytes().to_vec(),
    }
}

/// Canonical request and string to sign of a request, from what it says it signs.
fn canonical(sample: &Sample, signed_headers: &str, vector: &Vector) -> (String, String) {
    let (path, query) = sample
        .target
        .split_once('?')
        .unwrap_or((&sample.target, ""));
    let headers: Vec<(&str, Vec<u8>)> = signed_headers
        .split(';')
        .map(|name| {
            let lines = sample.headers.iter().filter(|(it, _)| it == name);
            (name, header_value(lines.map(|(_, value)| value.as_bytes())))
        })
        .collect();
    let parameters: Vec<_> = parameters(query)
        .into_iter()
        .filter(|parameter| *parameter.name != *b"X-Amz-Signature")
        .collect();
    let signable = Signable {
        method: &sample.method,
        path,
        parameters: &parameters,
        headers: &headers,
        signed_headers,
        body_sha256: &hex_sha256(&sample.body),
    };
    let (timestamp, _) = vector.time();
    let day = timestamp.get(..8).expect("a day");
    let scope = format!("{day}/{}/{SERVICE}/aws4_request", vector.text("region"));
    let canonical = String::from_utf8(signable.canonical()).expect("text");
    (canonical, signable.string_to_sign(&timestamp, &scope))
}

fn check(vector: &Vector, form: &str, signed_headers: &str) {
    let sample = request(&vector.read(&format!("{form}-signed-request.txt")));
    let of = |part: &str| vector.read(&format!("{form}-{part}.txt"));
    let (canonical, to_sign) = canonical(&sample, signed_headers, vector);
    let name = format!("{} {form}", vector.name);
    // The token that is added after signing is no part of what was signed.
    if vector.name != TOKEN_NOT_COVERED || form == "header" {
        assert_eq!(canonical, of("canonical-request"), "{name}");
        assert_eq!(to_sign, of("string-to-sign"), "{name}");
        let (timestamp, _) = vector.time();
        let secret = vector.credential("secret_access_key").expect("a secret");
        let day = timestamp.get(..8).expect("a day");
        let key = derive(secret, day, vector.text("region"), SERVICE);
        assert_eq!(
            hex(&*sign(&*key, to_sign.as_bytes())),
            of("signature"),
            "{name}"
        );
    }
    if vector.name == NOT_HTTP {
        assert!(sample.parts().is_none(), "{name}: HTTP lets it through now");
        return;
    }
    let (_, now_ms) = vector.time();
    let judged = sample.verify_at(&vector.verifier(), now_ms);
    assert_eq!(
        judged.is_ok(),
        vector.name != TOKEN_NOT_COVERED,
        "{name}: {judged:?}"
    );
}

#[test]
fn the_header_form_of_every_vector() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 31, "{vectors:?}");
    for vector in &vectors {
        let sample = request(&vector.read("header-signed-request.txt"));
        let authorization = sample.header("authorization");
        assert!(authorization.starts_with(ALGORITHM));
        let (_, rest) = authorization
            .split_once("SignedHeaders=")
            .expect("they are named");
        let (names, _) = rest.split_once(',').expect("the signature follows");
        check(vector, "header", names);
    }
}

#[test]
fn the_query_form_of_every_vector() {
    let mut seen = BTreeSet::new();
    for vector in &vectors() {
        let text = vector.read("query-canonical-request.txt");
        let mut from_end = text.lines().rev();
        let names = from_end
            .nth(1)
            .expect("the names stand before the hash")
            .to_owned();
        let sample = request(&vector.read("query-signed-request.txt"));
        let claimed = format!("X-Amz-SignedHeaders={}", encode(&names));
        assert!(sample.target.contains(&claimed), "{}", vector.name);
        check(vector, "query", &names);
        seen.insert(names);
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}

/// Two vectors have contexts that contradict themselves; what they are about is the path.
#[test]
fn paths_are_encoded_once_more() {
    for name in ["double-encode-path", "double-url-encode"] {
        let directory = suite().join(name);
        let read = |file: &str| fs::read_to_string(directory.join(file)).expect("in the suite");
        let sample = request(&read("request.txt"));
        let expected = read("header-canonical-request.txt");
        let expected = expected.lines().nth(1).expect("the path");
        assert_eq!(super::canonical::canonical_path(&sample.target), expected);
    }
}
