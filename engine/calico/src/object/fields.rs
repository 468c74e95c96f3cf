use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error};

/// Reads a CIDR, or an address as a CIDR of full length; host bits are cleared.
pub(crate) fn parse_cidr(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        .map(|net| net.trunc())
}

pub(crate) fn de_cidr<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpNet, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_cidr(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not a CIDR")))
}

/// One element of a list of CIDRs, so that an error names its index.
#[derive(Deserialize)]
struct Cidr(#[serde(deserialize_with = "de_cidr")] IpNet);

pub(crate) fn de_cidrs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let list = Option::<Vec<Cidr>>::deserialize(deserializer)?;
    Ok(list.unwrap_or_default().into_iter().map(|cidr| cidr.0).collect())
}

pub(crate) fn de_opt_ip<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.map(|text| {
        text.parse()
            .map_err(|_| D::Error::custom(format!("`{text}` is not an IP address")))
    })
    .transpose()
}

/// A boolean that old v1 objects hold as a string.
pub(crate) fn de_lenient_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Bool(bool),
        Text(String),
        Null(()),
    }
    match Form::deserialize(deserializer)? {
        Form::Bool(value) => Ok(value),
        Form::Null(()) => Ok(false),
        Form::Text(text) => match text.as_str() {
            "true" => Ok(true),
            "false" | "" => Ok(false),
            _ => Err(D::Error::custom(format!("`{text}` is neither `true` nor `false`"))),
        },
    }
}

/// Counts of IPv6 addresses: an integer while it fits one, else the nearest float.
pub(crate) fn ser_wide<S: serde::Serializer>(count: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    match i64::try_from(*count) {
        Ok(count) => serializer.serialize_i64(count),
        Err(_) => serializer.serialize_f64(*count as f64),
    }
}
