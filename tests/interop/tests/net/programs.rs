//! Programs that everybody has, and what they find at a kernel of ours.

use crate::namespace::Namespace;
use crate::site::content;
use crate::station::Station;
use interop::image::Scratch;
use interop::{Check, context};
use rumpkit::tun;
use std::io::{BufRead, BufReader, Read, Write};
use std::thread;
use std::time::Duration;

const PAGE: usize = 3 << 20;

/// A namespace and a kernel, with a tap between them.
fn site(options: &tun::Options) -> Check<(Namespace, Station)> {
    let linux = Namespace::new()?;
    let io = linux.enter(|| tun::open(options).map_err(|error| error.what))?;
    linux.ip("addr add 192.0.2.1/24 dev tap0")?;
    linux.ip("addr add 2001:db8::1/64 dev tap0 nodad")?;
    linux.ip("link set tap0 up")?;
    Ok((linux, Station::new(io, &["192.0.2.2/24", "2001:db8::2/64"])?))
}

/// Answers requests of HTTP/1.1, two of them on one connection: a page, and the content that was sent.
fn serve_page(station: &Station, address: &str, connections: usize) -> Check {
    let listener = station.listen(address)?;
    for _ in 0..connections {
        let (stream, _) = context(listener.accept(), "accept")?;
        context(stream.set_read_timeout(Some(Duration::from_secs(30))), "a limit of time")?;
        let mut reader = BufReader::new(&stream);
        loop {
            let (mut length, mut line, mut first) = (0, String::new(), String::new());
            while context(reader.read_line(&mut line), "a request")? > 2 {
                if first.is_empty() {
                    first = line.clone();
                }
                if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
                    length = context(number.trim().parse(), "its length")?;
                }
                line.clear();
            }
            if first.is_empty() {
                break;
            }
            let mut body = vec![0; length];
            context(reader.read_exact(&mut body), "its content")?;
            let answer = if first.starts_with("GET /page ") { content(80, PAGE) } else { body };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
            context((&stream).write_all(&[head.as_bytes(), &answer].concat()), "an answer")?;
        }
    }
    Ok(())
}

/// Answers so many questions for an address with 203.0.113.7 (RFC 1035).
fn serve_names(station: &Station, address: &str, questions: usize) -> Check {
    let socket = station.udp(address)?;
    context(socket.set_read_timeout(Some(Duration::from_secs(30))), "a limit of time")?;
    let mut buffer = [0; 2000];
    for _ in 0..questions {
        let (count, from) = context(socket.recv_from(&mut buffer), "a question")?;
        let question = &buffer[..count];
        let name = question.get(12..).and_then(|rest| rest.iter().position(|byte| *byte == 0));
        let end = 12 + name.ok_or("a question without a name")? + 1 + 4;
        // The same number, an answer with authority; one question, one answer.
        let head = [&question[..2], &[0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0]].concat();
        let answer = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 7];
        context(socket.send_to(&[&head, &question[12..end], &answer].concat(), from), "an answer")?;
    }
    Ok(())
}

