//! Our view of an image against the host's own tools.
