//! Requests for the tests: how they look, how AWS's own crate signs them, and how a liar would.

use std::time::{Duration, SystemTime};

use ana_wire::Fault;
use aws_credential_types::Credentials as SdkCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as sdk_sign};
use aws_sigv4::sign::v4;
use http::request::Parts;

use super::canonical::{Signable, hex, hex_sha256, parameters};
use super::keys::{derive, sign};
use super::{Authentication, Credentials, Principal, Verifier};

pub(super) const REGION: &str = "eu-central-1";
pub(super) const KEY: &str = "AKIDPLAIN";
pub(super) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub(super) const TEMPORARY_KEY: &str = "ASIATEMPORARY";
pub(super) const TEMPORARY_SECRET: &str = "anotherSecretOfFortyCharactersAAAAAAAAAA";
pub(super) const TOKEN: &str = "FwoGZXIvYXdzEXAMPLE//////////wEa==";
pub(super) const EXPIRED_KEY: &str = "ASIAEXPIRED";
/// 2026-11-25 04:30:00 UTC.
pub(super) const NOW_MS: u64 = 1_795_581_000_000;
pub(super) const NOW: &str = "20261125T043000Z";
pub(super) const BODY: &str = r#"{"StreamName":"clicks","Data":"aGVsbG8=","PartitionKey":"k"}"#;

pub(super) fn file() -> String {
    format!(
        r#"
        [[credential]]
        access_key = "{KEY}"
        secret_key = "{SECRET}"
        [[credential]]
        access_key = "{TEMPORARY_KEY}"
        secret_key = "{TEMPORARY_SECRET}"
        session_token = "{TOKEN}"
        [[credential]]
        access_key = "{EXPIRED_KEY}"
        secret_key = "{SECRET}"
        expires = "2026-11-25T04:30:00Z"
        "#
    )
}

pub(super) fn credentials() -> Credentials {
    Credentials::from_toml(&file()).expect("a good file")
}

pub(super) fn verifier() -> Verifier {
    Verifier::new(credentials(), REGION)
}

/// A request before it is HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    /// The pseudo header of HTTP/2.
    pub(super) authority: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// The claim that [`Sample::claim`] makes.
#[derive(Debug, Clone)]
pub(super) struct Lie<'a> {
    pub(super) key: &'a str,
    pub(super) secret: &'a str,
    pub(super) scope: &'a str,
    pub(super) signed_headers: &'a str,
    pub(super) timestamp: &'a str,
    /// In place of the hash of the body.
    pub(super) payload: Option<&'a str>,
}

impl Default for Lie<'_> {
    fn default() -> Self {
        Self {
            key: KEY,
            secret: SECRET,
            scope: "20261125/eu-central-1/kinesis/aws4_request",
            signed_headers: "content-type;host;x-amz-date;x-amz-target",
            timestamp: NOW,
            payload: None,
        }
    }
}

impl Sample {
    /// A PutRecord as boto3 sends it, not signed yet.
    pub(super) fn put() -> Self {
        let headers = [
            ("host", "localhost:4567"),
            ("x-amz-target", "Kinesis_20131202.PutRecord"),
            ("content-type", "application/x-amz-json-1.1"),
            ("user-agent", "Boto3/1.43.11 lang/python#3.12.3"),
            ("amz-sdk-request", "attempt=1"),
        ];
        Self {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            authority: None,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            body: BODY.as_bytes().to_vec(),
        }
    }

