use serde::Serialize;

use super::{
    change::changes,
    flow::Flow,
    index::PolicyIndex,
    matching::{Seen, Side},
    walk::{Element, Stage, TierStep, Walk},
};
use crate::{
    names::{Direction, PolicyKind},
    pool::Encapsulation,
};

/// What happens to a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Decision {
    Allow,
    Deny,
    Unknown,
}

/// Which place in the packet's way a part is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    Workload,
    HostEndpoint,
    /// Pods' traffic that passes a host endpoint.
    HostEndpointForward,
    /// A pod to its own node: `defaultEndpointToHostAction`.
    EndpointToHost,
}

/// What kind of thing decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    Rule,
    EndOfTier,
    Profile,
    NoProfile,
    Failsafe,
    /// Felix does not police a host's traffic to its own pods.
    HostToOwnPod,
    EndpointToHostAction,
    /// It stays inside the pod.
    SamePod,
    Unknown,
}

/// The element that decided a part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deciding {
    pub element: Decided,
    pub tier: Option<String>,
    pub kind: Option<PolicyKind>,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub rule_index: Option<usize>,
    pub rule_path: Option<String>,
    pub sentence: String,
}

/// One place where the flow is judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    pub kind: PartKind,
    /// `ns/pod`, or the host endpoint's name.
    pub endpoint: String,
    pub direction: Direction,
    pub decision: Decision,
    pub deciding: Deciding,
    /// The whole walk; empty where it was not asked for.
    pub tiers: Vec<TierStep>,
}

/// The answer, with the walk that led to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    pub flow: Flow,
    pub decision: Decision,
    /// The part that denied, or the first that is not known; none for Allow.
    pub deciding: Option<Deciding>,
    pub deciding_endpoint: Option<String>,
    /// Why nothing could be said, for Unknown.
    pub reason: Option<String>,
    /// In the order in which a packet meets them.
    pub parts: Vec<Part>,
    pub notes: Vec<String>,
    /// What would turn the decision around.
    pub changes: Vec<String>,
}

/// What the API objects do not tell.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct VerdictOptions {
    /// `Accept`, `Return` or `Drop`. Manifests set it by the DaemonSet's environment, which beats FelixConfiguration.
    pub endpoint_to_host_action: Option<String>,
    /// Leaves out the walk: for many verdicts in a row.
    pub brief: bool,
}

impl Part {
    pub(super) fn new(kind: PartKind, endpoint: String, direction: Direction) -> Self {
        let deciding = Deciding {
            element: Decided::Unknown,
            tier: None,
            kind: None,
            namespace: None,
            name: None,
            rule_index: None,
            rule_path: None,
            sentence: String::new(),
        };
        Self {
            kind,
            endpoint,
            direction,
            decision: Decision::Unknown,
            deciding,
            tiers: Vec::new(),
        }
    }

    pub(super) fn allow(mut self, element: Decided, sentence: &str) -> Self {
        self.decision = Decision::Allow;
        self.deciding.element = element;
        sentence.clone_into(&mut self.deciding.sentence);
        self
    }

    pub(super) fn unknown(mut self, reason: String) -> Self {
        self.decision = Decision::Unknown;
        self.deciding.element = Decided::Unknown;
        self.deciding.sentence = reason;
        self
    }
}

impl PolicyIndex {
    /// Judges a flow.
    pub fn verdict(&self, flow: &Flow, options: &VerdictOptions) -> Verdict {
        let mut verdict = Verdict {
            flow: flow.clone(),
            decision: Decision::Unknown,
            deciding: None,
            deciding_endpoint: None,
            reason: None,
            parts: Vec::new(),
            notes: Vec::new(),
            changes: Vec::new(),
        };
        if !self.missing_lists.is_empty() {
            verdict.reason = Some(format!("lists were not given: {}", self.missing_lists.join(", ")));
            return verdict;
        }
        let seen = match self.resolve(flow) {
            Ok(seen) => seen,
            Err(reason) => {
                verdict.reason = Some(reason);
                return verdict;
            }
        };
        verdict.parts = self.parts(&seen, options);
        self.conclude(&mut verdict, &seen);
        if !options.brief {
            verdict.notes.extend(self.notes(&seen, &verdict));
            verdict.changes = changes(self, &verdict);
        }
        verdict
    }

