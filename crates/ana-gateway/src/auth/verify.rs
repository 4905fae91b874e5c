//! The rules of a signed request, and the comparison of its signature with ours.
//!
//! The order: what the claim says of itself (form, scope, time), what it covers, then the signature. Whether the caller
//! is known decides only which refusal he gets: a made-up secret stands in for an unknown one, so that both go the same
//! way and take the same time.
//!
//! Must stay true:
//! - the hash of the body is calculated here, always; that a request says its body is unsigned does not help it;
//! - a signature covers the host, the time, and every `x-amz-*` header there is;
//! - a signature, and a session token, are compared in constant time.
//!
//! A request can be sent again by whoever saw it, for as long as it is current: AWS is no stricter, and TLS is what
//! stands against it.

use std::borrow::Cow;
use std::sync::Arc;

use ana_wire::Fault;
use http::header::{HOST, HeaderName};
use http::request::Parts;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::canonical::{Signable, header_value, hex, hex_sha256};
use super::claim::{AMZ_PREFIX, Claim};
use super::credentials::{Credential, Credentials};
use super::keys::{KeyCache, sign};
use super::moment::Moment;
use super::{Principal, refusal};

/// The name under which requests to us are signed.
pub(super) const SERVICE: &str = "kinesis";
/// How far a client's clock may be off. Many services of AWS allow 15 minutes; Kinesis says 5 in its refusals. SDKs
/// learn the difference from the `Date` of a refusal and sign again, and the shorter time leaves less to be replayed.
pub(super) const SKEW_SECONDS: i64 = 300;
/// The pseudo header of HTTP/2 that SDKs sign in place of `host`.
const AUTHORITY: &str = ":authority";
/// No access key can be written like this, so it is nobody's.
const NOBODY: &str = "/";

/// Judges requests by their signature.
#[derive(Debug)]
pub struct Verifier {
    credentials: Credentials,
    region: String,
    service: String,
    keys: KeyCache,
    /// Stands in for callers that nobody knows. Its secret is on no list, so knowing it helps nobody: whatever is signed
    /// with it is refused.
    nobody: Credential,
}

impl Verifier {
    /// A verifier for requests to Kinesis in `region`.
    pub fn new(credentials: Credentials, region: &str) -> Self {
        Self::for_service(credentials, region, SERVICE)
    }

    /// The same for requests that are signed for another service.
    pub fn for_service(credentials: Credentials, region: &str, service: &str) -> Self {
        let nobody = Credential {
            access_key: NOBODY.into(),
            secret: Zeroizing::new("0".repeat(40)),
            session_token: None,
            expires: None,
        };
        Self {
            credentials,
            region: region.to_owned(),
            service: service.to_owned(),
            keys: KeyCache::default(),
            nobody,
        }
    }

    pub(super) fn verify(
        &self,
        head: &Parts,
        body: &[u8],
        now_ms: u64,
    ) -> Result<Principal, Fault> {
        let now = Moment::of_ms(now_ms);
        let claim = Claim::read(head)?;
        claim
            .scope
            .check(claim.signed_at, (&self.region, &self.service))?;
        check_time(&claim, now)?;
        let body_sha256 = hex_sha256(body);
        check_declared(&claim, &body_sha256)?;
        let headers = signed_headers(&claim, head)?;

        let known = self.credentials.get(&claim.access_key);
        let credential = known.unwrap_or(&self.nobody);
        let signable = Signable {
            method: head.method.as_str(),
            path: head.uri.path(),
            parameters: &claim.parameters,
            headers: &headers,
            signed_headers: &claim.signed_headers,
            body_sha256: &body_sha256,
        };
        let to_sign = signable.string_to_sign(&claim.signed_at.basic(), &claim.scope.text());
        let key = self.keys.get(
            &credential.access_key,
            &credential.secret,
            &claim.signed_at.day(),
            (&self.region, &self.service),
        );
        let signature = hex(&*sign(&**key, to_sign.as_bytes()));
        let signature_fits = same(signature.as_bytes(), claim.signature.as_bytes());
        let token_fits = token_fits(credential, claim.token.as_deref());

        if known.is_none() {
            return Err(refusal::unknown_caller());
        }
        if !bool::from(signature_fits) {
            return Err(refusal::mismatch());
        }
        if !bool::from(token_fits) {
            return Err(refusal::unknown_caller());
        }
        if credential.expires.is_some_and(|end| end <= now) {
            return Err(refusal::expired_credentials());
        }
        Ok(Principal {
            access_key: Some(Arc::clone(&credential.access_key)),
        })
    }

    #[cfg(test)]
    pub(super) fn keys_held(&self) -> usize {
        self.keys.len()
    }
}

/// Equality whose time depends on the lengths alone, which are no secret.
pub(super) fn same(a: &[u8], b: &[u8]) -> Choice {
    a.ct_eq(b)
}

