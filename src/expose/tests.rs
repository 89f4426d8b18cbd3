//! What the tests of all faces share.

pub mod fixture;
