use crate::registry::Parser;

pub(crate) const PARSERS: &[Parser] = &[];
