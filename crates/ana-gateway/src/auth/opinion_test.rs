//! The second opinion: what AWS's own crate signs is accepted, and our own signer signs what it signs.

use std::time::Duration;

use aws_sigv4::http_request::{PayloadChecksumKind, SignatureLocation, SigningSettings};
use proptest::prelude::*;

use super::fixture::{
    KEY, Lie, NOW, NOW_MS, REGION, SECRET, Sample, TEMPORARY_KEY, TEMPORARY_SECRET, TOKEN,
    credentials,
};
use super::{Authentication, SignError, Signer};

fn settings((in_query, with_checksum): (bool, bool)) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if in_query {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(900));
    }
    if with_checksum {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

#[test]
fn header_form_query_form_and_tokens() {
    let plain = (KEY, SECRET, None);
    let temporary = (TEMPORARY_KEY, TEMPORARY_SECRET, Some(TOKEN));
    for caller in [plain, temporary] {
        for in_query in [false, true] {
            for with_checksum in [false, true] {
                let mut sample = Sample::put();
                sample.sign_by_sdk(caller, settings((in_query, with_checksum)));
                let principal = sample.verify().expect("signed by the book");
                assert_eq!(principal.access_key(), Some(caller.0));
            }
        }
    }
}

/// AWS's SDK for JavaScript signs `:authority` in place of `host` over HTTP/2, and more headers than others do.
#[test]
fn authority_in_place_of_host() {
    let mut sample = Sample::dated();
    sample.remove("host");
    sample.authority = Some("localhost:4567".to_owned());
    sample.add(
        "amz-sdk-invocation-id",
        "7d2c8d8e-6f0a-4c5e-9f0e-0a1b2c3d4e5f",
    );
    sample.add("x-amz-user-agent", "aws-sdk-js/3.1143.0");
    let length = sample.body.len().to_string();
    sample.add("content-length", &length);
    let hash = super::canonical::hex_sha256(&sample.body);
    sample.add("x-amz-content-sha256", &hash);
    sample.claim(&Lie {
        signed_headers: ":authority;amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;\
                         x-amz-content-sha256;x-amz-date;x-amz-target;x-amz-user-agent",
        ..Lie::default()
    });
    sample.verify().expect("signed by the book");
    // A proxy in between may speak HTTP/1.1 to us.
    let mut proxied = sample.clone();
    proxied.authority = None;
    proxied.add("host", "localhost:4567");
    proxied.verify().expect("the same host in the other place");
    let mut contradicting = sample.clone();
    contradicting.add("host", "elsewhere:4567");
    contradicting
        .verify()
        .expect_err("which of the two was signed?");
    sample.authority = Some("localhost:4568".to_owned());
    sample.verify().expect_err("another host");
}

#[test]
fn our_signer_signs_what_the_sdk_signs() {
    let on = Authentication::On(super::fixture::verifier().into());
    for (key, secret, token) in [
        (KEY, SECRET, None),
        (TEMPORARY_KEY, TEMPORARY_SECRET, Some(TOKEN)),
    ] {
        let signer = Signer::new(key, secret, token, REGION);
        let mut theirs = Sample::put();
        theirs.sign_by_sdk((key, secret, token), SigningSettings::default());
        let mut head = Sample::put().parts().expect("HTTP");
        signer
            .sign(&mut head, &theirs.body, NOW_MS)
            .expect("it signs");
        let authorization = head.headers.get("authorization").expect("it was put in");
        assert_eq!(authorization, &theirs.header("authorization"));
        assert_eq!(head.headers.get("x-amz-date").expect("a date"), NOW);
        let principal = on
            .admit(&head, &theirs.body, NOW_MS)
            .expect("it is admitted");
        assert_eq!(principal.access_key(), Some(key));
    }
    let first = Signer::first_of(&credentials(), REGION);
    let mut sample = Sample::put();
    sample.remove("host");
    sample.authority = Some("localhost:4567".to_owned());
    sample.target = "/_ana/status?a=b%20c".to_owned();
    let mut head = sample.parts().expect("HTTP");
    first
        .sign(&mut head, &sample.body, NOW_MS)
        .expect("it signs");
    on.admit(&head, &sample.body, NOW_MS)
        .expect("without a host header too");
    // A second time: what was there is replaced.
    first
        .sign(&mut head, &sample.body, NOW_MS + 1000)
        .expect("it signs");
    on.admit(&head, &sample.body, NOW_MS).expect("signed anew");
    let text = format!("{first:?}");
    assert!(text.contains(KEY) && !text.contains(SECRET), "{text}");
}

#[test]
fn what_cannot_be_signed() {
    let mut sample = Sample::put();
    sample.remove("host");
    let mut head = sample.parts().expect("HTTP");
    let before = head.headers.clone();
    let signer = Signer::new(KEY, SECRET, None, REGION);
    assert_eq!(signer.sign(&mut head, b"", NOW_MS), Err(SignError::NoHost));
    let mut head = Sample::put().parts().expect("HTTP");
    let signer = Signer::new(KEY, SECRET, Some("two\nlines"), REGION);
    assert_eq!(
        signer.sign(&mut head, b"", NOW_MS),
        Err(SignError::Unwritable)
    );
    assert_eq!(head.headers.len(), before.len() + 1, "unchanged");
}

fn any_sample() -> impl Strategy<Value = Sample> {
    let path = "/([a-zA-Z0-9._~/@:-]|%[2-7][0-9A-Fa-f]){0,30}";
    let query = "([a-zA-Z0-9&=._~+-]|%[2-7][0-9A-Fa-f]){0,40}";
    let header = ("x-(amz-)?[a-z]{1,8}[a-z-]{0,6}", "[ -~]{0,30}");
    let headers = prop::collection::btree_map(header.0, header.1, 0..5);
    let body = prop::collection::vec(any::<u8>(), 0..200);
    let methods = prop::sample::select(vec!["POST", "GET", "PUT", "DELETE"]);
    (methods, path, query, headers, body).prop_map(|(method, path, query, headers, body)| {
        let mut sample = Sample::put();
        sample.method = method.to_owned();
        sample.target = if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        };
        sample.body = body;
        for (name, value) in headers {
            sample.set(&name, &value);
        }
        sample
    })
}

proptest! {
    #[test]
    fn what_the_sdk_signs_is_accepted(
        mut sample in any_sample(),
        in_query: bool,
        with_checksum: bool,
        temporary: bool,
    ) {
        let caller = if temporary {
            (TEMPORARY_KEY, TEMPORARY_SECRET, Some(TOKEN))
        } else {
            (KEY, SECRET, None)
        };
        sample.sign_by_sdk(caller, settings((in_query, with_checksum)));
        let judged = sample.verify();
        prop_assert!(judged.is_ok(), "{:?} {:?}", sample, judged);
    }

    #[test]
    fn what_we_sign_is_accepted(sample in any_sample()) {
        let mut head = sample.parts().expect("HTTP");
        let signer = Signer::new(KEY, SECRET, None, REGION);
        signer.sign(&mut head, &sample.body, NOW_MS).expect("it signs");
        let judged = super::fixture::verifier().verify(&head, &sample.body, NOW_MS);
        prop_assert!(judged.is_ok(), "{:?} {:?}", sample, judged);
    }
}
