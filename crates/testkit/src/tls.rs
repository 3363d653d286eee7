//! A certificate authority of a test's own.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;

/// An authority, and a certificate from it that is good for 127.0.0.1 and localhost. Its files go
/// with it.
#[derive(Debug)]
pub struct Authority {
    directory: TempDir,
}

impl Authority {
    /// A new one, which nobody believes yet.
    ///
    /// # Panics
    /// No keys or files can be made.
    pub fn new() -> Self {
        let directory = TempDir::with_prefix("authority-").expect("a temporary directory");
        let key = || KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::default();
        // Of its own, or one authority's certificates look like another's with a bad signature.
        let name = directory.path().display().to_string();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("a certificate");
        let names = ["127.0.0.1", "localhost"].map(str::to_owned);
        let params = CertificateParams::new(names).expect("these are names");
        let server_key = key();
        let server = params
            .signed_by(&server_key, &issuer)
            .expect("a certificate");
        let authority = Self { directory };
        for (path, content) in [
            (authority.certificate_file(), issuer.pem()),
            (authority.server_certificate_file(), server.pem()),
            (authority.server_key_file(), server_key.serialize_pem()),
        ] {
            std::fs::write(path, content).expect("the file can be written");
        }
        authority
    }

    /// The authority's own certificate, PEM: for who is to believe it.
    pub fn certificate_file(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// The server's certificate, PEM.
    pub fn server_certificate_file(&self) -> PathBuf {
        self.path("server.pem")
    }

    /// The server's key, PEM.
    pub fn server_key_file(&self) -> PathBuf {
        self.path("server.key")
    }

    /// Options of a Redis that speaks TLS by this authority at a port.
    pub fn redis_options(&self, port: &str) -> [String; 10] {
        let path = |path: PathBuf| path.display().to_string();
        [
            "--tls-port".to_owned(),
            port.to_owned(),
            "--tls-cert-file".to_owned(),
            path(self.server_certificate_file()),
            "--tls-key-file".to_owned(),
            path(self.server_key_file()),
            "--tls-ca-cert-file".to_owned(),
            path(self.certificate_file()),
            "--tls-auth-clients".to_owned(),
            "no".to_owned(),
        ]
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::join(self.directory.path(), name)
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