/// Temporary credentials need their token, and others must not come with one.
fn token_fits(credential: &Credential, given: Option<&[u8]>) -> Choice {
    match (&credential.session_token, given) {
        (Some(expected), Some(given)) => same(expected.as_bytes(), given),
        (None, None) => Choice::from(1),
        (Some(_), None) | (None, Some(_)) => Choice::from(0),
    }
}

fn check_time(claim: &Claim<'_>, now: Moment) -> Result<(), Fault> {
    let signed_at = claim.signed_at;
    let life = claim.expires_s.unwrap_or(SKEW_SECONDS);
    let (earliest, latest) = (now.plus(-life), now.plus(SKEW_SECONDS));
    if signed_at < earliest {
        return Err(refusal::too_old(
            &signed_at.basic(),
            &earliest.basic(),
            &now.basic(),
            &window(life),
        ));
    }
    if signed_at > latest {
        return Err(refusal::too_new(
            &signed_at.basic(),
            &latest.basic(),
            &now.basic(),
            &window(SKEW_SECONDS),
        ));
    }
    Ok(())
}

fn window(seconds: i64) -> String {
    match (seconds / 60, seconds % 60) {
        (minutes, 0) => format!("{minutes} min"),
        _ => format!("{seconds} sec"),
    }
}

/// What a request says of its body has to be the truth. `UNSIGNED-PAYLOAD` and the `STREAMING-` forms are no hash, and
/// the bodies of Kinesis are small enough to be hashed whole.
fn check_declared(claim: &Claim<'_>, body_sha256: &str) -> Result<(), Fault> {
    match claim.declared_sha256.as_deref() {
        None => Ok(()),
        Some(declared) if declared == body_sha256.as_bytes() => Ok(()),
        Some(declared) => {
            let declared = String::from_utf8_lossy(declared);
            Err(refusal::invalid(format!(
                "The value of 'x-amz-content-sha256' must be the SHA-256 of the body in lower-case hexadecimal digits, \
                 not '{declared}'."
            )))
        }
    }
}

/// The headers that are covered, each with its canonical value.
fn signed_headers<'c>(
    claim: &'c Claim<'_>,
    head: &Parts,
) -> Result<Vec<(&'c str, Vec<u8>)>, Fault> {
    let names: Vec<&str> = claim.signed_headers.split(';').collect();
    if !names.is_sorted_by(|a, b| a < b) {
        return Err(refusal::invalid(
            "The names in 'SignedHeaders' must be sorted, each once.",
        ));
    }
    check_coverage(&names, claim, head)?;
    let values = names.into_iter().map(|name| {
        let value = value_of(name, head).ok_or_else(refusal::mismatch)?;
        Ok((name, value))
    });
    values.collect()
}

/// What has to be covered is: the host, the time, and every header of AWS, the operation's name among them.
///
/// The content type need not be (some SDKs leave it out): the body is covered, and none is a JSON object and a CBOR map.
fn check_coverage(names: &[&str], claim: &Claim<'_>, head: &Parts) -> Result<(), Fault> {
    let missing = |what: &str| {
        refusal::invalid(format!(
            "{what} must be a 'SignedHeader' in the AWS Authorization."
        ))
    };
    if !names.contains(&"host") && !names.contains(&AUTHORITY) {
        return Err(missing("'Host' or ':authority'"));
    }
    let date = claim.date_header.iter();
    let of_aws = head.headers.keys();
    let of_aws = of_aws.filter(|name| name.as_str().starts_with(AMZ_PREFIX));
    for name in date.chain(of_aws) {
        if !names.contains(&name.as_str()) {
            return Err(missing(&format!("'{name}'")));
        }
    }
    Ok(())
}

/// The canonical value of a header; none when it is not there.
fn value_of(name: &str, head: &Parts) -> Option<Vec<u8>> {
    if name == "host" || name == AUTHORITY {
        let host = host_of(head)?;
        return Some(header_value(std::iter::once(&*host)));
    }
    // Names are compared as they were written: upper case is nobody's canonical name.
    let name = HeaderName::from_lowercase(name.as_bytes()).ok()?;
    let mut lines = head.headers.get_all(name).iter().peekable();
    lines.peek()?;
    Some(header_value(lines.map(|line| line.as_bytes())))
}

/// The host that a request is for. HTTP/1.1 has it in a header; HTTP/2 in the pseudo header `:authority`, and proxies
/// add the header. When both are there they have to agree, so that nothing unsigned can be read for it.
fn host_of(head: &Parts) -> Option<Cow<'_, [u8]>> {
    let header = head.headers.get(HOST).map(http::HeaderValue::as_bytes);
    let authority = head.uri.authority().map(|it| it.as_str().as_bytes());
    match (header, authority) {
        (Some(header), Some(authority)) if !header.eq_ignore_ascii_case(authority) => None,
        (Some(host), _) | (None, Some(host)) => Some(Cow::Borrowed(host)),
        (None, None) => None,
    }
}
