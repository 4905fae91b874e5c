//! Who may call and how the way there is protected, made ready from the settings: the files they name are read here.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ana_env::Disk;
use ana_gateway::{
    Authentication, Credentials, CredentialsError, PlainHttp, Tls, TlsError, Verifier,
};

use crate::config::{AuthMode, AuthSettings, PlainSetting, TlsSettings, read_text};

/// Why the settings of access cannot be used. Tells the file, never what is in it.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Callers must sign, and nobody is known. [`crate::config::NodeConfig::check`] says so earlier.
    #[error("authentication is on, and no credentials file is named")]
    NobodyKnown,
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The credentials file is not of its form.
    #[error("{path}: {source}")]
    Credentials {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: CredentialsError,
    },
    /// Certificate or key cannot be used.
    #[error("{certificate}, {key}: {source}")]
    Tls {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The cause.
        source: TlsError,
    },
}

/// The name under which requests to Kinesis are signed.
const KINESIS: &str = "kinesis";

/// How callers of a node in `region` are judged.
///
/// # Errors
/// When the credentials file cannot be used.
pub async fn authentication(
    disk: &dyn Disk,
    settings: &AuthSettings,
    region: &str,
) -> Result<Authentication, AccessError> {
    authentication_of(disk, settings, region, KINESIS).await
}

/// The same for requests that are signed for another service.
///
/// # Errors
/// When the credentials file cannot be used.
pub async fn authentication_of(
    disk: &dyn Disk,
    settings: &AuthSettings,
    region: &str,
    service: &str,
) -> Result<Authentication, AccessError> {
    match (settings.mode, &settings.credentials) {
        (AuthMode::Off, _) => Ok(Authentication::Off),
        (AuthMode::On, None) => Err(AccessError::NobodyKnown),
        (AuthMode::On, Some(path)) => {
            let credentials = read_credentials(disk, path).await?;
            let verifier = Verifier::for_service(credentials, region, service);
            Ok(Authentication::On(Arc::new(verifier)))
        }
    }
}

/// The credentials of a file.
///
/// # Errors
/// When the file cannot be read or is not of its form.
pub async fn read_credentials(disk: &dyn Disk, path: &Path) -> Result<Credentials, AccessError> {
    let text = read(disk, path).await?;
    Credentials::from_toml(&text).map_err(|source| AccessError::Credentials {
        path: path.to_owned(),
        source,
    })
}

/// The certificate of a node.
///
/// # Errors
/// When certificate or key cannot be used.
pub async fn tls(disk: &dyn Disk, settings: &TlsSettings) -> Result<Tls, AccessError> {
    let certificate = read(disk, &settings.certificate).await?;
    let key = read(disk, &settings.key).await?;
    let plain = match settings.plain {
        PlainSetting::Allow => PlainHttp::Allow,
        PlainSetting::Refuse => PlainHttp::Refuse,
    };
    Tls::from_pem(certificate.as_bytes(), key.as_bytes(), plain).map_err(|source| {
        AccessError::Tls {
            certificate: settings.certificate.clone(),
            key: settings.key.clone(),
            source,
        }
    })
}

async fn read(disk: &dyn Disk, path: &Path) -> Result<String, AccessError> {
    read_text(disk, path)
        .await
        .map_err(|source| AccessError::Unreadable {
            path: path.to_owned(),
            source,
        })
}
