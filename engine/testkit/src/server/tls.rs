//! HTTPS with a certificate authority made on the spot.

use crate::{Error, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use std::{net::SocketAddr, sync::Arc};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
    server::TlsStream,
};

pub(super) struct Tls {
    pub(super) ca_pem: String,
    acceptor: TlsAcceptor,
}

impl Tls {
    pub(super) fn new() -> Result<Tls> {
        let failed = |e: &dyn std::fmt::Display| Error::Failed(format!("cannot make a certificate: {e}"));
        let key = || KeyPair::generate().map_err(|e| failed(&e));
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        ca.distinguished_name.push(rcgen::DnType::CommonName, "testkit");
        let ca = CertifiedIssuer::self_signed(ca, key()?).map_err(|e| failed(&e))?;
        let server_key = key()?;
        let names = ["127.0.0.1".to_string(), "localhost".to_string()];
        let server = CertificateParams::new(names).and_then(|p| p.signed_by(&server_key, &ca));
        let chain = vec![server.map_err(|e| failed(&e))?.der().clone()];
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|b| b.with_no_client_auth().with_single_cert(chain, secret))
            .map_err(|e| failed(&e))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls {
            ca_pem: ca.pem(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    pub(super) fn over(self, tcp: TcpListener) -> TlsListener {
        TlsListener {
            tcp,
            acceptor: self.acceptor,
        }
    }
}

pub(super) struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // One handshake after the other is enough for tests; a client that breaks off is not served.
            if let Ok((stream, addr)) = self.tcp.accept().await
                && let Ok(stream) = self.acceptor.accept(stream).await
            {
                return (stream, addr);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
