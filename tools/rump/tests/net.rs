//! `rump net` over a bus in a file: each command is a process with a kernel of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder for buses and files, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rump-net-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().into()
    }

    /// `rump net`; `words` follow the link.
    fn command(&self, format: &str, subcommand: &str, words: &[&str]) -> Command {
        let link = format!("{format}:{}", self.path("bus"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_rump"));
        command.args(["net", subcommand, "--if", &link]).args(words);
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A command that is ended when dropped.
struct Running(Child);

impl Running {
    /// Starts it, and waits for a line with `text` on standard error.
    fn start(command: &mut Command, text: &str) -> (Self, BufReader<ChildStderr>) {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it ended without {text:?}");
        }
        (Self(child), stderr)
    }

    fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// What it wrote, and how it ended.
    fn finish(mut self) -> (Vec<u8>, Option<i32>) {
        let mut stdout = self.0.stdout.take().unwrap();
        let reading = std::thread::spawn(move || {
            let mut output = Vec::new();
            stdout.read_to_end(&mut output).unwrap();
            output
        });
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return (reading.join().unwrap(), status.code());
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const SERVER: &[&str] = &["--address", "10.0.0.1/24", "-v", "-l"];
const CLIENT: &[&str] = &["--address", "10.0.0.2/24"];

/// `CLIENT` and more.
fn client<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [CLIENT, words].concat()
}

#[test]
fn ping_is_answered_by_another_process() {
    for format in ["shmif", "lanes"] {
        let folder = Folder::new(&format!("ping-{format}"));
        let (_server, _stderr) = Running::start(folder.command(format, "nc", SERVER).arg("7"), "listening");
        let words = client(&["-c", "3", "-i", "0.01", "10.0.0.1"]);
        let output = folder.command(format, "ping", &words).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        assert!(
            text(&output).contains("64 bytes from 10.0.0.1: icmp_seq=3 ttl=64 time="),
            "{}",
            text(&output)
        );
        assert!(text(&output).contains("3 packets transmitted, 3 received, 0% packet loss"));
        let words = client(&["-c", "2", "-i", "0.01", "-W", "0.2", "-q", "--json", "10.0.0.9"]);
        let output = folder.command(format, "ping", &words).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).starts_with("{") && text(&output).lines().count() == 1, "{}", text(&output));
    }
}

#[test]
fn a_signal_ends_ping_with_its_summary() {
    let folder = Folder::new("interrupted");
    let mut command = folder.command("shmif", "ping", &client(&["10.0.0.9"]));
    let mut ping = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut first = [0; 4];
    ping.0.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    ping.interrupt();
    let (output, status) = ping.finish();
    let output = String::from_utf8_lossy(&output).into_owned();
    assert!(output.contains("received") && output.contains("100% packet loss"), "{output}");
    assert_eq!(status, Some(1));
}

#[test]
fn errors_are_told_and_have_their_status() {
    let folder = Folder::new("errors");
    let words = client(&["-c", "1", "192.0.2.1"]);
    let output =
        folder.command("shmif", "ping", &client(&["-c", "1", "-W", "0", "192.0.2.1"])).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "no route: {}", text(&output));
    assert!(text(&output).contains("network is unreachable"), "{}", text(&output));
    let output = folder.command("nothing", "ping", &words).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("is no link"), "{}", text(&output));
    std::fs::write(folder.path("bus"), vec![1; 1 << 20]).unwrap();
    for subcommand in ["ping", "dump"] {
        let words: &[&str] = if subcommand == "ping" { &words } else { &[] };
        let output = folder.command("shmif", subcommand, words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains("not a bus"), "{}", text(&output));
    }
    let refused = Folder::new("refused");
    let (_server, _stderr) = Running::start(refused.command("shmif", "nc", SERVER).arg("7"), "listening");
    let output =
        refused.command("shmif", "nc", &client(&["10.0.0.1", "8"])).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("10.0.0.1 8 (tcp): connection refused"), "{}", text(&output));
    let output = refused.command("shmif", "nc", &client(&["-z", "10.0.0.1", "6-8"])).output().unwrap();
    assert_eq!((output.status.code(), text(&output).lines().count()), (Some(0), 1), "{}", text(&output));
}

#[test]
fn nc_carries_files_both_ways() {
    let folder = Folder::new("nc");
    let content = |seed: usize| -> Vec<u8> {
        (0..1_500_000).map(|at: usize| (at.wrapping_mul(2 * seed + 3) >> 4) as u8).collect()
    };
    let words = [SERVER, &["-N", "-p", "80"]].concat();
    let (mut server, _stderr) = Running::start(&mut folder.command("shmif", "nc", &words), "listening");
    let mut input = server.0.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || input.write_all(&content(1)).unwrap());
    let serving = std::thread::spawn(move || server.finish());
    let file = folder.path("request");
    std::fs::write(&file, content(2)).unwrap();
    let mut command = folder.command("shmif", "nc", &client(&["-N", "10.0.0.1", "80"]));
    let output = command.stdin(std::fs::File::open(&file).unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout == content(1), "{} bytes", output.stdout.len());
    feeding.join().unwrap();
    let (received, status) = serving.join().unwrap();
    assert_eq!(status, Some(0));
    assert!(received == content(2), "{} bytes", received.len());
}

