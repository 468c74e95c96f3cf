//! `ethtool`: what a device is, can do and counted.

pub mod coalesce;
pub mod driver;
pub mod features;
pub mod rings;
pub mod settings;
pub mod statistics;
