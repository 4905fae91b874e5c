//! The address of a cluster as a person writes it: `http://host:port`.

use std::fmt;
use std::str::FromStr;

/// The endpoint used when neither `--endpoint` nor `ANA_ENDPOINT` says otherwise.
pub const DEFAULT: &str = "http://127.0.0.1:4567";

/// An `http://` endpoint: host and port, no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    authority: String,
}

/// Why a text is not an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// TLS is not offered yet.
    #[error("https endpoints are not supported by this command yet; use http://host:port")]
    Tls,
    /// Not a host with an optional port.
    #[error("an endpoint looks like {DEFAULT}")]
    Malformed,
}

impl Endpoint {
    /// `host:port`.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        if text.starts_with("https://") {
            return Err(EndpointError::Tls);
        }
        let rest = text.strip_prefix("http://").unwrap_or(text);
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (
                host,
                port.parse::<u16>()
                    .map_err(|_not_a_port| EndpointError::Malformed)?,
            ),
            _ => (rest, 80),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || !(bracketed || host.chars().all(plain)) {
            return Err(EndpointError::Malformed);
        }
        Ok(Endpoint {
            authority: format!("{host}:{port}"),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_leniently_and_written_one_way() {
        let cases = [
            ("http://127.0.0.1:4567", Ok("http://127.0.0.1:4567")),
            ("http://127.0.0.1:4567/", Ok("http://127.0.0.1:4567")),
            ("localhost:4567", Ok("http://localhost:4567")),
            ("http://kinesis.test", Ok("http://kinesis.test:80")),
            ("http://[::1]:4567", Ok("http://[::1]:4567")),
            ("https://x:1", Err(EndpointError::Tls)),
            ("http://x:notaport", Err(EndpointError::Malformed)),
            ("http://x:1/path", Err(EndpointError::Malformed)),
            ("", Err(EndpointError::Malformed)),
        ];
        for (text, expected) in cases {
            let got = text.parse::<Endpoint>().map(|e| e.to_string());
            assert_eq!(got, expected.map(str::to_owned), "{text}");
        }
    }
}
