//! Stand-ins for a cluster, for tests.
