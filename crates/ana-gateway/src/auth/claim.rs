//! What a caller says of himself: who he is, what he signed, when, and the signature. Nothing of it is believed yet.
//!
//! Must stay true:
//! - all parts of a claim come from the same place, the header or the query; a request with parts in both is refused;
//! - what appears twice, or is of no known form, is refused, and never read one way here and another way elsewhere.

use std::borrow::Cow;

use ana_wire::Fault;
use http::header::{AUTHORIZATION, DATE, HeaderMap, HeaderName};
use http::request::Parts;

use super::canonical::{ALGORITHM, Parameter, TERMINATOR, parameters};
use super::moment::Moment;
use super::refusal;

pub(super) const X_AMZ_DATE: &str = "x-amz-date";
pub(super) const X_AMZ_SECURITY_TOKEN: &str = "x-amz-security-token";
pub(super) const X_AMZ_CONTENT_SHA256: &str = "x-amz-content-sha256";
/// Headers and parameters of AWS begin with it.
pub(super) const AMZ_PREFIX: &str = "x-amz-";

/// How every scheme of AWS begins; another scheme is no token at all.
const SCHEME_PREFIX: &str = "AWS4-";
const QUERY_ALGORITHM: &str = "X-Amz-Algorithm";
const QUERY_SIGNATURE: &str = "X-Amz-Signature";
const QUERY_EXPIRES: &str = "X-Amz-Expires";
const QUERY_TOKEN: &str = "X-Amz-Security-Token";
const QUERY_CONTENT_SHA256: &str = "X-Amz-Content-Sha256";
/// The longest time for which a request can be signed in advance: seven days (AWS).
const EXPIRES_SECONDS_MAX: i64 = 604_800;

/// A claim as it was read.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    pub(super) access_key: String,
    pub(super) scope: Scope,
    /// As written, `a;b;c`.
    pub(super) signed_headers: String,
    /// As written.
    pub(super) signature: String,
    pub(super) signed_at: Moment,
    /// Seconds for which a query form says to be good.
    pub(super) expires_s: Option<i64>,
    pub(super) token: Option<Cow<'a, [u8]>>,
    /// The header that tells the time; none in the query form.
    pub(super) date_header: Option<HeaderName>,
    /// What the request itself says of its body.
    pub(super) declared_sha256: Option<Cow<'a, [u8]>>,
    /// The query without the signature in it.
    pub(super) parameters: Vec<Parameter<'a>>,
}

/// The scope of a credential.
#[derive(Debug)]
pub(super) struct Scope {
    day: String,
    region: String,
    service: String,
    terminator: String,
}

impl<'a> Claim<'a> {
    /// Reads the claim of a request.
    pub(super) fn read(head: &'a Parts) -> Result<Self, Fault> {
        refuse_repeated(&head.headers)?;
        let parameters = parameters(head.uri.query().unwrap_or_default());
        let authorization = head.headers.get(AUTHORIZATION);
        let in_query = find(&parameters, QUERY_ALGORITHM).is_some();
        match authorization {
            Some(_) if parameters.iter().any(is_of_aws) => Err(refusal::both_forms()),
            Some(value) => {
                Self::of_header(head, &String::from_utf8_lossy(value.as_bytes()), parameters)
            }
            None if in_query => Self::of_query(head, parameters),
            None => Err(refusal::missing()),
        }
    }

