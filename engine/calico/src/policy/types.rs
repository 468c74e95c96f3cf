use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::{names::PolicyName, selector::Selector};

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    #[serde(alias = "allow", alias = "Accept")]
    Allow,
    #[serde(alias = "deny")]
    Deny,
    #[serde(alias = "pass", alias = "next-tier")]
    Pass,
    #[serde(alias = "log")]
    Log,
}

/// An IP protocol number; shown by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Protocol(pub u8);

impl Protocol {
    pub const ICMP: Self = Self(1);
    pub const TCP: Self = Self(6);
    pub const UDP: Self = Self(17);
    pub const ICMPV6: Self = Self(58);
    pub const SCTP: Self = Self(132);

    /// Reads a name in any case, or a number.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "tcp" => Self::TCP,
            "udp" => Self::UDP,
            "icmp" => Self::ICMP,
            "icmpv6" => Self::ICMPV6,
            "sctp" => Self::SCTP,
            "udplite" => Self(136),
            number => Self(number.parse().ok().filter(|number| *number != 0)?),
        })
    }

    pub fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::SCTP)
    }

    pub fn is_icmp(self) -> bool {
        matches!(self, Self::ICMP | Self::ICMPV6)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TCP => f.write_str("TCP"),
            Self::UDP => f.write_str("UDP"),
            Self::ICMP => f.write_str("ICMP"),
            Self::ICMPV6 => f.write_str("ICMPv6"),
            Self::SCTP => f.write_str("SCTP"),
            Self(136) => f.write_str("UDPLite"),
            Self(number) => write!(f, "{number}"),
        }
    }
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(i64),
    Text(String),
}

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match NumberOrText::deserialize(deserializer)? {
            NumberOrText::Number(number) => number.to_string(),
            NumberOrText::Text(text) => text,
        };
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not a protocol")))
    }
}

/// A port, a range, or the name of a container's port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port {
    Range(u16, u16),
    Named(String),
}

impl Port {
    /// Reads `80`, `80:90` or a name.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(port) = text.parse() {
            return Some(Self::Range(port, port));
        }
        if let Some((low, high)) = text.split_once(':') {
            let (low, high) = (low.parse().ok()?, high.parse().ok()?);
            return (low <= high).then_some(Self::Range(low, high));
        }
        let named = !text.is_empty()
            && text
                .chars()
                .all(|char| char.is_ascii_alphanumeric() || "_.-".contains(char));
        // A number that is no port is a mistake, not a name.
        (named && !text.chars().all(|char| char.is_ascii_digit())).then(|| Self::Named(text.to_owned()))
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(low, high) if low == high => write!(f, "{low}"),
            Self::Range(low, high) => write!(f, "{low}:{high}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl Serialize for Port {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match NumberOrText::deserialize(deserializer)? {
            NumberOrText::Number(number) => number.to_string(),
            NumberOrText::Text(text) => text,
        };
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not a port")))
    }
}

/// An ICMP type, and a code with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Icmp {
    #[serde(default)]
    pub r#type: Option<u8>,
    #[serde(default)]
    pub code: Option<u8>,
}

/// A service whose endpoints a rule matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceMatch {
    pub namespace: String,
    pub name: String,
}

/// One side of a rule. All that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Entity {
    pub nets: Vec<IpNet>,
    pub not_nets: Vec<IpNet>,
    /// The effective one: with the policy's own namespace, namespace and service account selectors.
    pub selector: Option<Selector>,
    pub not_selector: Option<Selector>,
    pub ports: Vec<Port>,
    pub not_ports: Vec<Port>,
    pub service: Option<ServiceMatch>,
}

/// A rule, whatever kind of policy it comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    pub action: Action,
    /// Where it is in the object: `spec.ingress[0].from[1]`.
    pub path: String,
    pub ip_version: Option<u8>,
    pub protocol: Option<Protocol>,
    pub not_protocol: Option<Protocol>,
    pub icmp: Option<Icmp>,
    pub not_icmp: Option<Icmp>,
    pub source: Entity,
    pub destination: Entity,
    /// A condition that the model does not follow: a flow that meets all others is `Unknown`.
    pub unsupported: Option<String>,
}

impl Rule {
    pub(crate) fn any(action: Action, path: String) -> Self {
        Self {
            action,
            path,
            ip_version: None,
            protocol: None,
            not_protocol: None,
            icmp: None,
            not_icmp: None,
            source: Entity::default(),
            destination: Entity::default(),
            unsupported: None,
        }
    }
}

/// A policy, whatever kind of object it comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policy {
    #[serde(flatten)]
    pub id: PolicyName,
    /// None comes after every number.
    pub order: Option<f64>,
    /// The effective one, over endpoints' labels.
    pub selector: Selector,
    pub ingress: bool,
    pub egress: bool,
    pub ingress_rules: Vec<Rule>,
    pub egress_rules: Vec<Rule>,
    pub do_not_track: bool,
    pub pre_dnat: bool,
    pub apply_on_forward: bool,
    /// `Set`, `Delete`, … of a staged policy.
    pub staged_action: Option<String>,
    /// Rules that Calico drops because they do not convert, with the reason.
    pub dropped_rules: Vec<String>,
}

impl Policy {
    pub fn staged(&self) -> bool {
        self.id.kind.is_staged()
    }

    pub fn rules(&self, direction: crate::names::Direction) -> &[Rule] {
        match direction {
            crate::names::Direction::Ingress => &self.ingress_rules,
            crate::names::Direction::Egress => &self.egress_rules,
        }
    }

    pub fn applies(&self, direction: crate::names::Direction) -> bool {
        match direction {
            crate::names::Direction::Ingress => self.ingress,
            crate::names::Direction::Egress => self.egress,
        }
    }

    /// `NetworkPolicy `shop/payments-egress``.
    pub fn describe(&self) -> String {
        match &self.id.namespace {
            Some(namespace) => format!("{:?} `{namespace}/{}`", self.id.kind, self.id.name),
            None => format!("{:?} `{}`", self.id.kind, self.id.name),
        }
    }

    /// `NetworkPolicy/shop/payments-egress`: the name under which [`super::why_policy`] finds this one and no other.
    pub fn reference(&self) -> String {
        match &self.id.namespace {
            Some(namespace) => format!("{:?}/{namespace}/{}", self.id.kind, self.id.name),
            None => format!("{:?}/{}", self.id.kind, self.id.name),
        }
    }

    /// Order, then name, namespace and kind, as Felix sorts.
    pub(crate) fn sort_key(&self) -> (f64, &str, &str, crate::names::PolicyKind) {
        let namespace = self.id.namespace.as_deref().unwrap_or("");
        (
            self.order.unwrap_or(f64::INFINITY),
            &self.id.name,
            namespace,
            self.id.kind,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_protocols() {
        assert_eq!(Port::parse("80"), Some(Port::Range(80, 80)));
        assert_eq!(Port::parse("80:90"), Some(Port::Range(80, 90)));
        assert_eq!(Port::parse("http"), Some(Port::Named("http".to_owned())));
        assert_eq!(
            (Port::parse("90:80"), Port::parse("70000"), Port::parse("")),
            (None, None, None)
        );
        assert_eq!(Protocol::parse("udp"), Some(Protocol::UDP));
        assert_eq!(
            (Protocol::parse("0"), Protocol::parse("256"), Protocol::parse("x")),
            (None, None, None)
        );
        assert_eq!(serde_json::from_str::<Protocol>("47").unwrap().to_string(), "47");
    }
}
