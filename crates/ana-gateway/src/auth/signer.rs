//! Signs requests: for our own commands, when they talk to nodes with authentication on.

use std::fmt;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use zeroize::Zeroizing;

use super::canonical::{
    ALGORITHM, Signable, TERMINATOR, header_value, hex, hex_sha256, parameters,
};
use super::claim::{AMZ_PREFIX, X_AMZ_DATE, X_AMZ_SECURITY_TOKEN};
use super::credentials::Credentials;
use super::keys::{derive, sign};
use super::moment::Moment;
use super::verify::SERVICE;

/// Signs with one caller's credentials for one region.
pub struct Signer {
    access_key: String,
    secret: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
    region: String,
}

/// Why a request cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Neither a `host` header nor an authority in the address.
    #[error("the request has no host")]
    NoHost,
    /// The access key or the session token has characters that no header can have.
    #[error("the credentials cannot be put into a header")]
    Unwritable,
}

impl Signer {
    /// A signer for requests to Kinesis in `region`.
    pub fn new(
        access_key: &str,
        secret_key: &str,
        session_token: Option<&str>,
        region: &str,
    ) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret: Zeroizing::new(secret_key.to_owned()),
            session_token: session_token.map(|token| Zeroizing::new(token.to_owned())),
            region: region.to_owned(),
        }
    }

    /// A signer with the first entry of a credentials file.
    pub fn first_of(credentials: &Credentials, region: &str) -> Self {
        let first = credentials.first();
        let token = first.session_token.as_ref().map(|token| token.as_str());
        Self::new(&first.access_key, &first.secret, token, region)
    }

    /// Signs a request at `now_ms` (milliseconds since 1970): sets `x-amz-date`, the token if there is one, and
    /// `authorization`. Headers that are to be covered (the content type and every `x-amz-*`) must be there before.
    ///
    /// # Errors
    /// The request has no host, or the credentials have characters that no header has. The head is unchanged then.
    pub fn sign(&self, head: &mut Parts, body: &[u8], now_ms: u64) -> Result<(), SignError> {
        let moment = Moment::of_ms(now_ms);
        let timestamp = moment.basic();
        let host = match (head.headers.get(HOST), head.uri.authority()) {
            (Some(host), _) => host.as_bytes().to_vec(),
            (None, Some(authority)) => authority.as_str().as_bytes().to_vec(),
            (None, None) => return Err(SignError::NoHost),
        };
        let mut added = HeaderMap::new();
        added.insert(
            HeaderName::from_static(X_AMZ_DATE),
            HeaderValue::try_from(&timestamp).map_err(|_never| SignError::Unwritable)?,
        );
        if let Some(token) = &self.session_token {
            let mut value = HeaderValue::from_str(token).map_err(|_byte| SignError::Unwritable)?;
            value.set_sensitive(true);
            added.insert(HeaderName::from_static(X_AMZ_SECURITY_TOKEN), value);
        }
        let headers = covered(&head.headers, &added, &host);
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let day = moment.day();
        let scope = format!("{day}/{}/{SERVICE}/{TERMINATOR}", self.region);
        let signable = Signable {
            method: head.method.as_str(),
            path: head.uri.path(),
            parameters: &parameters(head.uri.query().unwrap_or_default()),
            headers: &headers,
            signed_headers: &names,
            body_sha256: &hex_sha256(body),
        };
        let key = derive(&self.secret, &day, &self.region, SERVICE);
        let signature = sign(
            &*key,
            signable.string_to_sign(&timestamp, &scope).as_bytes(),
        );
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.access_key,
            hex(&*signature)
        );
        let mut authorization =
            HeaderValue::try_from(authorization).map_err(|_byte| SignError::Unwritable)?;
        authorization.set_sensitive(true);
        added.insert(AUTHORIZATION, authorization);
        for (name, value) in &added {
            head.headers.insert(name, value.clone());
        }
        Ok(())
    }
}

/// What is covered, in order of the names: the host, the content type, and every header of AWS.
fn covered<'a>(
    present: &'a HeaderMap,
    added: &'a HeaderMap,
    host: &[u8],
) -> Vec<(&'a str, Vec<u8>)> {
    let is_covered =
        |name: &HeaderName| *name == CONTENT_TYPE || name.as_str().starts_with(AMZ_PREFIX);
    let kept = present
        .keys()
        .filter(|name| is_covered(name) && !added.contains_key(*name));
    let kept = kept.map(|name| (name.as_str(), present.get_all(name)));
    let added = added
        .keys()
        .map(|name| (name.as_str(), added.get_all(name)));
    let mut headers: Vec<(&str, Vec<u8>)> = kept
        .chain(added)
        .map(|(name, lines)| {
            let lines = lines.iter().map(HeaderValue::as_bytes);
            (name, header_value(lines))
        })
        .collect();
    headers.push(("host", header_value(std::iter::once(host))));
    headers.sort_unstable_by_key(|(name, _)| *name);
    headers
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("access_key", &self.access_key)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}