    fn of_header(
        head: &'a Parts,
        authorization: &str,
        parameters: Vec<Parameter<'a>>,
    ) -> Result<Self, Fault> {
        let value = authorization.trim();
        if !value.starts_with(SCHEME_PREFIX) {
            return Err(refusal::missing());
        }
        let mut words = value
            .split([',', ' ', '\t'])
            .filter(|word| !word.is_empty());
        check_algorithm(words.next().unwrap_or_default())?;
        let (mut credential, mut signature, mut signed_headers) = (None, None, None);
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let slot = match name {
                "Credential" => &mut credential,
                "Signature" => &mut signature,
                "SignedHeaders" => &mut signed_headers,
                // Ours: a parameter that nobody knows may be meant to change what the others mean.
                _ => return Err(unreadable_header(authorization)),
            };
            if slot.replace(value).is_some() {
                return Err(unreadable_header(authorization));
            }
        }
        let date = date_of(&head.headers);
        let parts = [credential, signature, signed_headers]
            .map(|part| part.filter(|text| !text.is_empty()));
        let [Some(credential), Some(signature), Some(signed_headers)] = parts else {
            let names = ["Credential", "Signature", "SignedHeaders"];
            let missing = names.iter().zip(parts).filter(|(_, part)| part.is_none());
            let missing: Vec<&str> = missing.map(|(name, _)| *name).collect();
            return Err(refusal::incomplete_header(
                &missing,
                date.is_some(),
                authorization,
            ));
        };
        let Some((date_header, date)) = date else {
            return Err(refusal::incomplete_header(&[], false, authorization));
        };
        let (access_key, scope) = read_credential(credential)?;
        let bytes = |name| {
            let value = head.headers.get(name)?;
            Some(Cow::Borrowed(value.as_bytes()))
        };
        Ok(Self {
            access_key,
            scope,
            signed_headers: signed_headers.to_owned(),
            signature: signature.to_owned(),
            signed_at: moment(&date)?,
            expires_s: None,
            token: bytes(X_AMZ_SECURITY_TOKEN),
            date_header: Some(date_header),
            declared_sha256: bytes(X_AMZ_CONTENT_SHA256),
            parameters,
        })
    }

    fn of_query(head: &'a Parts, parameters: Vec<Parameter<'a>>) -> Result<Self, Fault> {
        let names = [
            QUERY_ALGORITHM,
            "X-Amz-Credential",
            QUERY_SIGNATURE,
            "X-Amz-SignedHeaders",
            "X-Amz-Date",
        ];
        let parts = names.map(|name| text_of(&parameters, name));
        let missing: Vec<&str> = names
            .into_iter()
            .zip(&parts)
            .filter(|(_, part)| part.is_none())
            .map(|(name, _)| name)
            .collect();
        let [
            Some(algorithm),
            Some(credential),
            Some(signature),
            Some(signed_headers),
            Some(date),
        ] = parts
        else {
            return Err(refusal::incomplete_query(&missing));
        };
        let mut seen: Vec<Vec<u8>> = parameters
            .iter()
            .filter(|parameter| is_of_aws(parameter))
            .map(|parameter| parameter.name.to_ascii_lowercase())
            .collect();
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        if seen.len() != all {
            return Err(refusal::incomplete(
                "A query-string parameter of the signature appears more than once. \
                 Re-examine the query-string parameters.",
            ));
        }
        check_algorithm(&algorithm)?;
        let expires_s = text_of(&parameters, QUERY_EXPIRES)
            .map(|text| read_expires(&text))
            .transpose()?;
        let (access_key, scope) = read_credential(&credential)?;
        let owned = |name| {
            let found = find(&parameters, name)?;
            Some(Cow::Owned(found.value.to_vec()))
        };
        let declared_in_header = head.headers.get(X_AMZ_CONTENT_SHA256);
        let declared_sha256 = match declared_in_header {
            Some(value) => Some(Cow::Borrowed(value.as_bytes())),
            None => owned(QUERY_CONTENT_SHA256),
        };
        Ok(Self {
            access_key,
            scope,
            signed_headers,
            signature,
            signed_at: moment(&date)?,
            expires_s,
            token: owned(QUERY_TOKEN),
            date_header: None,
            declared_sha256,
            parameters: parameters
                .into_iter()
                .filter(|parameter| *parameter.name != *QUERY_SIGNATURE.as_bytes())
                .collect(),
        })
    }
}

/// Headers that something here or behind reads one value of, and that a signature joins to one when there are more.
fn refuse_repeated(headers: &HeaderMap) -> Result<(), Fault> {
    for name in headers.keys() {
        let single = name.as_str().starts_with(AMZ_PREFIX)
            || matches!(
                name.as_str(),
                "authorization" | "host" | "date" | "content-type" | "content-length"
            );
        if single && headers.get_all(name).iter().nth(1).is_some() {
            return Err(refusal::invalid(format!(
                "The header '{name}' appears more than once."
            )));
        }
    }
    Ok(())
}

