//! The tests of the C interface: programs in `c`, which `tests/suite` builds against an installation and runs.
#![forbid(unsafe_code)]
