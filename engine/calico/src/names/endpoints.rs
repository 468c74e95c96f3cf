use sha1::{Digest, Sha1};

/// Returns the host side interface of a pod: `prefix` and 11 hex digits of `sha1("namespace.pod")`.
///
/// `prefix` is the first element of Felix's `interfacePrefix` (default `cali`).
pub fn veth(prefix: &str, namespace: &str, pod: &str) -> String {
    let digest = hex(&Sha1::digest(format!("{namespace}.{pod}").as_bytes()));
    format!("{prefix}{}", &digest[..11])
}

/// Returns the workload endpoint's name, `<node>-k8s-<pod>-<interface>` with dashes doubled.
pub fn wep(node: &str, pod: &str, interface: &str) -> String {
    [node, "k8s", pod, interface]
        .map(|segment| segment.replace('-', "--"))
        .join("-")
}

/// Splits a workload endpoint's name into node, orchestrator, pod and interface.
pub fn parse_wep_name(name: &str) -> Option<[String; 4]> {
    let mut segments = vec![String::new()];
    let mut rest = name.chars().peekable();
    while let Some(char) = rest.next() {
        if char == '-' && rest.next_if_eq(&'-').is_none() {
            segments.push(String::new());
        } else if let Some(last) = segments.last_mut() {
            last.push(char);
        }
    }
    segments.try_into().ok()
}

/// Returns the VXLAN tunnel device's MAC of a node that has no MAC annotation: `66:` and the first
/// five bytes of `sha1(node)`.
pub fn vtep_mac(node: &str) -> String {
    let digest = Sha1::digest(node.as_bytes());
    let mut mac = String::from("66");
    for byte in &digest[..5] {
        mac.push_str(&format!(":{byte:02x}"));
    }
    mac
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn vectors() {
        assert_eq!(veth("cali", "default", "web-0"), "cali0d7763386da");
        assert_eq!(
            veth("cali", "kube-system", "coredns-5d78c9869d-abcde"),
            "cali4d5f75c480c"
        );
        assert_eq!(wep("node-1", "web-0", "eth0"), "node--1-k8s-web--0-eth0");
        assert_eq!(vtep_mac("kworker-2"), "66:d1:e4:a4:2c:84");
        assert_eq!(vtep_mac("kworker-3"), "66:ed:a0:5f:c2:7c");
    }

    proptest! {
        #[test]
        fn wep_names_split_back(node in "[a-z0-9][a-z0-9-]{0,9}[a-z0-9]", pod in "[a-z0-9][a-z0-9-]{0,9}[a-z0-9]") {
            let parts = parse_wep_name(&wep(&node, &pod, "eth0")).unwrap();
            prop_assert_eq!(parts, [node, "k8s".to_owned(), pod, "eth0".to_owned()]);
        }

        #[test]
        fn interface_names_fit_the_kernel(namespace in ".{0,40}", pod in ".{0,40}") {
            prop_assert_eq!(veth("cali", &namespace, &pod).len(), 15);
        }
    }
}