#[test]
fn a_switch_that_a_file_describes_joins_two_buses() {
    let (left, right) = (Folder::new("switch-left"), Folder::new("switch-right"));
    let file = left.path("switch.toml");
    let buses = [left.path("bus"), right.path("bus")];
    let config = format!(
        "[[interface]]\nname = 'bridge7'
         [interface.bridge]\nmembers = ['eth0', 'eth1']\npriority = 4096\nstatic = {{ '02:00:00:00:00:07' = 'eth1' }}
         [[interface]]\nname = 'eth0'\nlink = 'shmif:{}'\nup = false
         [[interface]]\nname = 'eth1'\nlink = 'shmif:{}'\nup = false",
        buses[0], buses[1]
    );
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rump"));
    command.args(["net", "bridge", "--config", &file, "-v", "--ageing", "77"]);
    let mut switch = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(switch.0.stdout.take().unwrap());
    let mut began = String::new();
    while !(began.contains("eth0 forwarding\n") && began.contains("eth1 forwarding\n")) {
        assert_ne!(lines.read_line(&mut began).unwrap(), 0, "it ended: {began}");
    }
    let (_server, _stderr) = Running::start(left.command("shmif", "nc", SERVER).arg("7"), "listening");
    let words = client(&["-c", "3", "-i", "0.01", "10.0.0.1"]);
    let output = right.command("shmif", "ping", &words).output().unwrap();
    assert!(text(&output).contains("3 packets transmitted, 3 received"), "{}", text(&output));
    switch.interrupt();
    let mut shown = String::new();
    lines.read_to_string(&mut shown).unwrap();
    assert!(shown.starts_with("bridge7: stp off priority 4096 "), "{shown}");
    for part in [" ageing 77s ", "\n  eth1 port 2 ", "\n  02:00:00:00:00:07 eth1 static\n", " eth0 0 s\n"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("frames: 0 forwarded"), "{shown}");
    assert!(switch.0.wait().unwrap().success());
}

#[test]
fn a_signal_ends_nc() {
    let folder = Folder::new("stopped");
    let (server, _stderr) = Running::start(folder.command("shmif", "nc", SERVER).arg("80"), "listening");
    server.interrupt();
    assert_eq!(server.finish(), (vec![], Some(130)));
}