    pub(super) fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.add(name, value);
    }

    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.headers.retain(|(it, _)| it != name);
    }

    /// Replaces a part of a header's value that must be there.
    pub(super) fn replace(&mut self, name: &str, from: &str, to: &str) {
        let value = self.header(name);
        assert!(value.contains(from), "{name}: {value} has no {from}");
        self.set(name, &value.replace(from, to));
    }

    /// Replaces a part of path and query that must be there.
    pub(super) fn retarget(&mut self, from: &str, to: &str) {
        assert!(self.target.contains(from), "{} has no {from}", self.target);
        self.target = self.target.replace(from, to);
    }

    /// What arrives; none when HTTP itself refuses it.
    pub(super) fn parts(&self) -> Option<Parts> {
        let address = match &self.authority {
            Some(authority) => format!("http://{authority}{}", self.target),
            None => self.target.clone(),
        };
        let mut request = http::Request::builder()
            .method(self.method.as_str())
            .uri(address);
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        Some(request.body(()).ok()?.into_parts().0)
    }

    pub(super) fn verify_at(&self, verifier: &Verifier, now_ms: u64) -> Result<Principal, Fault> {
        let parts = self.parts().expect("a request that HTTP lets through");
        verifier.verify(&parts, &self.body, now_ms)
    }

    pub(super) fn verify(&self) -> Result<Principal, Fault> {
        self.verify_at(&verifier(), NOW_MS)
    }

    /// Through the door that everybody takes.
    pub(super) fn admit(&self, how: &Authentication) -> Result<Principal, Fault> {
        let parts = self.parts().expect("a request that HTTP lets through");
        how.admit(&parts, &self.body, NOW_MS)
    }

    /// Signs as AWS's crate for Rust does.
    pub(super) fn sign_by_sdk(
        &mut self,
        (key, secret, token): (&str, &str, Option<&str>),
        settings: SigningSettings,
    ) {
        let identity =
            SdkCredentials::new(key, secret, token.map(str::to_owned), None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name("kinesis")
            .time(SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS))
            .settings(settings)
            .build()
            .expect("all parameters are given")
            .into();
        let host = self
            .authority
            .clone()
            .unwrap_or_else(|| self.header("host"));
        let address = format!("http://{host}{}", self.target);
        let unsigned = ["user-agent", "amz-sdk-request"];
        let headers = self
            .headers
            .iter()
            .filter(|(name, _)| !unsigned.contains(&name.as_str()));
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        let body = SignableBody::Bytes(&self.body);
        let request = SignableRequest::new(&self.method, &address, headers, body)
            .expect("a request that can be signed");
        let (instructions, _) = sdk_sign(request, &params).expect("it signs").into_parts();
        let (headers, query) = instructions.into_parts();
        for header in headers {
            self.set(header.name(), header.value());
        }
        for (name, value) in query {
            let sign = if self.target.contains('?') { '&' } else { '?' };
            let encoded = encode(&value);
            self.target = format!("{}{sign}{name}={encoded}", self.target);
        }
    }

    pub(super) fn signed_by_sdk() -> Self {
        let mut sample = Self::put();
        sample.sign_by_sdk((KEY, SECRET, None), SigningSettings::default());
        sample
    }

    /// Signs whatever is claimed, true or not, with a signature that fits it.
    pub(super) fn claim(&mut self, lie: &Lie<'_>) {
        let hash = hex_sha256(&self.body);
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let names = lie.signed_headers.split(';');
        let headers: Vec<(&str, Vec<u8>)> = names
            .map(|name| {
                let lines = self.headers.iter().filter(|(it, _)| it == name);
                let mut value =
                    super::canonical::header_value(lines.map(|(_, value)| value.as_bytes()));
                if matches!(name, ":authority" | "host") && value.is_empty() {
                    value = self.authority.clone().unwrap_or_default().into_bytes();
                }
                (name, value)
            })
            .collect();
        let signable = Signable {
            method: &self.method,
            path,
            parameters: &parameters(query),
            headers: &headers,
            signed_headers: lie.signed_headers,
            body_sha256: lie.payload.unwrap_or(&hash),
        };
        let to_sign = signable.string_to_sign(lie.timestamp, lie.scope);
        let scope: Vec<&str> = lie.scope.split('/').collect();
        let part = |place: usize| scope.get(place).copied().unwrap_or_default();
        let key = derive(lie.secret, part(0), part(1), part(2));
        let signature = hex(&*sign(&*key, to_sign.as_bytes()));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={signature}",
            lie.key, lie.scope, lie.signed_headers
        );
        self.set("authorization", &authorization);
    }

    /// A put with a date, on which [`Sample::claim`] can be called.
    pub(super) fn dated() -> Self {
        let mut sample = Self::put();
        sample.add("x-amz-date", NOW);
        sample
    }
}

/// A put with a claim whose signature fits.
pub(super) fn claimed(lie: &Lie<'_>) -> Sample {
    let mut sample = Sample::dated();
    sample.claim(lie);
    sample
}

pub(super) fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
