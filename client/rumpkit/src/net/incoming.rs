//! Connections that come to a listener, one after the other.

/// What [`TcpListener::incoming`](super::TcpListener::incoming) and its like answer: an iterator that never ends.
#[derive(Debug)]
pub struct Incoming<'a, Listener> {
    pub(super) listener: &'a Listener,
}
