//! Shared words: question, answer, evidence, finding, verdict.
