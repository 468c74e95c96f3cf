use runbook_core::Target;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Counts what really goes out: each HTTP request (also the one that opens an exec) and each command over SSH.
#[derive(Debug, Default)]
pub(crate) struct RoundTrips(Mutex<BTreeMap<Target, u64>>);

impl RoundTrips {
    pub(crate) fn add(&self, target: &Target) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(target.clone()).or_default() += 1;
    }

    pub(crate) fn all(&self) -> BTreeMap<Target, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