pub fn answered() -> Check {
    for options in [tun::Options::tap("tap0"), tun::Options::tap("tap0").without_offload()] {
        let (linux, station) = site(&options)?;
        let scratch = Scratch::new("net-curl")?;
        let (page, sent) = (scratch.path("page"), scratch.path("sent"));
        context(std::fs::write(&page, content(81, PAGE)), "a file")?;
        for (address, url) in
            [("192.0.2.2:80", "http://192.0.2.2"), ("[2001:db8::2]:80", "http://[2001:db8::2]")]
        {
            thread::scope(|scope| {
                let server = scope.spawn(|| serve_page(&station, address, 1));
                let (page, sent) = (page.display().to_string(), sent.display().to_string());
                let (get, post) = (format!("{url}/page"), format!("{url}/echo"));
                let came = scratch.path("came").display().to_string();
                let common = [
                    "-sS",
                    "--fail",
                    "--retry",
                    "30",
                    "--retry-connrefused",
                    "--retry-delay",
                    "1",
                    "-H",
                    "Expect:",
                ];
                let one = ["-o", &sent, "--data-binary", &format!("@{page}"), &post];
                let other = ["-o", &came, &get];
                let words = [&common[..], &one, &["--next"], &common, &other].concat();
                linux.run_ok("curl", &words)?;
                let is_same =
                    |path: &str, seed| std::fs::read(path).is_ok_and(|bytes| bytes == content(seed, PAGE));
                if !is_same(&sent, 81) || !is_same(&came, 80) {
                    return Err(format!("{url}: curl got other bytes"));
                }
                server.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })?;
        }
        for (address, server) in [("192.0.2.2:53", "@192.0.2.2"), ("[2001:db8::2]:53", "@2001:db8::2")] {
            thread::scope(|scope| {
                let names = scope.spawn(|| serve_names(&station, address, 1));
                thread::sleep(Duration::from_millis(200));
                let printed = linux.run_ok(
                    "dig",
                    &[server, "+short", "+noedns", "+tries=1", "+time=10", "host.example", "A"],
                )?;
                names.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                match printed.trim() {
                    "203.0.113.7" => Ok(()),
                    _ => Err(format!("dig {server}: {printed}")),
                }
            })?;
        }
    }
    Ok(())
}

/// Two namespaces, each with a tap to a kernel of ours, which forwards.
pub fn routed() -> Check {
    for offload in [tun::Offload::All, tun::Offload::None] {
        let options = tun::Options { offload, ..tun::Options::tap("tap0") };
        let (one, other) = (Namespace::new()?, Namespace::new()?);
        let open = |linux: &Namespace| linux.enter(|| tun::open(&options).map_err(|error| error.what));
        let station = Station::new(open(&one)?, &["192.0.2.2/24"])?;
        station.add("eth1", open(&other)?, &["198.51.100.2/24"])?;
        let domain = context(station.kernel().protocols(rumpkit::AddressFamily::Inet), "TCP/IP")?;
        let network = domain.network().ok_or("TCP/IP has no interfaces")?;
        context(network.set_setting("net.inet.ip.forwarding", 1), "forwarding")?;
        for (linux, own, beyond) in [(&one, "192.0.2", "198.51.100"), (&other, "198.51.100", "192.0.2")] {
            linux.ip(&format!("addr add {own}.1/24 dev tap0"))?;
            linux.ip("link set tap0 up")?;
            linux.ip(&format!("route add {beyond}.0/24 via {own}.2"))?;
        }
        let mut server = other.spawn("iperf3", &["-s", "-B", "198.51.100.1"])?;
        let outcome = iperf3(&one);
        let _ = server.kill();
        let _ = server.wait();
        outcome.map_err(|why| format!("{offload:?}: {why}"))?;
    }
    Ok(())
}

fn iperf3(linux: &Namespace) -> Check {
    for (words, least) in [
        (&["-n", "64M"][..], 60_000_000),
        (&["-n", "64M", "-R"], 60_000_000),
        (&["-u", "-b", "20M", "-t", "2"], 1 << 20),
    ] {
        let common = ["-c", "198.51.100.1", "-J", "--connect-timeout", "5000"];
        let words = [&common[..], words].concat();
        // The server may not listen yet, which is told in the report alone.
        let attempt = || -> Check<serde_json::Value> {
            let printed = linux.run_ok("iperf3", &words)?;
            let report: serde_json::Value = context(serde_json::from_str(&printed), "the report of iperf3")?;
            match report["error"].as_str() {
                Some(error) => Err(format!("iperf3 {}: {error}", words.join(" "))),
                None => Ok(report),
            }
        };
        let report = attempt().or_else(|_| {
            thread::sleep(Duration::from_millis(500));
            attempt()
        })?;
        let sums = ["sum_received", "sum"].map(|sum| &report["end"][sum]);
        let bytes = sums.iter().find_map(|sum| sum["bytes"].as_u64()).unwrap_or(0);
        let lost = report["end"]["sum"]["lost_percent"].as_f64().unwrap_or(0.0);
        if bytes < least || lost > 5.0 {
            return Err(format!("iperf3 {}: {bytes} bytes, {lost} % lost", words.join(" ")));
        }
    }
    Ok(())
}
