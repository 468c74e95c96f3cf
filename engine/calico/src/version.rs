//! Calico's version, as far as defaults depend on it.

use serde::Serialize;

/// Major and minor version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
}

impl Version {
    /// Reads `v3.34.0-0.dev-67-g87c15906f20c`; none where the text is no version.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().trim_start_matches('v').splitn(3, '.');
        Some(Self {
            major: parts.next()?.parse().ok()?,
            minor: parts.next()?.parse().ok()?,
        })
    }

    pub fn at_least(self, major: u32, minor: u32) -> bool {
        self >= Self { major, minor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let version = Version::parse("v3.34.0-0.dev-67-g87c15906f20c").unwrap();
        assert!(version.at_least(3, 33) && !version.at_least(3, 35));
        assert_eq!(Version::parse("master"), None);
    }
}
