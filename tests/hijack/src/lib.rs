//! Programs of this host with a rump kernel behind them: see `tests/suite`.
#![forbid(unsafe_code)]
