//! `struct kevent` (of `__kevent50`).

use crate::event::{Event, EventFlags, Filter};

layout! {
    /// `struct kevent`.
    struct Kevent[40] {
        /// What it is about.
        ident: u64 = 0,
        /// `EVFILT_*`.
        filter: u32 = 8,
        /// `EV_*`.
        flags: u32 = 12,
        /// `NOTE_*`.
        fflags: u32 = 16,
        /// What the filter measures.
        data: i64 = 24,
        /// The caller's own.
        udata: u64 = 32,
    }
}

/// Every filter that the kernel has.
const FILTERS: [Filter; 4] = [Filter::Read, Filter::Write, Filter::Timer, Filter::User];

impl Kevent {
    /// The kernel's event; `None`: it has no such filter. Flags that it has not are left out.
    pub fn event(&self) -> Option<Event> {
        let filter = FILTERS.into_iter().find(|filter| *filter as u32 == self.filter)?;
        let Self { ident, fflags, data, udata, .. } = *self;
        Some(Event { ident, filter, flags: EventFlags::from_bits_truncate(self.flags), fflags, data, udata })
    }
}

impl From<Event> for Kevent {
    fn from(event: Event) -> Self {
        let Event { ident, filter, flags, fflags, data, udata } = event;
        Self { ident, filter: filter as u32, flags: flags.bits(), fflags, data, udata }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn an_event_is_40_bytes_with_a_hole_before_its_data() {
        let mut bytes = [0; 40];
        (bytes[0], bytes[8], bytes[12], bytes[24], bytes[39]) = (5, 6, 0x11, 100, 0x80);
        let kevent = Kevent::read(&bytes).unwrap();
        let event = kevent.event().unwrap();
        assert_eq!((event.ident, event.filter, event.data), (5, Filter::Timer, 100));
        assert_eq!(event.flags, EventFlags::ADD | EventFlags::ONESHOT);
        assert_eq!(event.udata, 0x80 << 56);
        assert_eq!(Kevent::from(event).to_bytes(), bytes);
        assert_eq!(Kevent { filter: 3, ..kevent }.event(), None);
    }
}
