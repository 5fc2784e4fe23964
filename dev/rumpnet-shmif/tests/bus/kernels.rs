//! Kernels on a bus: of one process and of several, with TCP and pings.

use crate::rig::{
    FORMATS, Scratch, at, check_echo, connect, content, echo_once, kernel, listen, ping, receive_all,
    send_all,
};
use rumpnet_shmif::Format;
use std::process::{Child, ChildStdin, Command, Stdio};

const BYTES: usize = 8 << 20;

#[test]
fn two_kernels_of_one_process_talk_by_tcp_and_pings() {
    for format in FORMATS {
        let scratch = Scratch::new();
        let [server, client] = [1, 2].map(|number| kernel(&scratch.0, format, number));
        let process = server.process();
        let fd = listen(&process, 81);
        std::thread::scope(|scope| {
            scope.spawn(|| echo_once(&process, fd));
            check_echo(&client.process(), &at(1, 81), 1, BYTES);
        });
        for length in [0, 1, 56, 1472, 1473, 9000, 60_000] {
            assert!(ping(&client.process(), 1, length), "{format:?}: {length} bytes");
        }
    }
}

/// A process of its own with a kernel on the bus, which echoes what comes at port 7 and answers pings.
struct Peer {
    child: Child,
    _lives_as_long_as: Option<ChildStdin>,
}

impl Peer {
    fn new(path: &std::path::Path, format: Format, number: u8) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kernels::peer", "--nocapture"])
            .env("RUMP_BUS_PEER", format!("{number} {}", path.display()))
            .env("RUMP_BUS_FORMAT", if format == Format::Lanes { "lanes" } else { "compatible" })
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        Self { child, _lives_as_long_as: stdin }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process of its own does; without a word from its parent, nothing.
#[test]
fn peer() {
    let Ok(told) = std::env::var("RUMP_BUS_PEER") else { return };
    let (number, path) = told.split_once(' ').unwrap();
    let lanes = std::env::var("RUMP_BUS_FORMAT").is_ok_and(|format| format == "lanes");
    let format = if lanes { Format::Lanes } else { Format::Compatible };
    let kernel = kernel(path.as_ref(), format, number.parse().unwrap());
    let process = kernel.process();
    let fd = listen(&process, 7);
    std::thread::spawn(move || {
        loop {
            echo_once(&process, fd);
        }
    });
    // Until the parent is gone.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}

#[test]
fn two_processes_talk_by_tcp_and_pings() {
    for format in FORMATS {
        let scratch = Scratch::new();
        let client = kernel(&scratch.0, format, 2);
        let _peer = Peer::new(&scratch.0, format, 1);
        check_echo(&client.process(), &at(1, 7), 3, BYTES);
        for length in [0, 1, 56, 1472, 1473, 9000, 60_000] {
            assert!(ping(&client.process(), 1, length), "{format:?}: {length} bytes");
        }
    }
}

#[test]
fn many_kernels_are_one_hub() {
    const KERNELS: u8 = 16;
    for format in FORMATS {
        let scratch = Scratch::new();
        let kernels: Vec<_> = (1..=KERNELS).map(|number| kernel(&scratch.0, format, number)).collect();
        std::thread::scope(|scope| {
            for (index, server) in kernels.iter().enumerate() {
                let (process, client) = (server.process(), kernels[(index + 1) % kernels.len()].process());
                let fd = listen(&process, 80);
                scope.spawn(move || {
                    let (connection, _) = process.accept(fd).unwrap();
                    assert!(receive_all(&process, connection) == content(index, 300_000), "kernel {index}");
                });
                scope.spawn(move || {
                    let fd = connect(&client, &at(index as u8 + 1, 80));
                    send_all(&client, fd, &content(index, 300_000));
                    client.close(fd).unwrap();
                });
            }
        });
    }
}

#[test]
fn a_bus_without_traffic_takes_no_time() {
    let ticks = || {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    // In a process of its own: the other tests are busy.
    if std::env::var_os("RUMP_BUS_IDLE").is_none() {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kernels::a_bus_without_traffic_takes_no_time", "--nocapture"])
            .env("RUMP_BUS_IDLE", "1")
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success());
        return;
    }
    for format in FORMATS {
        let scratch = Scratch::new();
        let _kernels = [1, 2].map(|number| kernel(&scratch.0, format, number));
        std::thread::sleep(std::time::Duration::from_millis(300));
        let before = ticks();
        std::thread::sleep(std::time::Duration::from_millis(1500));
        let spent = ticks() - before;
        assert!(spent <= 3, "{format:?}: {spent} ticks of the processor");
    }
}
