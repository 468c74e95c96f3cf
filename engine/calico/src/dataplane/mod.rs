//! What a node should have programmed, and how that differs from what it has.

mod diff;
mod enforcement;
mod expected;
mod programmed;
mod rendered;
mod routes;
mod sections;

pub use diff::{Diff, Difference, DifferenceKind, Section, diff};
pub use enforcement::{
    CalicoDrop, DropReason, EnforcedEndpoint, EnforcedPolicy, Enforcement, FilterRule, FilterRules, SetState,
    enforcement,
};
pub use expected::{
    ExpectedChain, ExpectedDataplane, ExpectedDevice, ExpectedSet, ExpectedSysctl, NatOutgoing, expected_dataplane,
};
pub use programmed::{
    ChainFlavour, Programmed, ProgrammedDevice, ProgrammedFdb, ProgrammedNeigh, ProgrammedRoute, member,
};

#[cfg(test)]
mod tests;
