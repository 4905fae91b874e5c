//! What a client needs beside the address: whom it trusts, and with what it signs.

use std::fmt;
use std::sync::Arc;

use ana_env::Stream;
use ana_gateway::Signer;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Whom a client trusts and what it signs with; without either it speaks plain HTTP with a dummy signature.
#[derive(Clone, Default)]
pub struct Access {
    trust: Option<Arc<ClientConfig>>,
    signer: Option<Arc<Signer>>,
}

/// Why a CA file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It is not PEM.
    #[error("not readable as PEM: {0}")]
    Pem(rustls::pki_types::pem::Error),
    /// There is no certificate in it.
    #[error("there is no certificate in it")]
    Empty,
    /// A certificate in it cannot be used.
    #[error("{0}")]
    Unusable(#[from] rustls::Error),
}

impl Access {
    /// Trusts the certificates of a CA file, in PEM, and no others.
    ///
    /// # Errors
    /// When there is no usable certificate in it.
    pub fn trusting(mut self, pem: &[u8]) -> Result<Access, TrustError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.map_err(TrustError::Pem)?)?;
        }
        if roots.is_empty() {
            return Err(TrustError::Empty);
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        self.trust = Some(Arc::new(config));
        Ok(self)
    }

    /// Signs every request.
    #[must_use]
    pub fn signing(mut self, signer: Signer) -> Access {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// Signs every request with this, unless there is something to sign with already.
    #[must_use]
    pub fn signing_at_least_with(self, signer: impl FnOnce() -> Signer) -> Access {
        if self.signer.is_some() {
            return self;
        }
        self.signing(signer())
    }

    pub(super) fn signer(&self) -> Option<&Signer> {
        self.signer.as_deref()
    }

    /// Does the handshake on a fresh connection.
    pub(super) async fn secure(&self, stream: Stream, host: &str) -> Result<Stream, String> {
        let Some(trust) = &self.trust else {
            return Err(
                "https needs --ca FILE (or AWS_CA_BUNDLE) with the certificates to trust"
                    .to_owned(),
            );
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(Arc::clone(trust));
        let stream = connector.connect(name, stream).await;
        Ok(Box::new(stream.map_err(|error| error.to_string())?))
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("trusts", &self.trust.is_some())
            .field("signer", &self.signer)
            .finish()
    }
}
