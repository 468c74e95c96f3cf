//! The machine with the control plane, and the one outside of the cluster.

use crate::{
    Result,
    machine::Machine,
    plan::{CONTROL, CONTROL_ADDRESS, OUTSIDE, SERVICES},
    state,
    tools::Tools,
};

const PKI: &str = "/etc/kubernetes/pki";

pub fn start(tools: &Tools) -> Result<()> {
    let bin = format!("/run/host{}", tools.dir.display());
    let etcd = "etcd --data-dir /var/lib/lab-etcd --listen-client-urls http://127.0.0.1:2379 \
                --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 \
                --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster default=http://127.0.0.1:2380";
    let server = format!(
        "{bin}/kube-apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address={CONTROL_ADDRESS} \
         --advertise-address={CONTROL_ADDRESS} --secure-port=6443 --tls-cert-file={PKI}/apiserver.crt \
         --tls-private-key-file={PKI}/apiserver.key --client-ca-file={PKI}/ca.crt --token-auth-file={PKI}/tokens.csv \
         --kubelet-client-certificate={PKI}/kubelet-client.crt --kubelet-client-key={PKI}/kubelet-client.key \
         --kubelet-preferred-address-types=InternalIP --authorization-mode=Node,RBAC --allow-privileged=true \
         --service-account-issuer=https://kubernetes.default.svc --service-account-signing-key-file={PKI}/accounts.key \
         --service-account-key-file={PKI}/accounts.pub --service-cluster-ip-range={SERVICES} --profiling=false \
         --feature-gates=SizeBasedListCostEstimate=false"
    );
    let controllers = format!(
        "{bin}/kube-controller-manager --kubeconfig={PKI}/controller-manager.kubeconfig --leader-elect=false \
         --service-account-private-key-file={PKI}/accounts.key --root-ca-file={PKI}/ca.crt --profiling=false"
    );
    let scheduler = format!(
        "{bin}/kube-scheduler --kubeconfig={PKI}/scheduler.kubeconfig --leader-elect=false --profiling=false \
         --authentication-kubeconfig={PKI}/scheduler.kubeconfig --authorization-kubeconfig={PKI}/scheduler.kubeconfig"
    );
    Machine::new(CONTROL)
        .bind(state::path("pki"), PKI)
        .service("etcd", etcd)
        .service("kube-apiserver", &server)
        .service("kube-controller-manager", &controllers)
        .service("kube-scheduler", &scheduler)
        .start(&tools.path("lab-node"))?;
    let dns = "dnsmasq --keep-in-foreground --no-resolv --no-hosts --log-facility=- --user=root \
               --address=/shop.example/203.0.113.10";
    Machine::new(OUTSIDE)
        .service("web", &format!("{bin}/lab-node web 80 443"))
        .service("dnsmasq", dns)
        .start(&tools.path("lab-node"))
}
