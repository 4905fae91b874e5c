//! Any request before the verifier of signatures: as it is, and signed by the book; and then with its body changed.
//!
//! An input is a request as text (`METHOD TARGET`, headers, an empty line, the body; no carriage returns).

#![no_main]

use std::sync::{Arc, LazyLock};

use ana_gateway::{Authentication, Credentials, Signer, Verifier};
use ana_wire::FaultKind;
use http::header::{DATE, HOST};
use http::request::Parts;
use http::{HeaderMap, Request};
use libfuzzer_sys::fuzz_target;

const KEY: &str = "AKIDPLAIN";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const REGION: &str = "us-east-1";

/// All signatures of the corpus are made at this time: 2026-11-25 04:30:00 UTC.
const NOW_MS: u64 = 1_795_581_000_000;

/// Headers that a signer sets or that say what the signature says: taken off before a request is signed.
const OF_SIGNATURES: [&str; 4] = [
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "authorization",
];

static AUTHENTICATION: LazyLock<Authentication> = LazyLock::new(|| {
    let file = format!("[[credential]]\naccess_key = \"{KEY}\"\nsecret_key = \"{SECRET}\"\n");
    let credentials = Credentials::from_toml(&file).expect("a good file");
    Authentication::On(Arc::new(Verifier::new(credentials, REGION)))
});

static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new(KEY, SECRET, None, REGION));

fn run(input: &[u8]) {
    let Some((mut head, body)) = request_of(input) else {
        return;
    };
    match AUTHENTICATION.admit(&head, body, NOW_MS) {
        Ok(principal) => assert_eq!(principal.access_key(), Some(KEY)),
        Err(fault) => assert!(is_refusal_of_a_caller(fault.kind), "{fault:?}"),
    }
    if !is_signable(&head) {
        return;
    }
    for name in OF_SIGNATURES {
        head.headers.remove(name);
    }
    head.headers.remove(DATE);
    if SIGNER.sign(&mut head, body, NOW_MS).is_err() {
        return;
    }
    let admitted = AUTHENTICATION.admit(&head, body, NOW_MS);
    assert!(admitted.is_ok(), "{admitted:?} of {head:?}");
    let longer = [body, b" "].concat();
    let admitted = AUTHENTICATION.admit(&head, &longer, NOW_MS);
    assert!(admitted.is_err(), "another body under the same signature");
}

fn is_refusal_of_a_caller(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::MissingAuthenticationToken
            | FaultKind::IncompleteSignature
            | FaultKind::InvalidSignature
            | FaultKind::UnrecognizedClient
            | FaultKind::ExpiredToken
            | FaultKind::AccessDenied
    )
}

/// One host, no header twice, and no signature in the query: other requests are refused however they are signed.
fn is_signable(head: &Parts) -> bool {
    let one_host = head.headers.contains_key(HOST) != head.uri.authority().is_some();
    let query = head.uri.query().unwrap_or_default().to_ascii_lowercase();
    one_host && !query.contains("x-amz") && !query.contains('%') && only_text_once(&head.headers)
}

/// Headers that are covered are covered as text.
fn only_text_once(headers: &HeaderMap) -> bool {
    headers.len() == headers.keys_len() && headers.values().all(|value| value.to_str().is_ok())
}

fn request_of(input: &[u8]) -> Option<(Parts, &[u8])> {
    let end = input.windows(2).position(|pair| pair == b"\n\n")?;
    let (head, body) = (input.get(..end)?, input.get(end + 2..)?);
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = str::from_utf8(lines.next()?).ok()?;
    let (method, target) = first.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(target);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
        request = request.header(name, value.trim_ascii());
    }
    let (head, ()) = request.body(()).ok()?.into_parts();
    Some((head, body))
}

fuzz_target!(|input: &[u8]| run(input));
