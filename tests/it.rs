//! The one test binary.

mod protocol;
