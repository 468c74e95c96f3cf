use crate::small;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use runbook_testkit::{ApiServer, Script};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

async fn version(s: &ApiServer, roots: RootCertStore) -> std::io::Result<String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let tcp = TcpStream::connect(s.addr).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut tls = TlsConnector::from(Arc::new(config.with_no_client_auth()))
        .connect(name, tcp)
        .await?;
    let token = &s.token;
    let ask = format!("GET /version HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    tls.write_all(ask.as_bytes()).await?;
    let mut answer = String::new();
    tls.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn https_with_an_authority_of_its_own() {
    let dir = small::snapshot();
    let s = ApiServer::start(&dir, Script::new().tls()).unwrap();
    let config = std::fs::read_to_string(&s.kubeconfig_path).unwrap();
    assert!(config.contains(&format!("server: https://{}", s.addr)), "{config}");
    let ca = config
        .lines()
        .find_map(|l| l.trim().strip_prefix("certificate-authority-data: "))
        .unwrap();
    let mut roots = RootCertStore::empty();
    assert!(version(&s, roots.clone()).await.is_err(), "nobody trusts it by itself");
    roots
        .add(CertificateDer::from_pem_slice(&STANDARD.decode(ca).unwrap()).unwrap())
        .unwrap();
    let answer = version(&s, roots).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("v1.34.2"),
        "{answer}"
    );
}
