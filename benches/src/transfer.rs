//! Work over a connection, whoever made it: both ends are values that read and write.

use crate::Outcome;
use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that a program writes or reads at once.
pub const CHUNK: usize = 128 << 10;

/// Bytes from a thread that writes to this one, which reads.
pub fn stream(mut writer: impl Write + Send, mut reader: impl Read, bytes: usize) -> Outcome<Duration> {
    let begin = Instant::now();
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let content = vec![7; CHUNK];
            (0..bytes / CHUNK).try_for_each(|_| writer.write_all(&content))
        });
        let (mut buffer, mut came) = (vec![0; CHUNK], 0);
        while came < bytes {
            match reader.read(&mut buffer)? {
                0 => return Err(format!("the end after {came} bytes").into()),
                count => came += count,
            }
        }
        let took = begin.elapsed();
        writing.join().map_err(|_| "the writer panicked")??;
        Ok(took)
    })
}

/// A byte to a thread that sends it back, so often; mean of one. `client` is closed at the end, which ends the thread.
pub fn round_trips(
    mut client: impl Read + Write,
    mut server: impl Read + Write + Send,
    count: u32,
) -> Outcome<Duration> {
    thread::scope(|scope| {
        let echo = scope.spawn(move || {
            let mut byte = [0];
            while server.read(&mut byte).is_ok_and(|count| count == 1) && server.write_all(&byte).is_ok() {}
        });
        let begin = Instant::now();
        let mut byte = [0];
        for _ in 0..count {
            client.write_all(&byte)?;
            client.read_exact(&mut byte)?;
        }
        let took = begin.elapsed();
        drop(client);
        echo.join().map_err(|_| "the echo panicked")?;
        Ok(took / count)
    })
}
