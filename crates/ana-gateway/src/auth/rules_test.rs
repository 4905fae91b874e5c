//! The texts of the refusals, and the rules one by one.

use std::collections::BTreeSet;
use std::time::Duration;

use ana_wire::{Fault, FaultKind};

use super::fixture::{
    BODY, EXPIRED_KEY, KEY, Lie, NOW, NOW_MS, SECRET, Sample, TEMPORARY_KEY, TEMPORARY_SECRET,
    TOKEN, claimed, credentials, verifier,
};
use super::{Authentication, Verifier};

fn refused(sample: &Sample) -> (FaultKind, String) {
    refused_at(sample, NOW_MS)
}

fn refused_at(sample: &Sample, now_ms: u64) -> (FaultKind, String) {
    let fault = sample
        .verify_at(&verifier(), now_ms)
        .expect_err("it must be refused");
    (fault.kind, fault.message.unwrap_or_default())
}

#[test]
fn off_admits_everybody_and_nobody_in_particular() {
    for sample in [Sample::put(), Sample::signed_by_sdk()] {
        let principal = sample.admit(&Authentication::Off).expect("off");
        assert_eq!(principal.access_key(), None);
    }
    let on = Authentication::On(verifier().into());
    assert!(Sample::put().admit(&on).is_err());
    let principal = Sample::signed_by_sdk().admit(&on).expect("signed");
    assert_eq!(principal.access_key(), Some(KEY));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn texts_of_missing_and_incomplete_claims() {
    let missing = (
        FaultKind::MissingAuthenticationToken,
        "Missing Authentication Token",
    );
    let both =
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.";
    let date =
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    let credential = "Authorization header requires 'Credential' parameter. ";
    let signature = "Authorization header requires 'Signature' parameter. ";
    let signed = "Authorization header requires 'SignedHeaders' parameter. ";
    let incomplete = FaultKind::IncompleteSignature;
    let again = "Re-examine the query-string parameters.";
    let without = |names: &[&str]| {
        let each = names
            .iter()
            .map(|name| format!("AWS query-string parameters must include '{name}'. "));
        each.collect::<String>() + again
    };
    let all = [
        "X-Amz-Credential",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
        "X-Amz-Date",
    ];
    // (authorization, x-amz-date, query, type, text)
    let table: Vec<(&str, &str, &str, FaultKind, String)> = vec![
        ("", "", "", missing.0, missing.1.to_owned()),
        ("", NOW, "X-Amz-Signature=1", missing.0, missing.1.to_owned()),
        ("Basic x", NOW, "", missing.0, missing.1.to_owned()),
        ("AWS4", NOW, "", missing.0, missing.1.to_owned()),
        ("Basic x", NOW, "X-Amz-Algorithm=a", FaultKind::InvalidSignature, both.to_owned()),
        ("AWS4-HMAC-SHA256", NOW, "X-Amz-Algorithm", FaultKind::InvalidSignature, both.to_owned()),
        (
            "AWS4-HMAC-SHA256",
            "",
            "",
            incomplete,
            format!("{credential}{signature}{signed}{date}Authorization=AWS4-HMAC-SHA256"),
        ),
        (
            "AWS4-HMAC-SHA256 Signature=b,Credential=a",
            NOW,
            "",
            incomplete,
            format!("{signed}Authorization=AWS4-HMAC-SHA256 Signature=b,Credential=a"),
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a SignedHeaders=c Signature=",
            "",
            "",
            incomplete,
            format!("{signature}{date}Authorization=AWS4-HMAC-SHA256 Credential=a SignedHeaders=c Signature="),
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a,SignedHeaders=c,Signature=b",
            "",
            "",
            incomplete,
            format!("{date}Authorization=AWS4-HMAC-SHA256 Credential=a,SignedHeaders=c,Signature=b"),
        ),
        ("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256", incomplete, without(&all)),
        (
            "",
            "",
            "X-Amz-Algorithm&X-Amz-Date=a&X-Amz-Credential=b",
            incomplete,
            without(&["X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-SignedHeaders"]),
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a/b,SignedHeaders=c,Signature=b",
            NOW,
            "",
            incomplete,
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b'"
                .to_owned(),
        ),
    ];
    for (authorization, date, query, kind, text) in table {
        let mut sample = Sample::put();
        if !authorization.is_empty() {
            sample.set("authorization", authorization);
        }
        if !date.is_empty() {
            sample.set("x-amz-date", date);
        }
        if !query.is_empty() {
            sample.target = format!("/?{query}");
        }
        assert_eq!(refused(&sample), (kind, text), "{authorization} {query}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn texts_of_complete_claims() {
    let invalid = FaultKind::InvalidSignature;
    let mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS \
                    Secret Access Key and signing method. Consult the service documentation for details.";
    let unknown = "The security token included in the request is invalid.";
    let honest = Lie::default;
    let table: [(&str, Lie<'_>, FaultKind, &str); 11] = [
        (
            "wrong secret",
            Lie {
                secret: "wrong",
                ..honest()
            },
            invalid,
            mismatch,
        ),
        (
            "unknown",
            Lie {
                key: "AKIDNOBODY",
                ..honest()
            },
            FaultKind::UnrecognizedClient,
            unknown,
        ),
        (
            "token missing",
            Lie {
                key: TEMPORARY_KEY,
                secret: TEMPORARY_SECRET,
                ..honest()
            },
            FaultKind::UnrecognizedClient,
            unknown,
        ),
        (
            "expired",
            Lie {
                key: EXPIRED_KEY,
                ..honest()
            },
            FaultKind::ExpiredToken,
            "The security token included in the request is expired",
        ),
        (
            "region",
            Lie {
                scope: "20261125/us-east-1/kinesis/aws4_request",
                ..honest()
            },
            invalid,
            "Credential should be scoped to a valid region, not 'us-east-1'.",
        ),
        (
            "service",
            Lie {
                scope: "20261125/eu-central-1/s3/aws4_request",
                ..honest()
            },
            invalid,
            "Credential should be scoped to correct service: 'kinesis'.",
        ),
        (
            "terminator",
            Lie {
                scope: "20261125/eu-central-1/kinesis/aws",
                ..honest()
            },
            invalid,
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws'.",
        ),
        (
            "day",
            Lie {
                scope: "20261124/eu-central-1/kinesis/aws4_request",
                ..honest()
            },
            invalid,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '20261124' != '20261125', from '20261125T043000Z'.",
        ),
        (
            "host",
            Lie {
                signed_headers: "content-type;x-amz-date;x-amz-target",
                ..honest()
            },
            invalid,
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (
            "date",
            Lie {
                signed_headers: "content-type;host;x-amz-target",
                ..honest()
            },
            invalid,
            "'x-amz-date' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (
            "target",
            Lie {
                signed_headers: "content-type;host;x-amz-date",
                ..honest()
            },
            invalid,
            "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.",
        ),
    ];
    for (what, lie, kind, text) in table {
        assert_eq!(refused(&claimed(&lie)), (kind, text.to_owned()), "{what}");
    }
    claimed(&honest()).verify().expect("the honest one");
}

/// Signatures that fit, over things that must not be signed.
#[test]
fn a_good_signature_does_not_help() {
    for payload in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    ] {
        let mut sample = Sample::dated();
        sample.add("x-amz-content-sha256", payload);
        let names = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target";
        sample.claim(&Lie {
            payload: Some(payload),
            signed_headers: names,
            ..Lie::default()
        });
        let (kind, text) = refused(&sample);
        assert_eq!(kind, FaultKind::InvalidSignature);
        assert!(text.contains(payload), "{text}");
        // The same without saying so.
        let sample = claimed(&Lie {
            payload: Some(payload),
            ..Lie::default()
        });
        sample.verify().expect_err("the hash is calculated here");
    }
    for names in [
        "host;content-type;x-amz-date;x-amz-target",
        "content-type;host;host;x-amz-date;x-amz-target",
        "Content-Type;host;x-amz-date;x-amz-target",
        "content-type;host;x-amz-date;x-amz-target;",
        "content-type;host;x-absent;x-amz-date;x-amz-target",
    ] {
        let sample = claimed(&Lie {
            signed_headers: names,
            ..Lie::default()
        });
        sample.verify().expect_err(names);
    }
    for added in ["x-amz-user-agent", "x-amz-security-token", "x-amz-anything"] {
        let mut sample = Sample::dated();
        sample.add(added, "x");
        sample.claim(&Lie::default());
        sample.verify().expect_err(added);
    }
    // Credentials without a token do not become better by one.
    let mut sample = Sample::dated();
    sample.add("x-amz-security-token", TOKEN);
    let names = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
    sample.claim(&Lie {
        signed_headers: names,
        ..Lie::default()
    });
    assert_eq!(refused(&sample).0, FaultKind::UnrecognizedClient);
    // The made-up secret of nobody is no way in, under any name.
    for key in ["", "AKIDNOBODY", "%2F"] {
        let zeros = "0".repeat(40);
        let sample = claimed(&Lie {
            key,
            secret: &zeros,
            ..Lie::default()
        });
        assert_eq!(refused(&sample).0, FaultKind::UnrecognizedClient, "{key}");
    }
}

#[test]
fn the_content_type_may_be_left_out() {
    let sample = claimed(&Lie {
        signed_headers: "host;x-amz-date;x-amz-target",
        ..Lie::default()
    });
    sample.verify().expect("AWS's SDK for PHP does so");
}

#[test]
fn a_date_header_in_place_of_x_amz_date() {
    for date in ["Wed, 25 Nov 2026 04:30:00 GMT", NOW] {
        let mut sample = Sample::put();
        sample.add("date", date);
        sample.claim(&Lie {
            signed_headers: "content-type;date;host;x-amz-target",
            ..Lie::default()
        });
        sample.verify().expect(date);
        sample.claim(&Lie {
            signed_headers: "content-type;host;x-amz-target",
            ..Lie::default()
        });
        sample.verify().expect_err("it must be signed");
    }
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    let second = 1000;
    let minute = 60 * second;
    // (how much later than it was signed it arrives, ms; admitted)
    let late = [
        (0, true),
        (5 * minute - second, true),
        (5 * minute, true),
        (5 * minute + second, false),
        (14 * minute + 59 * second, false),
        (15 * minute + second, false),
        (24 * 60 * minute, false),
    ];
    let sample = Sample::signed_by_sdk();
    for (ms, admitted) in late {
        let judged = sample.verify_at(&verifier(), NOW_MS + ms);
        assert_eq!(judged.is_ok(), admitted, "{ms} late: {judged:?}");
        let judged = sample.verify_at(&verifier(), NOW_MS - ms);
        assert_eq!(judged.is_ok(), admitted, "{ms} early: {judged:?}");
    }
    assert_eq!(
        refused_at(&sample, NOW_MS + 301 * second).1,
        "Signature expired: 20261125T043000Z is now earlier than 20261125T043001Z (20261125T043501Z - 5 min.)"
    );
    assert_eq!(
        refused_at(&sample, NOW_MS - 301 * second).1,
        "Signature not yet current: 20261125T043000Z is still later than 20261125T042959Z (20261125T042459Z + 5 min.)"
    );
    sample.verify_at(&verifier(), 0).expect_err("1970");
    sample
        .verify_at(&verifier(), u64::MAX)
        .expect_err("the end of time");
}

#[test]
fn a_request_signed_in_advance_lives_as_long_as_it_says() {
    let presigned = |seconds: u64| {
        let mut settings = aws_sigv4::http_request::SigningSettings::default();
        settings.signature_location = aws_sigv4::http_request::SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(seconds));
        let mut sample = Sample::put();
        sample.sign_by_sdk((KEY, SECRET, None), settings);
        sample
    };
    let week = 604_800;
    for (seconds, after_s, admitted) in [
        (60, 60, true),
        (60, 61, false),
        (900, 900, true),
        (900, 901, false),
        (week, week, true),
        (week + 1, 0, false),
        (0, 0, false),
    ] {
        let judged = presigned(seconds).verify_at(&verifier(), NOW_MS + after_s * 1000);
        assert_eq!(
            judged.is_ok(),
            admitted,
            "{seconds} after {after_s}: {judged:?}"
        );
    }
    let text = refused_at(&presigned(90), NOW_MS + 91_000).1;
    assert_eq!(
        text,
        "Signature expired: 20261125T043000Z is now earlier than 20261125T043001Z (20261125T043131Z - 90 sec.)"
    );
    for text in ["+60", "6e1", "-1", "x", "1.5", "99999999999999999999"] {
        let mut sample = presigned(60);
        sample.retarget("Expires=60", &format!("Expires={text}"));
        assert_eq!(refused(&sample).0, FaultKind::IncompleteSignature, "{text}");
    }
}

#[test]
fn a_verifier_belongs_to_one_region() {
    let elsewhere = Verifier::new(credentials(), "us-east-1");
    let fault = Sample::signed_by_sdk()
        .verify_at(&elsewhere, NOW_MS)
        .expect_err("another region");
    assert_eq!(fault.kind, FaultKind::InvalidSignature);
}

#[test]
fn every_refusal_is_a_400_of_its_own_type() {
    let kinds: BTreeSet<&str> = [
        Sample::put(),
        claimed(&Lie {
            secret: "wrong",
            ..Lie::default()
        }),
        claimed(&Lie {
            key: "AKIDNOBODY",
            ..Lie::default()
        }),
        claimed(&Lie {
            key: EXPIRED_KEY,
            ..Lie::default()
        }),
    ]
    .iter()
    .map(|sample| {
        let fault: Fault = sample.verify().expect_err("refused");
        assert_eq!(fault.http(), 400);
        fault.kind.name()
    })
    .collect();
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    assert!(!BODY.is_empty());
}
