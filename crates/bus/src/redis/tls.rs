//! TLS to Redis (`rediss://`): whose certificates are believed.

use std::{io, net::TcpStream, sync::Arc};

use redis::{ErrorKind, RedisError};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

/// A TLS connection for whoever waits where it stands.
pub(super) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A configuration that believes the authorities in `ca`, PEM, alone; or those of the system where
/// there is none.
pub(super) fn config(ca: Option<&[u8]>) -> Result<Arc<ClientConfig>, RedisError> {
    let roots = match ca {
        Some(ca) => authorities(ca)?,
        None => of_the_system()?,
    };
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Greets the server at the other end of `tcp`, whose certificate must be good for `host`.
pub(super) fn connect(
    config: &Arc<ClientConfig>,
    host: &str,
    mut tcp: TcpStream,
) -> io::Result<TlsStream> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    // Here, so that a certificate that is not believed fails the connecting.
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp)?;
    }
    Ok(StreamOwned::new(tls, tcp))
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, RedisError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|one| roots.add(one).map_err(|error| error.to_string()));
        added.map_err(|error| unusable(format!("the file of authorities: {error}")))?;
    }
    if roots.is_empty() {
        return Err(unusable("the file of authorities has no certificate"));
    }
    Ok(roots)
}

fn of_the_system() -> Result<RootCertStore, RedisError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _unusable) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        return Err(unusable("this system has no authorities to believe"));
    }
    Ok(roots)
}

fn unusable(what: impl Into<String>) -> RedisError {
    let text: String = what.into();
    RedisError::from((ErrorKind::InvalidClientConfig, "TLS", text))
}
