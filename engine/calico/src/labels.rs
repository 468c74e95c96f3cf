//! Labels that Calico adds to endpoints, and the prefixes of inherited ones.

pub const NAMESPACE: &str = "projectcalico.org/namespace";
pub const ORCHESTRATOR: &str = "projectcalico.org/orchestrator";
pub const SERVICE_ACCOUNT: &str = "projectcalico.org/serviceaccount";
/// Name of a namespace or a service account, under the prefixes below.
pub const NAME: &str = "projectcalico.org/name";
pub const NAMESPACE_PREFIX: &str = "pcns.";
pub const SERVICE_ACCOUNT_PREFIX: &str = "pcsa.";
