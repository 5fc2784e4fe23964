//! netstack3, Fuchsia's stack, on a tap: takes one connection of TCP and receives or sends so many bytes. `benches/src/tap`
//! starts it in a namespace of Linux, beside our own stack; it asks for a newer compiler than the project's, so it is a
//! program of its own.
//!
//! One thread has the stack to itself: it takes what frames the tap has, lets the program have the bytes, brings out what the
//! stack has to say, and waits in `poll`. The program's bytes are in memory of its own.
#![forbid(unsafe_code)]
#![recursion_limit = "256"]

mod stack;
mod tap;

use netstack3::base::TcpSocketState;
use stack::{Connection, Stack};
use std::error::Error;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use tap::Tap;

/// What may fail, for a reason that is text.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Bytes of a call of the program's.
const CHUNK: usize = 256 << 10;
/// Frames that are taken before the program has its turn.
const BATCH: usize = 512;
/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, address, port, way, bytes] = &words[..] else {
        return Err("rump-bench-netstack3 TAP ADDRESS PORT from|to BYTES".into());
    };
    let (address, port, bytes): (Ipv4Addr, _, _) = (address.parse()?, port.parse()?, bytes.parse()?);
    let mut host = Host { tap: Tap::open(name)?, stack: Stack::new(address, 24)?, begin: Instant::now() };
    // Whoever started it configures Linux's side now.
    println!("open");
    host.stack.listen(port)?;
    let connection = loop {
        host.turn()?;
        if let Some(connection) = host.stack.accept()? {
            break connection;
        }
        host.wait()?;
    };
    match way.as_str() {
        "from" => host.receive(&connection, bytes)?,
        "to" => host.send(&connection, bytes)?,
        _ => return Err(format!("from or to, not {way}").into()),
    }
    host.finish(&connection)?;
    // The stack panics when it is dropped before what was taken from it.
    std::mem::forget((connection, host));
    Ok(())
}

/// A stack with its tap.
struct Host {
    tap: Tap,
    stack: Stack,
    begin: Instant,
}

impl Host {
    /// Takes a batch of frames, and gives those that the stack has.
    fn turn(&mut self) -> Outcome {
        for _ in 0..BATCH {
            let Some(frame) = self.tap.receive()? else { break };
            self.stack.receive(frame);
        }
        self.flush()
    }

    /// Gives the frames that the stack has.
    fn flush(&mut self) -> Outcome {
        self.stack.poll().into_iter().try_for_each(|frame| self.tap.send(&frame.data))
    }

    /// Waits for a frame or for a timer of the stack.
    fn wait(&self) -> Outcome {
        if self.begin.elapsed() > LIMIT {
            return Err("netstack3 takes longer than a minute".into());
        }
        self.tap.wait(self.stack.until_timer())
    }

    /// The program that receives: a byte says that all have come.
    fn receive(&mut self, connection: &Connection, bytes: usize) -> Outcome {
        let (mut buffer, mut came) = (vec![0; CHUNK], 0);
        while came < bytes {
            self.turn()?;
            let count = self.stack.read(connection, &mut buffer);
            came += count;
            match count {
                0 => self.wait()?,
                _ => self.flush()?,
            }
        }
        self.stack.write(connection, b".");
        self.flush()
    }

    /// The program that sends.
    fn send(&mut self, connection: &Connection, bytes: usize) -> Outcome {
        let (buffer, mut sent) = (vec![0; CHUNK], 0);
        while sent < bytes {
            self.turn()?;
            let count = self.stack.write(connection, &buffer[..CHUNK.min(bytes - sent)]);
            sent += count;
            match count {
                0 => self.wait()?,
                _ => self.flush()?,
            }
        }
        Ok(())
    }

    /// Ends our direction, and goes on until the connection is over.
    fn finish(&mut self, connection: &Connection) -> Outcome {
        self.stack.shut_down(connection)?;
        self.flush()?;
        while !matches!(self.stack.state(connection), TcpSocketState::Close | TcpSocketState::TimeWait) {
            self.wait()?;
            self.turn()?;
        }
        Ok(())
    }
}
