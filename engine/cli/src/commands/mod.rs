//! The commands that run nothing.

mod check;
mod doc;
mod doctor;
mod explain;
mod list;
mod runs;
mod test;

pub(crate) use check::check;
pub(crate) use doc::doc;
pub(crate) use doctor::doctor;
pub(crate) use explain::{explain, find, page};
pub(crate) use list::{list, show};
pub(crate) use runs::{diff, runs};
pub(crate) use test::test;
