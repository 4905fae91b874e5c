//! A request that was signed by the book, changed in one thing: refused, whatever the thing is.

use std::time::Duration;

use aws_sigv4::http_request::{SignatureLocation, SigningSettings};
use proptest::prelude::*;

use super::fixture::{
    EXPIRED_KEY, KEY, NOW_MS, SECRET, Sample, TEMPORARY_KEY, TEMPORARY_SECRET, TOKEN, encode,
};

type Mutation = (&'static str, fn(&mut Sample));

const HEADER_FORM: &[Mutation] = &[
    ("no authorization", |it| it.remove("authorization")),
    ("empty authorization", |it| it.set("authorization", "")),
    ("basic authorization", |it| {
        it.set("authorization", "Basic dXNlcjpwYXNz");
    }),
    ("bearer", |it| it.set("authorization", "Bearer abc")),
    ("scheme in lower case", |it| {
        it.replace("authorization", "AWS4-", "aws4-");
    }),
    ("version 2", |it| {
        it.set("authorization", "AWS AKID:c2lnbmF0dXJl");
    }),
    ("another hash", |it| {
        it.replace("authorization", "SHA256", "SHA512");
    }),
    ("no algorithm", |it| {
        it.replace("authorization", "AWS4-HMAC-SHA256 ", "");
    }),
    ("asymmetric", |it| {
        it.replace(
            "authorization",
            "AWS4-HMAC-SHA256",
            "AWS4-ECDSA-P256-SHA256",
        );
    }),
    ("no credential", |it| {
        it.replace("authorization", "Credential=", "Credentials=");
    }),
    ("credential twice", |it| {
        it.replace(
            "authorization",
            "Credential=",
            "Credential=x/1/2/3/4, Credential=",
        );
    }),
    ("an unknown parameter", |it| {
        it.replace("authorization", "SignedHeaders=", "Extra=1, SignedHeaders=");
    }),
    ("another key", |it| {
        it.replace("authorization", KEY, TEMPORARY_KEY);
    }),
    ("unknown key", |it| {
        it.replace("authorization", KEY, "AKIDPLAIM");
    }),
    ("key in lower case", |it| {
        it.replace("authorization", KEY, "akidplain");
    }),
    ("empty key", |it| it.replace("authorization", KEY, "")),
    ("nobody's key", |it| it.replace("authorization", KEY, "%2F")),
    ("expired key", |it| {
        it.replace("authorization", KEY, EXPIRED_KEY);
    }),
    ("day before", |it| {
        it.replace("authorization", "/20261125/", "/20261124/");
    }),
    ("day after", |it| {
        it.replace("authorization", "/20261125/", "/20261126/");
    }),
    ("no day", |it| {
        it.replace("authorization", "/20261125/", "//");
    }),
    ("another region", |it| {
        it.replace("authorization", "eu-central-1", "eu-central-2");
    }),
    ("region in upper case", |it| {
        it.replace("authorization", "eu-central-1", "EU-CENTRAL-1");
    }),
    ("no region", |it| {
        it.replace("authorization", "/eu-central-1/", "//");
    }),
    ("another service", |it| {
        it.replace("authorization", "/kinesis/", "/firehose/");
    }),
    ("service in upper case", |it| {
        it.replace("authorization", "/kinesis/", "/Kinesis/");
    }),
    ("another terminator", |it| {
        it.replace("authorization", "aws4_request", "aws5_request");
    }),
    ("no terminator", |it| {
        it.replace("authorization", "/aws4_request", "");
    }),
    ("a longer scope", |it| {
        it.replace("authorization", "aws4_request", "aws4_request/x");
    }),
    ("no signed headers", |it| {
        it.replace("authorization", "SignedHeaders=", "SignedHeaders=,");
    }),
    ("host not signed", |it| {
        it.replace("authorization", ";host;", ";");
    }),
    ("date not signed", |it| {
        it.replace("authorization", ";x-amz-date;", ";");
    }),
    ("target not signed", |it| {
        it.replace("authorization", ";x-amz-target", "");
    }),
    ("content type not signed", |it| {
        it.replace("authorization", "content-type;", "");
    }),
    ("one more signed header", |it| {
        it.replace(
            "authorization",
            "=content-type",
            "=amz-sdk-request;content-type",
        );
    }),
    ("a signed header that is absent", |it| {
        it.replace(
            "authorization",
            "x-amz-target",
            "x-amz-target;x-amz-user-agent",
        );
    }),
    ("authority for host", |it| {
        it.replace(
            "authorization",
            "=content-type;host",
            "=:authority;content-type",
        );
    }),
    ("signed headers not sorted", |it| {
        it.replace("authorization", "content-type;host", "host;content-type");
    }),
    ("a signed header twice", |it| {
        it.replace("authorization", "host;", "host;host;");
    }),
    ("an empty name in signed headers", |it| {
        it.replace("authorization", "host;", "host;;");
    }),
    ("a separator at the end", |it| {
        it.replace("authorization", "x-amz-target,", "x-amz-target;,");
    }),
    ("signed header in upper case", |it| {
        it.replace("authorization", ";host;", ";Host;");
    }),
    ("signed headers with commas", |it| {
        it.replace("authorization", "host;x", "host,x");
    }),
    ("no signature", |it| {
        it.replace("authorization", "Signature=", "Signature=,");
    }),
    ("signature twice", |it| {
        it.replace("authorization", "Signature=", "Signature=00, Signature=");
    }),
    ("first digit of the signature", |it| {
        change_signature(it, |text| flip(text, 0));
    }),
    ("last digit of the signature", |it| {
        change_signature(it, |text| flip(text, 63));
    }),
    ("signature in upper case", |it| {
        change_signature(it, |text| text.to_ascii_uppercase());
    }),
    ("signature cut", |it| {
        change_signature(it, |text| text.chars().take(63).collect());
    }),
    ("signature longer", |it| {
        change_signature(it, |text| format!("{text}0"));
    }),
    ("signature of zeros", |it| {
        change_signature(it, |_| "0".repeat(64));
    }),
    ("signature not hexadecimal", |it| {
        change_signature(it, |_| "x".repeat(64));
    }),
    ("authorization twice", |it| {
        it.add("authorization", "AWS4-HMAC-SHA256 Credential=x");
    }),
    ("no date", |it| it.remove("x-amz-date")),
    ("another date", |it| {
        it.replace("x-amz-date", "043000Z", "043001Z");
    }),
    ("date twice", |it| it.add("x-amz-date", "20261125T043000Z")),
    ("date in the other form only", |it| {
        it.remove("x-amz-date");
        it.add("date", "Wed, 25 Nov 2026 04:30:00 GMT");
    }),
    ("date is no date", |it| it.set("x-amz-date", "now")),
    ("another target", |it| {
        it.replace("x-amz-target", "PutRecord", "DeleteStream");
    }),
    ("target in lower case", |it| {
        it.replace("x-amz-target", "PutRecord", "putrecord");
    }),
    ("no target", |it| it.remove("x-amz-target")),
    ("target twice", |it| {
        it.add("x-amz-target", "Kinesis_20131202.DeleteStream");
    }),
    ("another content type", |it| {
        it.set("content-type", "application/x-amz-cbor-1.1");
    }),
    ("content type twice", |it| {
        it.add("content-type", "application/x-amz-cbor-1.1");
    }),
    ("another host", |it| it.set("host", "localhost:4568")),
    ("host twice", |it| it.add("host", "localhost:4567")),
    ("no host", |it| it.remove("host")),
    ("another authority", |it| {
        it.authority = Some("elsewhere".to_owned());
    }),
    ("a new header of AWS", |it| it.add("x-amz-user-agent", "x")),
    ("a token that is not signed", |it| {
        it.add("x-amz-security-token", TOKEN);
    }),
    ("a byte of the body", |it| it.body[0] = b'['),
    ("body longer", |it| it.body.push(b' ')),
    ("body cut", |it| it.body.truncate(10)),
    ("no body", |it| it.body.clear()),
    ("unsigned payload", |it| {
        it.add("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    }),
    ("streaming payload", |it| {
        it.add("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    }),
    ("unsigned streaming payload", |it| {
        it.add("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    }),
    ("another method", |it| it.method = "PUT".to_owned()),
    ("method in lower case", |it| it.method = "post".to_owned()),
    ("another path", |it| it.target = "/a".to_owned()),
    ("a query", |it| it.target = "/?a".to_owned()),
    ("signed twice", |it| {
        it.target = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256".to_owned();
    }),
    ("a signature in the query too", |it| {
        it.target = "/?x-amz-signature=00".to_owned();
    }),
    ("a token in the query", |it| {
        it.target = format!("/?X-Amz-Security-Token={}", encode(TOKEN));
    }),
];

const QUERY_FORM: &[Mutation] = &[
    ("no algorithm", |it| {
        it.retarget("X-Amz-Algorithm=AWS4-HMAC-SHA256", "a=b");
    }),
    ("algorithm in lower case", |it| {
        it.retarget("X-Amz-Algorithm", "x-amz-algorithm");
    }),
    ("another algorithm", |it| {
        it.retarget("HMAC-SHA256", "HMAC-SHA1");
    }),
    ("no credential", |it| {
        it.retarget("X-Amz-Credential", "X-Amz-Credentials");
    }),
    ("another key", |it| it.retarget(KEY, TEMPORARY_KEY)),
    ("another region", |it| {
        it.retarget("eu-central-1", "us-east-1");
    }),
    ("another service", |it| it.retarget("kinesis", "s3")),
    ("another day", |it| {
        it.retarget("20261125%2F", "20261124%2F");
    }),
    ("no date", |it| it.retarget("X-Amz-Date", "X-Amz-Dat")),
    ("another date", |it| it.retarget("T043000Z", "T043001Z")),
    ("longer life", |it| {
        it.retarget("X-Amz-Expires=900", "X-Amz-Expires=901");
    }),
    ("no life", |it| it.retarget("X-Amz-Expires=900", "")),
    ("host not signed", |it| it.retarget("host%3B", "")),
    ("target not signed", |it| it.retarget("%3Bx-amz-target", "")),
    ("no signature", |it| {
        it.retarget("X-Amz-Signature", "X-Amz-Signatur");
    }),
    ("signature empty", |it| {
        it.retarget("X-Amz-Signature=", "X-Amz-Signature=&a=");
    }),
    ("signature twice", |it| {
        it.target.push_str("&X-Amz-Signature=00");
    }),
    ("signature in other case too", |it| {
        it.target.push_str("&x-amz-signature=00");
    }),
    ("date twice", |it| {
        it.target.push_str("&X-Amz-Date=20261125T043000Z");
    }),
    ("one more parameter", |it| it.target.push_str("&a=b")),
    ("unsigned payload", |it| {
        it.target.push_str("&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD");
    }),
    ("a token", |it| {
        it.target.push_str("&X-Amz-Security-Token=x");
    }),
    ("authorization too", |it| {
        it.add("authorization", "AWS4-HMAC-SHA256 Credential=x");
    }),
    ("basic authorization too", |it| {
        it.add("authorization", "Basic eDp5");
    }),
    ("another method", |it| it.method = "GET".to_owned()),
    ("another path", |it| it.retarget("/?", "/x?")),
    ("another target", |it| {
        it.replace("x-amz-target", "PutRecord", "GetRecords");
    }),
    ("another host", |it| it.set("host", "localhost")),
    ("another body", |it| it.body.push(b'x')),
    ("a new header of AWS", |it| {
        it.add("x-amz-date", "20261125T043000Z");
    }),
];

const TOKEN_FORM: &[Mutation] = &[
    ("no token", |it| it.remove("x-amz-security-token")),
    ("another token", |it| {
        it.replace("x-amz-security-token", "EXAMPLE", "EXAMPLF");
    }),
    ("token twice", |it| it.add("x-amz-security-token", TOKEN)),
    ("token not signed", |it| {
        it.replace("authorization", "x-amz-security-token;", "");
    }),
    ("key of another", |it| {
        it.replace("authorization", TEMPORARY_KEY, KEY);
    }),
];

fn change_signature(sample: &mut Sample, change: impl Fn(&str) -> String) {
    let value = sample.header("authorization");
    let (before, signature) = value.split_once("Signature=").expect("it is signed");
    assert_eq!(signature.len(), 64);
    sample.set(
        "authorization",
        &format!("{before}Signature={}", change(signature)),
    );
}

fn flip(text: &str, place: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
    String::from_utf8(bytes).expect("still ASCII")
}

fn query_form() -> Sample {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(900));
    let mut sample = Sample::put();
    sample.sign_by_sdk((KEY, SECRET, None), settings);
    sample
}

fn token_form() -> Sample {
    let mut sample = Sample::put();
    let caller = (TEMPORARY_KEY, TEMPORARY_SECRET, Some(TOKEN));
    sample.sign_by_sdk(caller, SigningSettings::default());
    sample
}

#[test]
fn every_single_change_is_refused() {
    type Form = (fn() -> Sample, &'static [Mutation]);
    let forms: [Form; 3] = [
        (Sample::signed_by_sdk, HEADER_FORM),
        (query_form, QUERY_FORM),
        (token_form, TOKEN_FORM),
    ];
    for (base, mutations) in forms {
        base().verify().expect("unchanged it is good");
        for (what, mutate) in mutations {
            let mut sample = base();
            mutate(&mut sample);
            assert_ne!(sample, base(), "{what} changes nothing");
            let judged = sample.verify();
            assert!(judged.is_err(), "{what}: {sample:?}");
        }
    }
}

/// What must not matter: headers that nobody signs, and other ways to write the same.
#[test]
fn what_may_change() {
    let free: &[Mutation] = &[
        ("user agent", |it| it.set("user-agent", "curl")),
        ("no user agent", |it| it.remove("user-agent")),
        ("a header of a proxy", |it| {
            it.add("x-forwarded-for", "10.0.0.1");
        }),
        ("a trace", |it| it.add("x-amzn-trace-id", "Root=1-2-3")),
        ("spaces in a value", |it| {
            it.set("content-type", "  application/x-amz-json-1.1 ");
        }),
        ("separated by commas", |it| {
            it.replace("authorization", ", ", ",");
        }),
        ("separated by spaces", |it| {
            it.replace("authorization", ", ", " ");
        }),
        ("the path written longer", |it| {
            it.target = "/a/..//.".to_owned();
        }),
        ("an empty query", |it| it.target = "/?".to_owned()),
        ("names in upper case", |it| {
            for (name, _) in &mut it.headers {
                *name = name.to_ascii_uppercase();
            }
        }),
    ];
    for (what, mutate) in free {
        let mut sample = Sample::signed_by_sdk();
        mutate(&mut sample);
        let judged = sample.verify();
        assert!(judged.is_ok(), "{what}: {judged:?}");
    }
}

/// Where one byte is changed.
#[derive(Debug, Clone, Copy)]
enum Place {
    Authorization,
    Date,
    Target,
    ContentType,
    Host,
    Token,
    Body,
}

fn mutate_at(sample: &mut Sample, place: Place, at: prop::sample::Index, byte: u8) {
    let name = match place {
        Place::Body => {
            let at = at.index(sample.body.len());
            sample.body[at] = byte;
            return;
        }
        Place::Authorization => "authorization",
        Place::Date => "x-amz-date",
        Place::Target => "x-amz-target",
        Place::ContentType => "content-type",
        Place::Host => "host",
        Place::Token => "x-amz-security-token",
    };
    let mut value = sample.header(name).into_bytes();
    let at = at.index(value.len());
    value[at] = byte;
    sample.set(name, &String::from_utf8(value).expect("ASCII for ASCII"));
}

/// The separators of an Authorization header may be written in more than one way.
fn means_the_same(sample: &Sample, base: &Sample) -> bool {
    let words = |it: &Sample| {
        let value = it.header("authorization").replace(',', " ");
        value
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut without = (sample.clone(), base.clone());
    without.0.remove("authorization");
    without.1.remove("authorization");
    without.0.headers.sort();
    without.1.headers.sort();
    words(sample) == words(base) && without.0 == without.1
}

proptest! {
    #[test]
    fn every_changed_byte_is_refused(
        place in prop::sample::select(vec![
            Place::Authorization, Place::Authorization, Place::Authorization,
            Place::Date, Place::Target, Place::ContentType, Place::Host, Place::Token, Place::Body,
        ]),
        at: prop::sample::Index,
        byte in b'!'..=b'~',
    ) {
        let base = token_form();
        let mut sample = base.clone();
        mutate_at(&mut sample, place, at, byte);
        let judged = sample.verify_at(&super::fixture::verifier(), NOW_MS);
        prop_assert_eq!(judged.is_ok(), means_the_same(&sample, &base), "{:?}", sample);
    }

    #[test]
    fn any_authorization_is_refused_without_a_panic(
        value in "(AWS4-HMAC-SHA256 )?([ -~]{0,60}|(Credential|Signature|SignedHeaders)=[!-~]{0,20},? ?){0,4}",
        query in "(X-Amz-(Algorithm|Credential|Signature|SignedHeaders|Date|Expires)=[!-~&&[^#]]{0,20}&?){0,6}",
    ) {
        let mut sample = Sample::put();
        sample.set("authorization", &value);
        prop_assert!(sample.verify().is_err());
        sample.target = format!("/?{query}");
        if sample.parts().is_some() {
            prop_assert!(sample.verify().is_err());
            sample.remove("authorization");
            prop_assert!(sample.verify().is_err());
        }
    }
}