    fn conclude(&self, verdict: &mut Verdict, seen: &Seen) {
        let first = |decision: Decision| verdict.parts.iter().find(|part| part.decision == decision);
        let deciding = first(Decision::Deny).or_else(|| first(Decision::Unknown));
        verdict.decision = deciding.map_or(Decision::Allow, |part| part.decision);
        verdict.deciding_endpoint = deciding.map(|part| part.endpoint.clone());
        let deciding = deciding.map(|part| part.deciding.clone());
        if verdict.decision == Decision::Unknown {
            verdict.reason = deciding.as_ref().map(|deciding| deciding.sentence.clone());
        }
        verdict.deciding = deciding;
        // A policy that cannot be read may say anything about the endpoints near it.
        let near = |namespace: &Option<String>| {
            let of = |side: &Side| side.workload.map(|at| self.endpoints[at].namespace.as_str());
            namespace
                .as_deref()
                .is_none_or(|namespace| of(&seen.source) == Some(namespace) || of(&seen.destination) == Some(namespace))
        };
        if let Some((_, error)) = self.unread.iter().find(|(namespace, _)| near(namespace)) {
            let without = format!("{:?}", verdict.decision);
            verdict.decision = Decision::Unknown;
            verdict.reason = Some(format!(
                "a policy cannot be read ({error}); without it the answer is {without}"
            ));
        }
    }

    fn parts(&self, seen: &Seen, options: &VerdictOptions) -> Vec<Part> {
        let tell = !options.brief;
        let (source, destination) = (&seen.source, &seen.destination);
        let (from, to) = (self.node_of(source), self.node_of(destination));
        let same_node = from.is_some() && from == to;
        let mut parts = Vec::new();
        if let (Some(a), Some(b)) = (source.workload, destination.workload)
            && a == b
        {
            let part = Part::new(PartKind::Workload, self.pod_name(a), Direction::Egress);
            return vec![part.allow(Decided::SamePod, "stays inside the pod's network namespace")];
        }
        if destination.address.is_loopback() {
            // It leaves neither the host nor the pod, and no policy sees it.
            let at = source
                .workload
                .map(|at| Part::new(PartKind::Workload, self.pod_name(at), Direction::Egress));
            return at
                .map(|part| part.allow(Decided::SamePod, "stays inside the pod's network namespace"))
                .into_iter()
                .collect();
        }
        match (source.workload, source.node.as_deref()) {
            (Some(at), _) => parts.push(self.workload_part(at, Direction::Egress, seen, tell)),
            (None, Some(node)) if !same_node => {
                let endpoint = self.host_endpoint_of(node, Some(source.address));
                parts.extend(endpoint.map(|endpoint| self.host_part(endpoint, Direction::Egress, seen, tell)));
            }
            _ => {}
        }
        if !same_node {
            parts.extend(self.forwarding(seen, tell));
        }
        match (destination.workload, destination.node.as_deref()) {
            (Some(at), _) if same_node && source.workload.is_none() => {
                let part = Part::new(PartKind::Workload, self.pod_name(at), Direction::Ingress);
                parts.push(part.allow(
                    Decided::HostToOwnPod,
                    "Felix does not police a host's traffic to its own pods",
                ));
            }
            (Some(at), _) => parts.push(self.workload_part(at, Direction::Ingress, seen, tell)),
            (None, Some(node)) => {
                let to_own_host = same_node && source.workload.is_some();
                let accepted = if to_own_host {
                    let part = self.endpoint_to_host(node, options);
                    // Return goes on to the host endpoint's policy; Accept and Drop are final.
                    let goes_on = part.as_ref().is_none_or(|part| part.decision == Decision::Unknown);
                    parts.extend(part);
                    !goes_on
                } else {
                    false
                };
                if !accepted && (!same_node || to_own_host) {
                    let arriving = if same_node { None } else { self.after_snat(seen) };
                    let arriving = arriving.as_ref().unwrap_or(seen);
                    let endpoint = self.host_endpoint_of(node, Some(destination.address));
                    let part = endpoint.map(|endpoint| self.host_part(endpoint, Direction::Ingress, arriving, tell));
                    parts.extend(part);
                }
            }
            (None, None) => {}
        }
        parts
    }

