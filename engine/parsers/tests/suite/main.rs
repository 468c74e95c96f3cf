//! One binary for all tests of the parsers: real and hand-made outputs, and what must hold for any input.

mod fixtures;
mod properties;
