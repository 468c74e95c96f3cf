use ipnet::IpNet;
use serde::Serialize;

use super::{BgpFilter, FilterAction, FilterRule, MatchOperator, PeerType};
use crate::object::parse_cidr;

/// What filters may ask of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteFacts<'a> {
    pub prefix: IpNet,
    /// Learned from a BGP peer.
    pub from_peer: bool,
    pub interface: Option<&'a str>,
    pub peer_type: PeerType,
}

/// What a chain of filters says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum FilterOutcome {
    /// The first rule that matches ends the walk.
    Decided {
        action: FilterAction,
        filter: String,
        rule: usize,
    },
    /// Calico's own rules decide.
    NoMatch,
    /// A rule asks for something that the model does not know.
    Unknown {
        filter: String,
        rule: usize,
        reason: String,
    },
}

/// Walks the filters of a session in order; a filter that does not exist is skipped, as in confd.
pub fn evaluate_filters(
    names: &[String],
    filters: &[BgpFilter],
    export: bool,
    route: &RouteFacts<'_>,
) -> FilterOutcome {
    let ipv6 = matches!(route.prefix, IpNet::V6(_));
    for filter in names
        .iter()
        .filter_map(|name| filters.iter().find(|filter| filter.name == *name))
    {
        let rules = match (export, ipv6) {
            (true, false) => &filter.export_v4,
            (true, true) => &filter.export_v6,
            (false, false) => &filter.import_v4,
            (false, true) => &filter.import_v6,
        };
        for (index, rule) in rules.iter().enumerate() {
            match matches(rule, route) {
                Ok(true) => {
                    return FilterOutcome::Decided {
                        action: rule.action,
                        filter: filter.name.clone(),
                        rule: index,
                    };
                }
                Ok(false) => {}
                Err(reason) => {
                    return FilterOutcome::Unknown {
                        filter: filter.name.clone(),
                        rule: index,
                        reason,
                    };
                }
            }
        }
    }
    FilterOutcome::NoMatch
}

fn matches(rule: &FilterRule, route: &RouteFacts<'_>) -> Result<bool, String> {
    if let (Some(cidr), Some(operator)) = (rule.cidr.as_deref().and_then(parse_cidr), rule.match_operator) {
        let within = cidr.contains(&route.prefix)
            && rule.prefix_length.is_none_or(|bounds| {
                let length = route.prefix.prefix_len();
                bounds.min.is_none_or(|min| length >= min) && bounds.max.is_none_or(|max| length <= max)
            });
        let holds = match operator {
            MatchOperator::Equal => cidr == route.prefix,
            MatchOperator::NotEqual => cidr != route.prefix,
            MatchOperator::In => within,
            MatchOperator::NotIn => !within,
        };
        if !holds {
            return Ok(false);
        }
    }
    match rule.source.as_deref() {
        Some("RemotePeers") if !route.from_peer => return Ok(false),
        Some("RemotePeers") | None | Some("") => {}
        Some(other) => return Err(format!("source `{other}` is not known")),
    }
    if let Some(pattern) = rule.interface.as_deref().filter(|pattern| !pattern.is_empty()) {
        match route.interface {
            Some(interface) if !wildcard(pattern, interface) => return Ok(false),
            Some(_) => {}
            None => return Err(format!("interface `{pattern}`: the route's interface is not known")),
        }
    }
    if rule.peer_type.is_some_and(|wanted| wanted != route.peer_type) {
        return Ok(false);
    }
    // Operations change attributes and never whether a route matches.
    match rule
        .other
        .iter()
        .find(|(name, value)| name.as_str() != "operations" && !value.is_null())
    {
        Some((name, _)) => Err(format!("condition `{name}` is not followed")),
        None => Ok(true),
    }
}

/// `*` and `?`, as BIRD matches interface names. Linear in the product, both are short.
fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&char) if char == '?' || char == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|char| *char == '*')
}
