//! Files out of disk images, without root.
fn main() {}
