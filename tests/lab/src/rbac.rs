//! The roles that the product asks for, from `deploy/rbac`, bound to the lab's users.

use crate::{
    Result,
    api::{Api, yaml},
};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// User, and the roles that are bound to it over the whole cluster.
const USERS: [(&str, &[&str]); 4] = [
    ("runbook-reader", &["runbook-read"]),
    ("runbook-exec", &["runbook-read"]),
    ("runbook-probe", &["runbook-read", "runbook-probe"]),
    ("runbook-write", &["runbook-read", "runbook-probe", "runbook-write"]),
];

pub fn apply(api: &Api) -> Result<()> {
    for role in ["read", "exec", "probe", "write"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../deploy/rbac/{role}.yaml"));
        for object in yaml(&fs::read_to_string(path)?)? {
            api.apply(&object)?;
        }
    }
    for (user, roles) in USERS {
        for role in roles {
            api.apply(&binding("ClusterRoleBinding", &format!("{user}-{role}"), role, user))?;
        }
    }
    let mut exec = binding("RoleBinding", "runbook-exec", "runbook-exec", "runbook-exec");
    exec["metadata"]["namespace"] = "kube-system".into();
    api.apply(&exec)?;
    Ok(())
}

pub fn binding(kind: &str, name: &str, role: &str, user: &str) -> Value {
    let group = "rbac.authorization.k8s.io";
    json!({
        "apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "User", "apiGroup": group, "name": user}],
    })
}