fn is_of_aws(parameter: &Parameter<'_>) -> bool {
    let start = parameter.name.get(..AMZ_PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(AMZ_PREFIX.as_bytes()))
}

fn find<'p, 'a>(parameters: &'p [Parameter<'a>], name: &str) -> Option<&'p Parameter<'a>> {
    parameters
        .iter()
        .find(|parameter| *parameter.name == *name.as_bytes())
}

/// A parameter that is there, is text, and is not empty.
fn text_of(parameters: &[Parameter<'_>], name: &str) -> Option<String> {
    let value = &find(parameters, name)?.value;
    let text = std::str::from_utf8(value).ok()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// The header that tells the time, and its value: `X-Amz-Date` before `Date`.
fn date_of(headers: &HeaderMap) -> Option<(HeaderName, String)> {
    for name in [HeaderName::from_static(X_AMZ_DATE), DATE] {
        if let Some(value) = headers.get(&name) {
            let text = String::from_utf8_lossy(value.as_bytes());
            let text = text.trim();
            return (!text.is_empty()).then(|| (name, text.to_owned()));
        }
    }
    None
}

fn moment(text: &str) -> Result<Moment, Fault> {
    Moment::of_basic(text)
        .or_else(|| Moment::of_http_date(text))
        .ok_or_else(|| {
            refusal::incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{text}'. \
                 See http://en.wikipedia.org/wiki/ISO_8601"
            ))
        })
}

fn check_algorithm(algorithm: &str) -> Result<(), Fault> {
    if algorithm == ALGORITHM {
        return Ok(());
    }
    Err(refusal::incomplete(format!(
        "Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} is supported)."
    )))
}

fn unreadable_header(value: &str) -> Fault {
    refusal::incomplete(format!(
        "Authorization header must have each of the parameters 'Credential', 'SignedHeaders' and 'Signature' once, \
         and no other. Authorization={value}"
    ))
}

fn read_credential(text: &str) -> Result<(String, Scope), Fault> {
    let parts: Vec<&str> = text.split('/').collect();
    let [access_key, day, region, service, terminator] = parts.as_slice() else {
        return Err(refusal::incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{text}'"
        )));
    };
    let scope = Scope {
        day: (*day).to_owned(),
        region: (*region).to_owned(),
        service: (*service).to_owned(),
        terminator: (*terminator).to_owned(),
    };
    Ok(((*access_key).to_owned(), scope))
}

fn read_expires(text: &str) -> Result<i64, Fault> {
    text.parse()
        .ok()
        .filter(|seconds| (1..=EXPIRES_SECONDS_MAX).contains(seconds))
        .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| {
            refusal::incomplete(format!(
                "X-Amz-Expires must be a number of seconds from 1 to {EXPIRES_SECONDS_MAX}, got '{text}'. \
                 Re-examine the query-string parameters."
            ))
        })
}

impl Scope {
    /// Checks the scope against where the request has arrived and when it says it was signed.
    pub(super) fn check(
        &self,
        signed_at: Moment,
        (region, service): (&str, &str),
    ) -> Result<(), Fault> {
        if self.terminator != TERMINATOR {
            return Err(refusal::invalid(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'.",
                self.terminator
            )));
        }
        if self.service != service {
            return Err(refusal::invalid(format!(
                "Credential should be scoped to correct service: '{service}'."
            )));
        }
        if self.region != region {
            return Err(refusal::invalid(format!(
                "Credential should be scoped to a valid region, not '{}'.",
                self.region
            )));
        }
        let day = signed_at.day();
        if self.day != day {
            return Err(refusal::invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{}' != '{day}', from '{}'.",
                self.day,
                signed_at.basic()
            )));
        }
        Ok(())
    }

    /// The scope as it is signed.
    pub(super) fn text(&self) -> String {
        let Self {
            day,
            region,
            service,
            terminator,
        } = self;
        format!("{day}/{region}/{service}/{terminator}")
    }
}
