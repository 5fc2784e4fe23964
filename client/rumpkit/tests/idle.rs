//! What nobody uses takes no time of a processor. It is the only test of its program, so that every thread is its own.
#![cfg(target_os = "linux")]

mod wired;

use rumpkit::net::wire::Wire;
use rumpkit::net::{Offloads, TcpListener, TcpStream, UdpSocket};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};
use wired::on_wire;

/// How often each thread but this one gave a processor up, or was made to, so far.
fn switches() -> BTreeMap<String, u64> {
    let own = fs::read_link("/proc/thread-self").unwrap();
    let threads = fs::read_dir("/proc/self/task").unwrap().map(|entry| entry.unwrap().file_name());
    let others = threads.filter(|number| Some(number.as_os_str()) != own.file_name());
    others
        .map(|number| {
            let number = number.into_string().unwrap();
            let status = fs::read_to_string(format!("/proc/self/task/{number}/status")).unwrap();
            let counts = status.lines().filter(|line| line.contains("ctxt_switches:"));
            let total = counts.map(|line| line.rsplit('\t').next().unwrap().parse::<u64>().unwrap()).sum();
            (number, total)
        })
        .collect()
}

#[test]
fn kernels_at_rest_run_no_thread() {
    let wire = Wire::numbered(1, 1500, Offloads::empty());
    let [left, right] = ["10.0.0.1/24", "10.0.0.2/24"].map(|address| on_wire(&wire, address));
    let place: SocketAddr = "10.0.0.2:80".parse().unwrap();
    let listener = TcpListener::bind(&right.process(), place).unwrap();
    let mut client = TcpStream::connect(&left.process(), place).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"hello").unwrap();
    server.read_exact(&mut [0; 5]).unwrap();
    let sleeper = UdpSocket::bind(&left.process(), "0.0.0.0:7").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(server.read(&mut [0; 5]).unwrap(), 2));
        scope.spawn(|| assert_eq!(sleeper.recv_from(&mut [0; 5]).unwrap().0, 2));
        // What they have to say of themselves at first takes some seconds.
        let (end, rest) = (Instant::now() + Duration::from_secs(60), Duration::from_secs(3));
        let mut before = switches();
        assert!(before.len() > 3, "the harness, two sleepers and the threads of the kernels");
        loop {
            thread::sleep(rest);
            let now = switches();
            if now == before {
                break;
            }
            assert!(Instant::now() < end, "{before:?} became {now:?} in {rest:?}");
            before = now;
        }
        client.write_all(b"up").unwrap();
        let waker = UdpSocket::bind(&right.process(), "0.0.0.0:0").unwrap();
        waker.send_to(b"up", "10.0.0.1:7").unwrap();
    });
}
