//! Messages: a header of 24 bytes in the order of the host, and a body.
//!
//! ```text
//!  0 u64 length of the whole    8 u64 number of the request    16 u16 class    18 u16 kind    20 u32 code
//! ```
//!
//! The code is the number of a system call, the kind of a handshake, a signal, or an error. A length is checked here,
//! before anything is read by it.

/// Bytes of a header.
pub const HEADER: usize = 24;
/// Most bytes of a body: what a call moves at once, and some more.
pub const BODY_MAX: usize = (1 << 20) + 4096;
/// Most bytes of a banner, its newline included.
pub const BANNER_MAX: usize = 96;

/// The number of requests whose answers, if there are any, are nobody's.
pub const UNANSWERED: u64 = u64::MAX;

macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident: $type:ty { $($(#[$item_doc:meta])* $item:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum $name { $($(#[$item_doc])* $item = $number,)* }

        impl $name {
            fn parse(number: $type) -> Option<Self> {
                match number { $($number => Some(Self::$item),)* _ => None }
            }
        }
    };
}

numbers! {
    /// What a message is to the one with its number.
    Class: u16 { Request = 0, Response = 1, Error = 2, }
}

numbers! {
    /// What is asked, or answered.
    Kind: u16 {
        /// From a client: who it is ([`Handshake`]).
        Handshake = 0,
        /// From a client.
        Syscall = 1,
        /// From the server: bytes at an address of the client's.
        CopyIn = 2,
        /// From the server: a string at an address of the client's.
        CopyInStr = 3,
        /// From the server: bytes for an address of the client's; nothing is answered.
        CopyOut = 4,
        /// The same of a string.
        CopyOutStr = 5,
        /// From the server: memory that the client is to have.
        AnonMmap = 6,
        /// From a client that is about to fork: a cookie for its child.
        Prefork = 7,
        /// From the server: a signal; nothing is answered. From a client: a handler ran in a thread that waits for the answer to
        /// the request whose number is the body; the code says of which kind it is ([`Handled`]). That request is
        /// [`UNANSWERED`]: NetBSD's servers refuse it, by its number, and go on.
        Raise = 8,
    }
}

numbers! {
    /// Who begins to speak.
    Handshake: u32 {
        /// A program; the body is its name.
        Guest = 0,
        /// Unused.
        Auth = 1,
        /// The child of a client, with the cookie that its parent got.
        Fork = 2,
        /// The program that a client executed; the body is its name.
        Exec = 3,
    }
}

numbers! {
    /// What handler it was that ran while a call waits.
    Handled: u32 {
        /// It ends the call.
        Interrupts = 0,
        /// It is one of `SA_RESTART`: it ends a call that is not begun again.
        Restarts = 1,
    }
}

numbers! {
    /// Why a request is not answered.
    Refusal: u32 {
        None = 0,
        TryAgain = 1,
        Auth = 2,
        InvalidPrefork = 3,
        ForkFailed = 4,
        InExec = 5,
        NoMemory = 6,
        Malformed = 7,
    }
}

impl Refusal {
    /// The errno that a program sees of it.
    pub fn errno(self) -> Option<rump_abi::Errno> {
        use rump_abi::Errno;
        match self {
            Self::None => None,
            Self::TryAgain => Some(Errno::EAGAIN),
            Self::Auth => Some(Errno::EPERM),
            Self::InvalidPrefork => Some(Errno::ESRCH),
            Self::ForkFailed => Some(Errno::EIO),
            Self::InExec => Some(Errno::EBUSY),
            Self::NoMemory => Some(Errno::ENOMEM),
            Self::Malformed => Some(Errno::EINVAL),
        }
    }

    /// By its number on the wire; one that nobody knows is `Malformed`.
    pub fn from_code(code: u32) -> Self {
        Self::parse(code).unwrap_or(Self::Malformed)
    }
}

impl Handled {
    /// By its number on the wire.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::parse(code)
    }
}

impl Handshake {
    /// By its number on the wire.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::parse(code)
    }
}

/// The header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the body.
    pub body: usize,
    /// Chosen by who asks, the same in the answer.
    pub request: u64,
    /// What it is to the message with its number.
    pub class: Class,
    /// What is asked, or answered.
    pub kind: Kind,
    /// The number of a call, of a handshake, of a signal, of a [`Refusal`], or 0.
    pub code: u32,
}

/// What nobody who keeps to the protocol says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl Header {
    /// A request of a kind.
    pub fn request(kind: Kind, request: u64, code: u32, body: usize) -> Self {
        Self { body, request, class: Class::Request, kind, code }
    }

    /// The answer to this request.
    pub fn answer(&self, body: usize) -> Self {
        Self { body, class: Class::Response, code: 0, ..*self }
    }

    /// That this request is refused.
    pub fn refusal(&self, why: Refusal) -> Self {
        Self { body: 0, class: Class::Error, code: why as u32, ..*self }
    }

    /// What the bytes mean. Errors: a length that is none, or beyond [`BODY_MAX`]; a class or a kind that nobody knows.
    pub fn parse(bytes: &[u8; HEADER]) -> Result<Self, Malformed> {
        let length = u64::from_ne_bytes(field(bytes, 0));
        let body = usize::try_from(length).ok().and_then(|length| length.checked_sub(HEADER));
        Ok(Self {
            body: body.filter(|body| *body <= BODY_MAX).ok_or(Malformed("length"))?,
            request: u64::from_ne_bytes(field(bytes, 8)),
            class: Class::parse(u16::from_ne_bytes(field(bytes, 16))).ok_or(Malformed("class"))?,
            kind: Kind::parse(u16::from_ne_bytes(field(bytes, 18))).ok_or(Malformed("type"))?,
            code: u32::from_ne_bytes(field(bytes, 20)),
        })
    }

    /// As it is on the wire.
    pub fn emit(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&((HEADER + self.body) as u64).to_ne_bytes());
        bytes[8..16].copy_from_slice(&self.request.to_ne_bytes());
        bytes[16..18].copy_from_slice(&(self.class as u16).to_ne_bytes());
        bytes[18..20].copy_from_slice(&(self.kind as u16).to_ne_bytes());
        bytes[20..].copy_from_slice(&self.code.to_ne_bytes());
        bytes
    }
}

fn field<const N: usize>(bytes: &[u8; HEADER], at: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[at + index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_what_they_were() {
        for (class, kind) in [(Class::Request, Kind::Handshake), (Class::Error, Kind::Raise)] {
            let header = Header { body: 17, request: u64::MAX, class, kind, code: 3 };
            assert_eq!(Header::parse(&header.emit()), Ok(header));
        }
        let syscall = Header::request(Kind::Syscall, 5, 20, 0);
        let mut expected = [0; HEADER];
        (expected[0], expected[8], expected[18], expected[20]) = (24, 5, 1, 20);
        assert_eq!(syscall.emit(), expected);
    }

    #[test]
    fn lengths_are_bounded() {
        let with_length = |length: u64| {
            let mut bytes = Header::request(Kind::Prefork, 0, 0, 0).emit();
            bytes[..8].copy_from_slice(&length.to_ne_bytes());
            Header::parse(&bytes)
        };
        for length in [0, 23, (HEADER + BODY_MAX) as u64 + 1, u64::MAX] {
            assert_eq!(with_length(length), Err(Malformed("length")), "{length}");
        }
        assert!(with_length((HEADER + BODY_MAX) as u64).is_ok());
    }
}
