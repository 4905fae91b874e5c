//! The address of a cluster as a person writes it: `http://host:port` or `https://host:port`.

use std::fmt;
use std::str::FromStr;

/// The endpoint used when neither `--endpoint` nor `ANA_ENDPOINT` says otherwise.
pub const DEFAULT: &str = "http://127.0.0.1:4567";

/// An endpoint: scheme, host and port, no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    tls: bool,
    authority: String,
}

/// Why a text is not an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a host with an optional port.
    #[error("an endpoint looks like {DEFAULT}")]
    Malformed,
}

impl Endpoint {
    /// `host:port`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host alone: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        let host = self.authority.rsplit_once(':').map(|(host, _port)| host);
        host.unwrap_or_default().trim_matches(['[', ']'])
    }

    /// Another address (`host:port`), spoken to in the same way.
    ///
    /// # Errors
    /// When it is not an address.
    pub fn beside(&self, address: &str) -> Result<Endpoint, EndpointError> {
        format!("{}://{address}", self.scheme()).parse()
    }

    fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// Whether it is spoken to by TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        let (tls, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://").unwrap_or(text)),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (
                host,
                port.parse::<u16>()
                    .map_err(|_not_a_port| EndpointError::Malformed)?,
            ),
            _ => (rest, if tls { 443 } else { 80 }),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || !(bracketed || host.chars().all(plain)) {
            return Err(EndpointError::Malformed);
        }
        Ok(Endpoint {
            tls,
            authority: format!("{host}:{port}"),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority)
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
            ("https://x:1", Ok("https://x:1")),
            ("https://kinesis.test/", Ok("https://kinesis.test:443")),
            ("https://", Err(EndpointError::Malformed)),
            ("https://http://x:1", Err(EndpointError::Malformed)),
            ("http://x:notaport", Err(EndpointError::Malformed)),
            ("http://x:1/path", Err(EndpointError::Malformed)),
            ("", Err(EndpointError::Malformed)),
        ];
        for (text, expected) in cases {
            let got = text.parse::<Endpoint>().map(|e| e.to_string());
            assert_eq!(got, expected.map(str::to_owned), "{text}");
        }
    }
    #[test]
    fn the_host_is_what_a_certificate_is_made_for() {
        for (text, host, tls) in [
            ("https://localhost:4567", "localhost", true),
            ("https://127.0.0.1", "127.0.0.1", true),
            ("http://[::1]:4567", "::1", false),
        ] {
            let endpoint: Endpoint = text.parse().expect("an endpoint");
            assert_eq!((endpoint.host(), endpoint.is_tls()), (host, tls));
        }
    }
}
