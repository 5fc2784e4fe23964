//! Streams that nobody else reads or changes, between two who know a key: Noise, `NNpsk0` over curve 25519 with ChaCha20,
//! Poly1305 and BLAKE2s (The Noise Protocol Framework, revision 34). Of former conversations the key tells nothing.
//!
//! ```text
//! u16 length, most significant byte first    so many bytes, sealed
//! ```
//!
//! The client begins. Nothing is read from a server, nor a banner sent to a client, that does not know the key.

use crate::stream::{Input, Stream};
use snow::{Builder, HandshakeState, StatelessTransportState};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";
/// Bytes of a key.
const KEY: usize = 32;
/// Most bytes of a sealed message (Noise, section 3).
const SEALED_MAX: usize = 65535;
/// By how much it is longer than what it says.
const TAG: usize = 16;

/// What both sides know.
#[derive(Clone)]
pub struct Key([u8; KEY]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// The key that a file has: 32 bytes. Errors: InvalidData (it has not so many), PermissionDenied (others may read it),
    /// those of the host.
    pub fn from_file(path: &Path) -> io::Result<Self> {
        let mut file = std::fs::File::open(path)?;
        if file.metadata()?.mode() & 0o077 != 0 {
            return Err(io::Error::new(
                ErrorKind::PermissionDenied,
                "others may read the key; chmod 600 helps",
            ));
        }
        let mut bytes = Vec::new();
        Read::by_ref(&mut file).take(KEY as u64 + 1).read_to_end(&mut bytes)?;
        let wrong = || {
            io::Error::new(
                ErrorKind::InvalidData,
                "a key has 32 bytes, as `head -c 32 /dev/urandom` makes them",
            )
        };
        Ok(Self(bytes.try_into().map_err(|_| wrong())?))
    }

    fn builder(&self) -> io::Result<Builder<'_>> {
        let pattern = PATTERN.parse().map_err(failed)?;
        Builder::new(pattern).psk(0, &self.0).map_err(failed)
    }
}

/// Whoever does not know the key is no more than that.
fn failed(_: snow::Error) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, "the other side does not know the key")
}

/// Begins as a client. Errors: PermissionDenied (the server does not know the key), those of the stream.
pub(crate) fn initiate(stream: &mut Stream, key: &Key) -> io::Result<(Opener, Sealer)> {
    let mut state = key.builder()?.build_initiator().map_err(failed)?;
    say(stream, &mut state)?;
    hear(stream, &mut state)?;
    finish(stream, state)
}

/// Begins as a server. Errors: as [`initiate`].
pub(crate) fn respond(stream: &mut Stream, key: &Key) -> io::Result<(Opener, Sealer)> {
    let mut state = key.builder()?.build_responder().map_err(failed)?;
    hear(stream, &mut state)?;
    say(stream, &mut state)?;
    finish(stream, state)
}

fn say(stream: &mut Stream, state: &mut HandshakeState) -> io::Result<()> {
    let mut message = [0; 256];
    let length = state.write_message(&[], &mut message).map_err(failed)?;
    stream.write_all(&[&(length as u16).to_be_bytes(), &message[..length]].concat())
}

fn hear(stream: &mut Stream, state: &mut HandshakeState) -> io::Result<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message)?;
    state.read_message(&message, &mut [0; SEALED_MAX]).map(drop).map_err(failed)
}

fn finish(stream: &Stream, state: HandshakeState) -> io::Result<(Opener, Sealer)> {
    let state = Arc::new(state.into_stateless_transport_mode().map_err(failed)?);
    let opener = Opener {
        input: Input::new(stream.clone()),
        state: state.clone(),
        messages: 0,
        plain: Vec::new(),
        start: 0,
    };
    Ok((opener, Sealer { stream: stream.clone(), state, messages: 0 }))
}

/// Reads what is sealed.
pub(crate) struct Opener {
    pub(crate) input: Input,
    state: Arc<StatelessTransportState>,
    messages: u64,
    plain: Vec<u8>,
    start: usize,
}

impl Opener {
    /// Whether something is there to read, or comes.
    pub(crate) fn is_ready(&self) -> bool {
        self.start < self.plain.len() || self.input.is_ready()
    }
}

impl Read for Opener {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.start == self.plain.len() {
            let mut length = [0; 2];
            // The end of the stream is one between messages alone.
            if self.input.read(&mut length[..1])? == 0 {
                return Ok(0);
            }
            self.input.read_exact(&mut length[1..])?;
            let mut sealed = vec![0; u16::from_be_bytes(length).into()];
            self.input.read_exact(&mut sealed)?;
            self.plain.resize(sealed.len(), 0);
            let opened = self.state.read_message(self.messages, &sealed, &mut self.plain);
            self.plain.truncate(*opened.as_ref().unwrap_or(&0));
            self.start = 0;
            opened.map_err(failed)?;
            self.messages += 1;
        }
        let count = into.len().min(self.plain.len() - self.start);
        into[..count].copy_from_slice(&self.plain[self.start..self.start + count]);
        self.start += count;
        Ok(count)
    }
}

/// Seals what is written.
pub(crate) struct Sealer {
    stream: Stream,
    state: Arc<StatelessTransportState>,
    messages: u64,
}

impl Sealer {
    /// Most bytes that are sealed at once.
    pub(crate) const PIECE: usize = SEALED_MAX - TAG;

    /// A piece, as it goes over the stream next.
    pub(crate) fn seal(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        let mut sealed = vec![0; 2 + piece.len() + TAG];
        let length = self.state.write_message(self.messages, piece, &mut sealed[2..]).map_err(failed)?;
        self.messages += 1;
        sealed[..2].copy_from_slice(&(length as u16).to_be_bytes());
        sealed.truncate(2 + length);
        Ok(sealed)
    }
}

impl Write for Sealer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(Self::PIECE)];
        let sealed = self.seal(piece)?;
        self.stream.write_all(&sealed)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
