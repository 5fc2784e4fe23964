//! Explicit congestion notification (RFC 3168): routers mark instead of dropping, the receiver echoes the mark, the sender
//! gives way as if something had been lost, and says so.

use crate::wire::tcp::Flags;

/// When it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Use {
    /// Never.
    Off,
    /// With whoever asks for it.
    #[default]
    Passive,
    /// It is asked for, too.
    On,
}

/// The two bits of a header of IP (section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Routers drop.
    NotCapable,
    /// Routers mark.
    Capable,
    /// A router did.
    Crowded,
}

impl Mark {
    /// That of a traffic class.
    pub fn of(traffic_class: u8) -> Self {
        match traffic_class & 3 {
            0 => Self::NotCapable,
            3 => Self::Crowded,
            _ => Self::Capable,
        }
    }

    /// The bits of what is sent: ECT(0), or none.
    pub fn bits(self) -> u8 {
        match self {
            Self::NotCapable => 0,
            Self::Capable => 2,
            Self::Crowded => 3,
        }
    }
}

/// What a connection knows of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ecn {
    /// When it is used.
    pub wanted: Use,
    /// Both sides agreed on it.
    pub on: bool,
    /// A mark came, and is echoed until the other side says that it gave way.
    pub echoes: bool,
    /// We gave way, and the next new bytes say so.
    pub must_answer: bool,
}

impl Ecn {
    /// Flags of a SYN that begins a connection; `is_first`: none was lost before, as one with flags that a router does not
    /// know may be (section 6.1.1.1).
    pub fn syn_flags(&self, is_first: bool) -> Flags {
        if self.wanted == Use::On && is_first { Flags::ECE | Flags::CWR } else { Flags::empty() }
    }

    /// Flags of the answer to a SYN.
    pub fn answer_flags(&self) -> Flags {
        if self.on { Flags::ECE } else { Flags::empty() }
    }

    /// What a SYN asks for.
    pub fn take_syn(&mut self, flags: Flags) {
        let asked = Flags::ECE | Flags::CWR;
        self.on = match flags.contains(Flags::ACK) {
            // Both bits are an echo of ours by somebody who knows nothing of it.
            true => self.wanted == Use::On && flags & asked == Flags::ECE,
            false => self.wanted != Use::Off && flags.contains(asked),
        };
    }

    /// A segment came (section 6.1.3).
    pub fn received(&mut self, mark: Mark, flags: Flags) {
        if !self.on {
            return;
        }
        if flags.contains(Flags::CWR) {
            self.echoes = false;
        }
        self.echoes |= mark == Mark::Crowded;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_have_to_want_it() {
        let begun = |wanted| Ecn { wanted, ..Ecn::default() };
        for (ours, theirs, agreed) in [
            (Use::On, Use::On, true),
            (Use::On, Use::Passive, true),
            (Use::On, Use::Off, false),
            (Use::Passive, Use::On, false),
            (Use::Off, Use::On, false),
        ] {
            let (mut client, mut server) = (begun(ours), begun(theirs));
            server.take_syn(Flags::SYN | client.syn_flags(true));
            client.take_syn(Flags::SYN | Flags::ACK | server.answer_flags());
            assert_eq!((client.on, server.on), (agreed, agreed), "{ours:?} {theirs:?}");
        }
        let mut client = begun(Use::On);
        assert_eq!(client.syn_flags(false), Flags::empty());
        client.take_syn(Flags::SYN | Flags::ACK | Flags::ECE | Flags::CWR);
        assert!(!client.on, "an echo is no answer");
    }

    #[test]
    fn a_mark_is_echoed_until_it_is_answered() {
        let mut receiver = Ecn { on: true, ..Ecn::default() };
        receiver.received(Mark::of(2), Flags::ACK);
        assert!(!receiver.echoes);
        receiver.received(Mark::of(3), Flags::ACK);
        receiver.received(Mark::of(2), Flags::ACK);
        assert!(receiver.echoes);
        receiver.received(Mark::of(2), Flags::ACK | Flags::CWR);
        assert!(!receiver.echoes);
        receiver.received(Mark::of(3), Flags::ACK | Flags::CWR);
        assert!(receiver.echoes, "a new mark with the answer to the old one");
    }
}