#[test]
fn dump_sees_what_others_say() {
    let folder = Folder::new("dump");
    let (_server, _stderr) = Running::start(folder.command("shmif", "nc", SERVER).arg("7"), "listening");
    let mut dump = folder.command("shmif", "dump", &["-c", "12"]);
    let dump = Running(dump.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    // Until it has begun, nothing is seen; then twelve packets end it.
    let mut ping = folder.command("shmif", "ping", &client(&["-i", "0.01", "10.0.0.1"]));
    let _ping = Running(ping.stdout(Stdio::null()).spawn().unwrap());
    let (output, status) = dump.finish();
    assert_eq!(status, Some(0));
    let output = String::from_utf8(output).unwrap();
    assert_eq!(output.lines().count(), 12, "{output}");
    assert!(output.contains("IP 10.0.0.1 > 10.0.0.2: ICMP echo reply, id "), "{output}");
}

#[test]
fn dump_reads_what_it_wrote() {
    let folder = Folder::new("read");
    let file = folder.path("trace.pcapng");
    let server = ["--address", "fd00::1/64", "-v", "-6", "-l", "7"];
    let (_server, _stderr) = Running::start(&mut folder.command("shmif", "nc", &server), "listening");
    let dump = folder.command("shmif", "dump", &["-c", "12", "-w", &file]).stdout(Stdio::piped()).spawn();
    let dump = Running(dump.unwrap());
    let words = ["--address", "fd00::2/64", "-6", "-i", "0.01", "fd00::1"];
    let _ping = Running(folder.command("shmif", "ping", &words).stdout(Stdio::null()).spawn().unwrap());
    assert_eq!(dump.finish().1, Some(0));
    let read = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rump"));
        command.args(["net", "dump", "-r", &file]).args(words).output().unwrap()
    };
    let output = read(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    assert!(lines.lines().count() == 12 && lines.contains("IP6 "), "{lines}");
    let again = folder.path("again.pcap");
    assert_eq!(read(&["-c", "5", "-w", &again]).status.code(), Some(0));
    assert_eq!(std::fs::read(&again).unwrap()[..4], 0xa1b2_3c4d_u32.to_le_bytes());
    std::fs::write(&file, b"no trace").unwrap();
    let output = read(&[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let expected = format!("{file}: capture, before byte 4: neither pcap nor pcapng begins so");
    assert!(text(&output).contains(&expected), "{}", text(&output));
}

#[test]
fn wireshark_reads_what_dump_writes() {
    if Command::new("tshark").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        eprintln!("skipped: there is no tshark");
        return;
    }
    let folder = Folder::new("pcap");
    let file = folder.path("trace.pcap");
    let dump =
        Running(folder.command("shmif", "dump", &["-w", &file]).stdout(Stdio::piped()).spawn().unwrap());
    // The header is written once it listens or shortly before.
    let end = Instant::now() + Duration::from_secs(20);
    while std::fs::metadata(&file).map_or(0, |file| file.len()) < 24 {
        assert!(Instant::now() < end, "it does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    let (mut server, _stderr) =
        Running::start(folder.command("shmif", "nc", SERVER).arg("9999"), "listening");
    drop(server.0.stdin.take());
    let mut command = folder.command("shmif", "nc", &client(&["-N", "-w", "10", "10.0.0.1", "9999"]));
    let mut nc = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    nc.0.stdin.take().unwrap().write_all(&[b'x'; 100_000]).unwrap();
    assert_eq!(server.finish().0.len(), 100_000);
    assert_eq!(nc.finish().1, Some(0));
    dump.interrupt();
    assert_eq!(dump.finish().1, Some(0));
    let tshark = |words: &[&str]| {
        let mut tshark = Command::new("tshark");
        tshark.args(["-n", "-r", &file, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]);
        let output = tshark.args(words).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let bad = "_ws.malformed || tcp.checksum.status == \"Bad\" || ip.checksum.status == \"Bad\"";
    assert_eq!(tshark(&["-Y", bad]), "");
    let lengths = tshark(&[
        "-Y",
        "tcp.dstport == 9999",
        "-T",
        "fields",
        "-e",
        "tcp.len",
        "-e",
        "tcp.analysis.retransmission",
    ]);
    let carried: usize = lengths
        .lines()
        .filter(|line| !line.trim_end().contains('\t'))
        .map(|line| line.trim().parse::<usize>().unwrap())
        .sum();
    assert_eq!(carried, 100_000, "{lengths}");
}

/// `rump net`, with any link.
fn rump(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rump"));
    command.arg("net").args(words);
    command
}

#[test]
fn two_commands_are_joined_by_a_stream() {
    let folder = Folder::new("stream");
    let place = format!("unix:{}", folder.path("wire"));
    let (listening, connecting) = (format!("stream:listen:{place}"), format!("stream:{place}"));
    let server = ["nc", "--if", &listening, "--address", "10.0.0.1/24", "-v", "-l", "7"];
    let (server, _stderr) = Running::start(&mut rump(&server), "listening");
    let captured = folder.path("ping.pcapng");
    let words = ["ping", "--if", &connecting, "--address", "10.0.0.2/24", "--capture", &captured];
    let output = rump(&[&words[..], &["-c", "3", "-i", "0.01", "10.0.0.1"]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("3 packets transmitted, 3 received, 0% packet loss"), "{}", text(&output));
    drop(server);
    let output = rump(&words).arg("10.0.0.1").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains(&format!("if0: stream {place}: ")), "{}", text(&output));
}

#[test]
fn what_passes_is_captured_and_comes_again() {
    let folder = Folder::new("capture");
    let (captured, again) = (folder.path("all.pcapng"), folder.path("again.pcapng"));
    let link = format!("shmif:{}", folder.path("bus"));
    let other = format!("shmif:{}", folder.path("other"));
    let server = ["--if", &other, "--address", "10.1.0.1/24", "--if", &link, "--address", "10.0.0.1/24"];
    let server = [&["nc"], &server[..], &["--capture", &captured, "-v", "-u", "-l", "9"]].concat();
    let (mut server, _stderr) = Running::start(&mut rump(&server), "listening");
    let client = ["nc", "--if", &link, "--address", "10.0.0.2/24", "-N", "-u", "10.0.0.1", "9"];
    let mut client = Running(rump(&client).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    client.0.stdin.take().unwrap().write_all(b"once more").unwrap();
    let mut first = [0; 9];
    server.0.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert_eq!((&first, client.finish().1), (b"once more", Some(0)));
    server.interrupt();
    assert_eq!(server.finish().1, Some(130));
    let dump = |words: &[&str]| {
        let output = rump(&[&["dump"], words].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let lines = dump(&["-r", &captured]);
    let datagram = "IP 10.0.0.2:";
    assert!(lines.contains(datagram) && lines.contains("ARP, Request who-has 10.0.0.1"), "{lines}");
    if let Ok(output) = Command::new("tshark")
        .args(["-n", "-T", "fields", "-e", "frame.interface_name"])
        .arg("-r")
        .arg(&captured)
        .output()
    {
        let names = String::from_utf8(output.stdout).unwrap();
        assert!(
            names.lines().any(|name| name == "if0") && names.lines().any(|name| name == "if1"),
            "{names}"
        );
    } else {
        eprintln!("skipped: there is no tshark");
    }
    // The same from the file, first for all to see, then for a program of a kernel that has the address and hardware.
    let link = format!("pcap:{captured}");
    let mut dumping = Running(rump(&["dump", "--if", &link]).stdout(Stdio::piped()).spawn().unwrap());
    let mut seen = BufReader::new(dumping.0.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(datagram) {
        line.clear();
        assert_ne!(seen.read_line(&mut line).unwrap(), 0, "no datagram came");
    }
    drop(dumping);
    let record = dump(&["-r", &captured, "--json"]);
    let record = record.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut to =
        record.filter(|record| record["protocol"] == "UDP").map(|record| record["ether_destination"].clone());
    let to = to.next_back().unwrap();
    let config = folder.path("net.toml");
    let toml = format!(
        "[[interface]]\nname = 'eth0'\nlink = '{link},address={},output={again}'\naddresses = ['10.0.0.1/24']\n",
        to.as_str().unwrap()
    );
    std::fs::write(&config, toml).unwrap();
    let (mut server, _stderr) =
        Running::start(&mut rump(&["nc", "--config", &config, "-v", "-u", "-l", "9"]), "listening");
    let mut second = [0; 9];
    server.0.stdout.as_mut().unwrap().read_exact(&mut second).unwrap();
    assert_eq!(&second, b"once more");
    server.interrupt();
    server.finish();
    // What it asked or answered is in the other file.
    assert!(dump(&["-r", &again]).contains("ARP"), "{}", dump(&["-r", &again]));
}

#[test]
fn a_network_is_what_its_file_says() {
    let folder = Folder::new("config");
    let file = folder.path("net.toml");
    let rump =
        |words: &[&str]| Command::new(env!("CARGO_BIN_EXE_rump")).arg("net").args(words).output().unwrap();
    let bus = folder.path("bus");
    let text = format!(
        "[[interface]]\nname = 'eth0'\nlink = 'shmif:{bus}'\naddresses = ['10.0.0.2/24']\nmtu = 1400
         [[route]]\ndestination = 'default'\ngateway = '10.0.0.1'\nmetric = 7\n"
    );
    std::fs::write(&file, &text).unwrap();
    let shown = rump(&["ifconfig", "--config", &file]);
    let lines = String::from_utf8(shown.stdout).unwrap();
    assert!(lines.contains("eth0: flags=0x8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1400"), "{lines}");
    assert!(lines.contains("\tinet 10.0.0.2/24 broadcast 10.0.0.255\n"), "{lines}");
    let shown = rump(&["route", "--config", &file]);
    let lines = String::from_utf8(shown.stdout).unwrap();
    let words = |line: &str| line.split_whitespace().map(str::to_string).collect::<Vec<_>>();
    let all: Vec<Vec<String>> = lines.lines().map(words).collect();
    assert!(all.contains(&words("default 10.0.0.1 UG 7 eth0")), "{lines}");
    assert!(all.contains(&words("10.0.0.0/24 link#2 U 0 eth0")), "{lines}");
    let records = rump(&["route", "--config", &file, "--json"]);
    for line in String::from_utf8(records.stdout).unwrap().lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap()["flags"].is_string(), "{line}");
    }
    // What is wrong is named, by every command.
    std::fs::write(&file, text.replace("mtu", "mut")).unwrap();
    let commands: [&[&str]; 6] =
        [&["ifconfig"], &["route"], &["dhcp"], &["dump"], &["ping", "10.0.0.1"], &["nc", "10.0.0.1", "1"]];
    for words in commands {
        let failed = rump(&[words, &["--config", &file]].concat());
        let error = String::from_utf8(failed.stderr).unwrap();
        assert_eq!(failed.status.code(), Some(2), "{words:?} {error}");
        assert!(error.contains(&format!("{file}:5: mut: unknown field `mut`")), "{error}");
    }
}

#[test]
fn without_a_server_there_is_no_lease() {
    let folder = Folder::new("dhcp");
    let output = folder.command("shmif", "dhcp", &["-t", "0.5", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((line["type"].as_str(), line["kind"].as_str()), (Some("sent"), Some("DHCPDISCOVER")));
    assert!(
        String::from_utf8(output.stderr).unwrap().contains("if0: no server of DHCP gave an address in 0.5 s")
    );
}
