//! Recorded worlds: journal, recording, snapshot.
