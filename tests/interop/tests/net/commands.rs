//! Our command at links that need a program or a privilege of Linux's: what a user types, to its end.

use crate::joined::Passt;
use crate::namespace::Namespace;
use crate::site::content;
use interop::image::Scratch;
use interop::rump::{binary, run};
use interop::{Check, context};
use std::net::TcpStream;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
const PAGE: usize = 3 << 20;
/// Where a server in the namespace is.
const SERVER: &str = "198.51.100.1:8000";

/// What a command printed that has to succeed.
fn rump(words: &[&str]) -> Check<String> {
    let finished = run(words, PATIENCE)?;
    let printed = String::from_utf8_lossy(&finished.stdout).into_owned();
    match finished.status {
        Some(0) => Ok(printed),
        _ => Err(format!("rump {}: {}\n{printed}", words.join(" "), finished.verdict())),
    }
}

/// `ping` beside Linux at an interface of Linux's own.
pub fn ping_by_packet() -> Check {
    let linux = crate::packet::site()?;
    let program = binary()?.display().to_string();
    let ping = |to: &str| {
        let link = ["net", "ping", "-c", "3", "-i", "0.2", "--if", "packet:ours"];
        let own = ["--address", "192.0.2.2/24", "--address", "2001:db8::2/64", to];
        linux.run(&program, &[&link[..], &own].concat())
    };
    for to in ["192.0.2.1", "2001:db8::1"] {
        let finished = ping(to)?;
        let printed = String::from_utf8_lossy(&finished.stdout).into_owned();
        if finished.status != Some(0) || !printed.contains("3 received") {
            return Err(format!("{to}: {}\n{printed}", finished.verdict()));
        }
    }
    let finished = ping("192.0.2.9")?;
    if finished.status != Some(1) {
        return Err(format!("where nobody is: {}", finished.verdict()));
    }
    Ok(())
}

/// A server of HTTP in the namespace.
struct Server(Child);

impl Server {
    fn new(linux: &Namespace, folder: &str) -> Check<Self> {
        let (address, port) = SERVER.split_once(':').ok_or("an address without a port")?;
        let words = ["-m", "http.server", "--bind", address, "--directory", folder, port];
        let server = linux.spawn("python3", &words).map(Self)?;
        let begin = Instant::now();
        while linux.enter(|| context(TcpStream::connect(SERVER), "the server")).is_err() {
            if begin.elapsed() > PATIENCE {
                return Err("Python does not serve".into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A lease of passt's own server of DHCP, and with it the way to a server beyond.
pub fn lease_of_passt() -> Check {
    let scratch = Scratch::new("net-lease")?;
    let passt = Passt::new(&scratch)?;
    context(std::fs::write(scratch.path("page"), content(9, PAGE)), "a page")?;
    let _server = Server::new(&passt.linux, &scratch.path("").display().to_string())?;
    let link = format!("stream:unix:{}", passt.path.display());
    let printed = rump(&["net", "dhcp", "--if", &link, "--once"])?;
    // Its address, the length of its network, the router: what passt was told to give.
    for expected in ["10.9.0.2", "/24", "10.9.0.1"] {
        if !printed.contains(expected) {
            return Err(format!("{expected} is not in the lease:\n{printed}"));
        }
    }
    let came = scratch.path("came");
    let (file, url) = (came.display().to_string(), format!("http://{SERVER}/page"));
    rump(&["net", "wget", "--if", &link, "--dhcp", "-O", &file, &url])?;
    match std::fs::read(&came).is_ok_and(|bytes| bytes == content(9, PAGE)) {
        true => Ok(()),
        false => Err("other bytes came".into()),
    }
}
