//! What passes at an interface, into a file.

use crate::LinkType;
use crate::recorder::{Recorder, Shared};
use alloc::sync::Arc;
use rump_kpi::device::NetworkDevice;
use rump_kpi::packet::Packet;
use rump_kpi::port::{Direction, Listener, Port};

/// A listener at an interface, as long as it is kept.
pub struct Capture {
    port: Arc<Port>,
    listener: Arc<dyn Listener>,
}

impl Capture {
    /// Records what passes at `port` from now on.
    pub fn begin(port: Arc<Port>, recorder: &Recorder) -> Self {
        let link = LinkType::of(port.info().medium);
        let number = recorder.add_interface(port.name(), link);
        let listener: Arc<dyn Listener> = Arc::new(Ear { file: recorder.shared(), number, link });
        port.listen(listener.clone());
        Self { port, listener }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.port.unlisten(&self.listener);
    }
}

struct Ear {
    file: Arc<Shared>,
    number: u32,
    link: LinkType,
}

impl Listener for Ear {
    fn hear(&self, direction: Direction, packet: &Packet) {
        self.file.record(self.number, self.link, direction, packet);
    }
}
