use serde::{Serialize, Serializer};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A run of a list that many share; reads like a slice.
///
/// 100,000 rules with three lists each would be 300,000 allocations, which cost more than all the parsing. So rules share
/// one list per kind and know where their part is.
#[derive(Clone)]
pub struct Run<T> {
    all: Option<Arc<Vec<T>>>,
    start: u32,
    end: u32,
}

impl<T> Run<T> {
    /// The part of a list that is still being filled; [`Run::of`] names the list when it is complete.
    pub(crate) fn at(start: usize, end: usize) -> Self {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Run {
            all: None,
            start: narrow(start),
            end: narrow(end),
        }
    }

    pub(crate) fn of(&mut self, list: &Arc<Vec<T>>) {
        if self.start < self.end {
            self.all = Some(Arc::clone(list));
        }
    }
}

impl<T> From<Vec<T>> for Run<T> {
    fn from(list: Vec<T>) -> Self {
        let mut run = Run::at(0, list.len());
        run.of(&Arc::new(list));
        run
    }
}

impl<T> Deref for Run<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let all = self.all.as_deref().map(Vec::as_slice).unwrap_or_default();
        all.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

impl<'r, T> IntoIterator for &'r Run<T> {
    type Item = &'r T;
    type IntoIter = std::slice::Iter<'r, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> Default for Run<T> {
    fn default() -> Self {
        Run::at(0, 0)
    }
}

impl<T: PartialEq> PartialEq for Run<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: fmt::Debug> fmt::Debug for Run<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Serialize> Serialize for Run<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}
