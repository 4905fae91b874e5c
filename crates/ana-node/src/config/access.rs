//! The tables `[auth]` and `[tls]`: who may call, and how the way there is protected.
//!
//! Must stay true: without authentication nothing but loopback is listened at.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, NodeConfig, invalid};

/// Who may call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthSettings {
    /// Whether callers must sign.
    pub mode: AuthMode,
    /// The file of those who may call, with `mode = "on"`; its form is described in docs/OPERATING.md.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<PathBuf>,
}

/// Whether callers must sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Any credentials or none will do, as local tools expect it.
    #[default]
    Off,
    /// Callers sign with credentials of the file (AWS Signature Version 4).
    On,
}

/// TLS at the address for clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The certificate and those that vouch for it, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Whether plain HTTP is served on the same port; `allow`.
    #[serde(default)]
    pub plain: PlainSetting,
}

/// Whether plain HTTP is served where TLS is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlainSetting {
    /// It is.
    #[default]
    Allow,
    /// Clients are told to use TLS.
    Refuse,
}

impl AuthSettings {
    /// What is wrong with the options of a command line that these are made of.
    ///
    /// # Errors
    /// A sentence for the person who wrote them.
    pub fn check_options(&self) -> Result<(), &'static str> {
        self.check().map_err(|_told_in_keys| match self.mode {
            AuthMode::On => "--auth on needs --credentials FILE: those who may call",
            AuthMode::Off => "--credentials is of no use without --auth on",
        })
    }

    /// The key and what is wrong with it, when the values do not go together.
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        match (self.mode, &self.credentials) {
            (AuthMode::On, None) => Err((
                "auth.credentials",
                "the file of those who may call is needed with mode = \"on\"",
            )),
            (AuthMode::Off, Some(_)) => Err((
                "auth.mode",
                "credentials are of no use with mode = \"off\": set mode = \"on\", or leave them out",
            )),
            (AuthMode::On, Some(_)) | (AuthMode::Off, None) => Ok(()),
        }
    }
}

impl NodeConfig {
    /// Refuses to be open to the network without authentication.
    ///
    /// # Errors
    /// When `api` is not on loopback, nor in a network of this machine alone, and `auth.mode` is off.
    pub fn check_exposure(&self) -> Result<(), ConfigError> {
        if self.auth.mode == AuthMode::On || self.machine_only || is_loopback(&self.api) {
            return Ok(());
        }
        let problem = format!(
            "{} can be reached from other machines, and authentication is off: add [auth] with mode = \"on\" and \
             credentials = FILE (or --auth on --credentials FILE), or listen at 127.0.0.1",
            self.api
        );
        Err(invalid("api", problem))
    }
}

/// Whether only this machine can reach `host:port`. A name other than `localhost` may be anything.
fn is_loopback(address: &str) -> bool {
    if let Ok(address) = address.parse::<SocketAddr>() {
        return address.ip().to_canonical().is_loopback();
    }
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for (address, expected) in [
            ("127.0.0.1:4567", true),
            ("127.9.9.9:1", true),
            ("[::1]:4567", true),
            ("[::ffff:127.0.0.1]:4567", true),
            ("localhost:4567", true),
            ("LOCALHOST:4567", true),
            ("0.0.0.0:4567", false),
            ("[::]:4567", false),
            ("10.0.0.1:4567", false),
            ("[::ffff:10.0.0.1]:4567", false),
            ("localhost.example.com:4567", false),
            ("node-1:4567", false),
            ("127.0.0.1.example.com:4567", false),
        ] {
            assert_eq!(is_loopback(address), expected, "{address}");
        }
    }
}