    /// Host endpoints that pods' traffic between nodes, or to the outside, passes.
    fn forwarding(&self, seen: &Seen, tell: bool) -> Vec<Part> {
        if self.host_endpoints.is_empty() {
            return Vec::new();
        }
        let mut parts = Vec::new();
        let ends = [
            (&seen.source, &seen.destination, Direction::Egress),
            (&seen.destination, &seen.source, Direction::Ingress),
        ];
        for (side, other, direction) in ends {
            let Some(node) = side.workload.map(|at| self.endpoints[at].node.as_str()) else {
                continue;
            };
            let address = self.node(node).and_then(|node| node.address(seen.ipv6));
            // A tunnel hides the pods' packets from the underlay interface's own host endpoint.
            let address = address.filter(|_| !self.encapsulated(side, other));
            let Some(endpoint) = self.host_endpoint_of(node, address) else {
                continue;
            };
            parts.extend(self.forward_part(endpoint, direction, seen, tell));
        }
        parts
    }

    fn encapsulated(&self, side: &Side, other: &Side) -> bool {
        let (Some(from), Some(to)) = (self.node_of(side), self.node_of(other)) else {
            return false;
        };
        let (Some(from), Some(to)) = (self.node(from), self.node(to)) else {
            return false;
        };
        let address = if other.workload.is_some() {
            other.address
        } else {
            side.address
        };
        self.encapsulation_between(from, to, address) != Encapsulation::None
    }

    pub(super) fn pod_name(&self, at: usize) -> String {
        format!("{}/{}", self.endpoints[at].namespace, self.endpoints[at].pod)
    }

    fn workload_part(&self, at: usize, direction: Direction, seen: &Seen, tell: bool) -> Part {
        let endpoint = &self.endpoints[at];
        let mut part = Part::new(PartKind::Workload, self.pod_name(at), direction);
        let mut walk = Walk {
            index: self,
            flow: seen,
            direction,
            stage: Stage::Normal,
            steps: tell.then(Vec::new),
        };
        let mut element = walk.tiers(&endpoint.labels);
        part.tiers = walk.steps.unwrap_or_default();
        if element == Element::Nothing {
            element = match self.inherited.namespace(&endpoint.namespace) {
                Some(_) => Element::Profile {
                    profile: format!("kns.{}", endpoint.namespace),
                },
                None => Element::NoProfile,
            };
        }
        self.decided(part, element)
    }

    fn endpoint_to_host(&self, node: &str, options: &VerdictOptions) -> Option<Part> {
        let configured = self
            .felix
            .get(node)
            .and_then(|felix| felix.default_endpoint_to_host_action.clone());
        let mut part = Part::new(PartKind::EndpointToHost, node.to_owned(), Direction::Ingress);
        let action = options.endpoint_to_host_action.clone().or(configured);
        match action.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("accept") => {
                Some(part.allow(Decided::EndpointToHostAction, "`defaultEndpointToHostAction` is Accept"))
            }
            Some("return") => None,
            Some("drop") => {
                part.decision = Decision::Deny;
                part.deciding.element = Decided::EndpointToHostAction;
                part.deciding.sentence =
                    "`defaultEndpointToHostAction` is Drop: a pod may not talk to its own node".to_owned();
                Some(part)
            }
            _ => Some(
                part.unknown(
                    "`defaultEndpointToHostAction` is in no FelixConfiguration: Felix drops, unless the DaemonSet's \
                 environment says otherwise"
                        .to_owned(),
                ),
            ),
        }
    }
}
