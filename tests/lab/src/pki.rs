//! Keys made on the spot: the API server's authority, tokens, ssh.

use crate::{
    Result,
    plan::{CONTROL_ADDRESS, NODES, SERVICE_ADDRESS},
    sh, state,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::json;
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// Who talks to the API server: name of the kubeconfig, user, groups.
fn users() -> Vec<(String, String, &'static str)> {
    let named = |name: &str, user: &str, groups| (name.to_string(), user.to_string(), groups);
    let mut users = vec![
        named("admin", "lab-admin", "system:masters"),
        named("controller-manager", "system:kube-controller-manager", "system:masters"),
        named("scheduler", "system:kube-scheduler", ""),
        named("proxy", "system:kube-proxy", ""),
        named("reader", "runbook-reader", ""),
        named("exec", "runbook-exec", ""),
        named("probe", "runbook-probe", ""),
        named("write", "runbook-write", ""),
        named("limited", "runbook-limited", ""),
    ];
    let nodes = NODES.iter();
    users.extend(nodes.map(|n| (n.name.to_string(), format!("system:node:{}", n.name), "system:nodes")));
    users
}

pub fn make() -> Result<()> {
    let dir = state::dir();
    fs::create_dir_all(dir.join("pki"))?;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))?;
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.distinguished_name.push(DnType::CommonName, "lab");
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
    fs::write(dir.join("pki/ca.crt"), ca.pem())?;
    for name in ["apiserver", "kubelet-client"] {
        let key = KeyPair::generate()?;
        let names = [
            CONTROL_ADDRESS,
            SERVICE_ADDRESS,
            "127.0.0.1",
            "kubernetes.default.svc",
            "localhost",
        ];
        let mut cert = CertificateParams::new(names.map(String::from))?;
        cert.distinguished_name.push(DnType::CommonName, name);
        fs::write(dir.join(format!("pki/{name}.crt")), cert.signed_by(&key, &ca)?.pem())?;
        fs::write(dir.join(format!("pki/{name}.key")), key.serialize_pem())?;
    }
    let accounts = KeyPair::generate()?;
    fs::write(dir.join("pki/accounts.key"), accounts.serialize_pem())?;
    fs::write(dir.join("pki/accounts.pub"), accounts.public_key_pem())?;
    let mut tokens = String::new();
    for (name, user, groups) in users() {
        let token = KeyPair::generate()?
            .serialize_der()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>();
        let token = token.get(80..144).unwrap_or(&token);
        tokens += &format!("{token},{user},{user},\"{groups}\"\n");
        let server = format!("https://{CONTROL_ADDRESS}:6443");
        write_kubeconfig(&dir.join(format!("pki/{name}.kubeconfig")), &server, &ca.pem(), token)?;
    }
    fs::write(dir.join("pki/tokens.csv"), tokens)?;
    fs::copy(dir.join("pki/admin.kubeconfig"), dir.join("kubeconfig"))?;
    Ok(())
}

fn write_kubeconfig(path: &Path, server: &str, ca: &str, token: &str) -> Result<()> {
    fs::write(state::dir().join("pki/ca.crt"), ca)?;
    // JSON is YAML.
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": server, "certificate-authority-data": base64(ca)}}],
        "users": [{"name": "lab", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
    });
    Ok(fs::write(path, serde_json::to_string_pretty(&config)?)?)
}

/// A kubeconfig for another door to the same server.
pub fn kubeconfig_for(user: &str, server: &str) -> Result<String> {
    let text = fs::read_to_string(state::path(&format!("pki/{user}.kubeconfig")))?;
    let mut config: serde_json::Value = serde_json::from_str(&text)?;
    config["clusters"][0]["cluster"]["server"] = server.into();
    Ok(serde_json::to_string_pretty(&config)?)
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// A key for whoever logs in, a host key for each node, and the client's configuration.
pub fn make_ssh() -> Result<()> {
    let dir = state::dir().join("ssh");
    fs::create_dir_all(&dir)?;
    keygen(&dir.join("id"))?;
    let public = fs::read_to_string(dir.join("id.pub"))?;
    let (mut config, mut known) = (String::new(), String::new());
    for node in &NODES {
        let host = dir.join(node.name);
        fs::create_dir_all(&host)?;
        keygen(&host.join("host_key"))?;
        fs::write(host.join("authorized_keys"), &public)?;
        let key = fs::read_to_string(host.join("host_key.pub"))?;
        known += &format!("{} {key}", node.address);
        config += &format!(
            "Host {} {}\n  HostName {}\n  User root\n  IdentityFile {dir}/id\n  IdentitiesOnly yes\n  \
             UserKnownHostsFile {dir}/known_hosts\n  GlobalKnownHostsFile /dev/null\n",
            node.name,
            node.address,
            node.address,
            dir = dir.display()
        );
    }
    fs::write(dir.join("known_hosts"), known)?;
    fs::write(state::dir().join("ssh_config"), config)?;
    Ok(())
}

pub fn keygen(path: &Path) -> Result<()> {
    let _ = fs::remove_file(path);
    sh::output(sh::command("ssh-keygen -q -t ed25519 -N").arg("").arg("-f").arg(path))?;
    Ok(())
}
