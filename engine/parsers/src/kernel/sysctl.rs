//! `sysctl`: kernel parameters.

use crate::ParseError;
use crate::text::{clean, lines};
use std::collections::BTreeMap;

/// Reads `sysctl -a`, `sysctl KEY ...` and `grep . /proc/sys/...` style `key = value` lines.
///
/// Shape: a map from the key, as printed, to its value as text. Device names keep their spelling: a dot in a name
/// (`vxlan.calico`) is printed as a slash (`net.ipv4.conf.vxlan/calico.rp_filter`). A key printed more than once holds
/// its values one per line.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>, ParseError> {
    let text = clean(text);
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for line in lines(&text) {
        let (key, value) = line.text.split_once('=').ok_or_else(|| line.error("`KEY = VALUE`"))?;
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(line.error("`KEY = VALUE`"));
        }
        match values.get_mut(key) {
            Some(earlier) => {
                earlier.push('\n');
                earlier.push_str(value.trim());
            }
            None => {
                values.insert(key.to_owned(), value.trim().to_owned());
            }
        }
    }
    Ok(values)
}
