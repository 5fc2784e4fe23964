//! A simulated host: manual clock, seeded random, faults, memory devices.
