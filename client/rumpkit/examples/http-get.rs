//! A page from a server of the host, through a rump kernel whose sockets are the host's: no privilege, nothing to set up.
//!
//! ```console
//! $ cargo run -p rumpkit --example http-get                        # from a server in this program
//! $ cargo run -p rumpkit --example http-get -- 127.0.0.1:8080 /    # from another one
//! ```

use rumpkit::PosixHost;
use rumpkit::net::TcpStream;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};

const PAGE: &str = "This page came through the sockets of the host.\n";

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let server = match words.next() {
        Some(address) => address.parse()?,
        None => serve()?,
    };
    let path = words.next().unwrap_or_else(|| "/".into());

    let kernel = rumpkit::kernel_with_sockin(PosixHost::new())?;
    let mut stream = TcpStream::connect(&kernel.process(), server)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {server}\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    print!("{response}");
    Ok(())
}

/// Answers one request on the host, as any program there would.
fn serve() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{PAGE}", PAGE.len())
    });
    Ok(address)
}
