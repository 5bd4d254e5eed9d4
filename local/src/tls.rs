//! TLS with an authority of local's own, whose certificate COMMAND and the workers trust.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A server's certificate, and that of the authority which signed it, in a file that goes with this.
#[derive(Debug)]
pub struct Tls {
    authority: NamedTempFile,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Makes both anew.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new() -> Result<Self> {
        let mut about = named("local: authority");
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(about, KeyPair::generate()?)?;
        let mut about = named("local");
        about.subject_alt_names = vec![SanType::IpAddress(Ipv4Addr::LOCALHOST.into())];
        let key = KeyPair::generate()?;
        let certificate = about.signed_by(&key, &authority)?;

        let file = NamedTempFile::with_prefix("local-ca-").context("cannot make a file")?;
        std::fs::write(file.path(), authority.pem())
            .with_context(|| format!("{}: cannot be written", file.path().display()))?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Self {
            authority: file,
            config: Arc::new(config),
        })
    }

    /// The authority's certificate, in PEM.
    pub fn authority(&self) -> &Path {
        self.authority.path()
    }

    /// Accepts TLS connections.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

fn named(name: &str) -> CertificateParams {
    let mut about = CertificateParams::default();
    about.distinguished_name.push(DnType::CommonName, name);
    about
}
