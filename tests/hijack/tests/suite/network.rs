//! Programs with sockets: one side's are the kernel's, which reach the host's network by its sockets (`--net sockin`),
//! the other's are the host's. With a network of its own, a program talks to itself.

use crate::rig::{Carrier, PATIENCE, compiled, equal, hijacked};
use crate::server::Server as Kernel;
use interop::image::Scratch;
use interop::program::{Finished, lacks, run_group_within};
use interop::suite::Suite;
use interop::{Check, context};
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Which of the two has the kernel behind it.
#[derive(Clone, Copy)]
enum Side {
    Server,
    Client,
    Both,
}

/// `{port}` stands for a port, `{dir}` for a folder with a file `page`, and what a server needs.
struct Row {
    name: &'static str,
    side: Side,
    server: &'static [&'static str],
    client: &'static [&'static str],
    /// What the client prints has this in it.
    answer: &'static str,
}

const HTTP: &[&str] =
    &["/usr/bin/python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", "{dir}", "{port}"];
const REDIS: &[&str] =
    &["redis-server", "--port", "{port}", "--bind", "127.0.0.1", "--save", "", "--dir", "{dir}"];
const NGINX: &[&str] = &["nginx", "-p", "{dir}", "-c", "{dir}/nginx.conf"];
const IPERF: &[&str] = &["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", "{port}"];
const ECHO: &[&str] = &["socat", "TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr", "PIPE"];
const DNS: &[&str] =
    &["dnsmasq", "-d", "-p", "{port}", "-a", "127.0.0.1", "-z", "-R", "-h", "--address=/name.test/192.0.2.7"];
const ASYNCIO: &[&str] = &["/usr/bin/python3", "-u", "{dir}/server.py", "{port}"];
const CURL: &[&str] = &["curl", "-sS", "--max-time", "30", "http://127.0.0.1:{port}/page"];
const PAGE: &str = "a page of the test";

const fn row(
    name: &'static str,
    side: Side,
    server: &'static [&'static str],
    client: &'static [&'static str],
    answer: &'static str,
) -> Row {
    Row { name, side, server, client, answer }
}

use Side::{Both, Client, Server};

const ROWS: &[Row] = &[
    row("curl", Client, HTTP, CURL, PAGE),
    row("wget", Client, HTTP, &["wget", "-q", "-O", "-", "http://127.0.0.1:{port}/page"], PAGE),
    row(
        "python_urllib",
        Client,
        HTTP,
        &[
            "/usr/bin/python3",
            "-c",
            "import urllib.request as r\nprint(r.urlopen('http://127.0.0.1:{port}/page').read())",
        ],
        PAGE,
    ),
    row("python_http_server", Server, HTTP, CURL, PAGE),
    row("http_both", Both, HTTP, CURL, PAGE),
    row("nginx", Server, NGINX, CURL, PAGE),
    row("asyncio_server", Server, ASYNCIO, &["/usr/bin/python3", "{dir}/client.py", "{port}"], "500 echoes"),
    row("asyncio_client", Client, ASYNCIO, &["/usr/bin/python3", "{dir}/client.py", "{port}"], "500 echoes"),
    row(
        "redis_server",
        Server,
        REDIS,
        &["redis-benchmark", "-p", "{port}", "-n", "2000", "-c", "20", "-t", "set,get", "-q"],
        "GET: ",
    ),
    row("redis_cli", Client, REDIS, &["redis-cli", "-p", "{port}", "incrby", "counter", "7"], "7"),
    row(
        "redis_benchmark",
        Client,
        REDIS,
        &["redis-benchmark", "-p", "{port}", "-n", "2000", "-c", "20", "-t", "set,get", "-q"],
        "GET: ",
    ),
    row(
        "iperf3_server",
        Server,
        IPERF,
        &["iperf3", "-c", "127.0.0.1", "-p", "{port}", "-n", "20M"],
        "receiver",
    ),
    row(
        "iperf3_client",
        Client,
        IPERF,
        &["iperf3", "-c", "127.0.0.1", "-p", "{port}", "-n", "20M"],
        "receiver",
    ),
    row(
        "socat_server",
        Server,
        ECHO,
        &["dash", "-c", "echo to and fro | socat -t 5 - TCP:127.0.0.1:{port}"],
        "to and fro",
    ),
    row(
        "socat_client",
        Client,
        ECHO,
        &["socat", "-t", "5", "OPEN:{dir}/page,rdonly!!STDOUT", "TCP:127.0.0.1:{port}"],
        PAGE,
    ),
    row(
        "dig",
        Client,
        DNS,
        &["dig", "+short", "+tries=2", "-p", "{port}", "@127.0.0.1", "name.test"],
        "192.0.2.7",
    ),
    row(
        "dig_by_tcp",
        Client,
        DNS,
        &["dig", "+tcp", "+short", "-p", "{port}", "@127.0.0.1", "name.test"],
        "192.0.2.7",
    ),
];

/// Programs that need a kernel that their children have as well.
const REMOTE: &[Row] = &[
    row("nginx_with_workers", Server, &["nginx", "-p", "{dir}", "-c", "{dir}/several.conf"], CURL, PAGE),
    row("ssh", Client, &["dash", "{dir}/sshd"], SSH, "over 6"),
    row("sshd", Server, &["dash", "{dir}/sshd"], SSH, "over 6"),
    row("ssh_and_sshd", Both, &["dash", "{dir}/sshd"], SSH, "over 6"),
];

const SSH: &[&str] = &[
    "ssh",
    "-F",
    "/dev/null",
    "-i",
    "{dir}/key",
    "-p",
    "{port}",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "BatchMode=yes",
    "127.0.0.1",
    "echo over $((1 + 2 + 3))",
];

/// Keys are made before the server listens.
const SSHD: &str = "set -e
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f {dir}/key
ssh-keygen -q -t ed25519 -N '' -f {dir}/host
exec /usr/sbin/sshd -D -e -f /dev/null -p {port} -h {dir}/host -o ListenAddress=127.0.0.1 -o UsePAM=no -o StrictModes=no \
    -o PermitRootLogin=yes -o PidFile=none -o AuthorizedKeysFile={dir}/key.pub
";

const SIGNALS: &str = "import signal, socket, threading
class Ended(Exception): pass
def handler(*_): raise Ended
signal.signal(signal.SIGALRM, handler)
listener = socket.create_server(('127.0.0.1', 0))
def waits(name, run):
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        run()
    except Ended:
        print(name, 'ended')
waits('accept', listener.accept)
one = socket.create_connection(listener.getsockname())
waits('recv', lambda: one.recv(1))
";

pub fn add(suite: &mut Suite) {
    for (carrier, folder) in [(Carrier::Local, "network"), (Carrier::Remote, "remote_network")] {
        for row in ROWS {
            let needed = lacks(&row.server[..1]).or_else(|| lacks(&row.client[..1]));
            suite.add(format!("{folder}::{}", row.name), needed, move || check(row, carrier));
        }
    }
    for row in REMOTE {
        let needed = lacks(&["nginx", "curl", "dash", "sshd", "ssh", "ssh-keygen"]);
        suite.add(format!("remote_network::{}", row.name), needed, move || check(row, Carrier::Remote));
    }
    suite.add("network::a_network_of_its_own", lacks(&["/usr/bin/python3"]), own_network);
    suite.add("network::two_stacks_on_a_bus", lacks(&["/usr/bin/python3", "curl"]), bus);
    suite.add("network::descriptors_of_both_kernels_mix", lacks(&["/usr/bin/python3"]), mixed);
    suite.add("remote_network::descriptors_of_both_kernels_mix", lacks(&["/usr/bin/python3"]), remote_mixed);
    suite.add("remote_network::signals_end_waiting", lacks(&["/usr/bin/python3"]), signals);
    for (carrier, folder) in [(Carrier::Local, "network"), (Carrier::Remote, "remote_network")] {
        let (sends, waits) = (include_str!("programs/signals.c"), include_str!("programs/waits.c"));
        let name = format!("{folder}::signals_end_what_sends_and_connects");
        suite.add(name, lacks(&["gcc"]), move || handled_alike(carrier, sends));
        let name = format!("{folder}::signals_end_what_waits_with_limits_and_without");
        suite.add(name, lacks(&["gcc"]), move || handled_alike(carrier, waits));
    }
}

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn check(row: &Row, carrier: Carrier) -> Check {
    let kernel = match carrier {
        Carrier::Local => None,
        Carrier::Remote => Some(Kernel::start(&["rumpnet_sockin"])?),
    };
    let scratch = Scratch::in_memory(row.name)?;
    let folder = scratch.path("served");
    context(fs::create_dir_all(folder.join("logs")), folder.display())?;
    let port = free_port()?;
    let dir = folder.display().to_string();
    let several = NGINX_CONF.replace("master_process off;", "worker_processes 2;");
    for (name, text) in [
        ("page", PAGE),
        ("nginx.conf", NGINX_CONF),
        ("several.conf", &several),
        ("server.py", SERVER),
        ("client.py", ECHOES),
        ("sshd", SSHD),
    ] {
        let text = text.replace("{port}", &port.to_string()).replace("{dir}", &dir);
        context(fs::write(folder.join(name), text), name)?;
    }
    let command = |words: &[&str], is_hijacked: bool| -> Check<Command> {
        let words: Vec<String> = words
            .iter()
            .map(|word| word.replace("{port}", &port.to_string()).replace("{dir}", &dir))
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match (&kernel, is_hijacked) {
            (None, true) => return hijacked(&[], &words),
            (Some(kernel), true) => return kernel.command(&words),
            _ => {}
        }
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        Ok(command)
    };
    let log = context(fs::File::create(scratch.path("log")), "log")?;
    let mut server = command(row.server, matches!(row.side, Server | Both))?;
    let error = context(log.try_clone(), "log")?;
    let child = server.stdin(Stdio::null()).stdout(log).stderr(error).spawn();
    let mut server = Running(context(child, row.server[0])?);
    wait_for(port, &mut server).map_err(|what| format!("{what}\n{}", told(&scratch)))?;
    let finished = run_group_within(&mut command(row.client, matches!(row.side, Client | Both))?, PATIENCE)?;
    let text = String::from_utf8_lossy(&finished.stdout);
    if finished.status == Some(0) && text.contains(row.answer) {
        return Ok(());
    }
    Err(format!("the client: {}\n{text}\nthe server:\n{}", finished.verdict(), told(&scratch)))
}

fn told(scratch: &Scratch) -> String {
    fs::read_to_string(scratch.path("log")).unwrap_or_default()
}

fn free_port() -> Check<u16> {
    let listener = context(TcpListener::bind("127.0.0.1:0"), "a port")?;
    Ok(context(listener.local_addr(), "a port")?.port())
}

/// Waits until a server listens, as the host's own table tells: a server that takes one connection is not to lose it.
fn wait_for(port: u16, server: &mut Running) -> Check {
    let wanted = format!("0100007F:{port:04X} 00000000:0000 0A");
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if fs::read_to_string("/proc/net/tcp").is_ok_and(|table| table.contains(&wanted)) {
            return Ok(());
        }
        if let Ok(Some(status)) = server.0.try_wait() {
            return Err(format!("the server ended: {status}"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err("the server does not listen".into())
}

fn python(options: &[&str], text: &str, wanted: &str) -> Check {
    says(&mut hijacked(options, &["/usr/bin/python3", "-c", text])?, wanted)
}

fn says(command: &mut Command, wanted: &str) -> Check {
    let finished = run_group_within(command, PATIENCE)?;
    let printed = String::from_utf8_lossy(&finished.stdout);
    if finished.status == Some(0) && printed.trim() == wanted {
        return Ok(());
    }
    Err(format!("{}: {printed}", finished.verdict()))
}

/// A stack of the kernel's own, on which nobody of the host listens.
fn own_network() -> Check {
    let listener = context(TcpListener::bind("127.0.0.1:0"), "a port")?;
    let port = context(listener.local_addr(), "a port")?.port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    drop(context(TcpStream::connect(address), "the host's own")?);
    let text = OWN.replace("{port}", &port.to_string());
    python(&["--net", "none"], &text, "refused\nhello")
}

/// Two programs, each with a stack of its own, on a bus of shared memory.
fn bus() -> Check {
    let scratch = Scratch::in_memory("bus")?;
    let folder = scratch.path("served");
    context(fs::create_dir_all(&folder), folder.display())?;
    context(fs::write(folder.join("page"), PAGE), "page")?;
    let link = format!("shmif:{}", scratch.path("bus").display());
    let dir = folder.display().to_string();
    let words = ["/usr/bin/python3", "-m", "http.server", "--bind", "10.0.0.1", "--directory", &dir, "80"];
    let mut server = hijacked(&["--if", &link, "--addr", "10.0.0.1/24"], &words)?;
    let child = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _server = Running(context(child, "the server")?);
    let words = ["curl", "-sS", "--max-time", "5", "http://10.0.0.1/page"];
    let mut said = String::new();
    for _ in 0..20 {
        let mut client = hijacked(&["--if", &link, "--addr", "10.0.0.2/24"], &words)?;
        let finished = run_group_within(&mut client, PATIENCE)?;
        if finished.stdout == PAGE.as_bytes() {
            return Ok(());
        }
        // It may not listen yet.
        said = finished.verdict();
        std::thread::sleep(Duration::from_millis(500));
    }
    Err(said)
}

/// select, poll and epoll with a pipe of the host's and a socket of the kernel's.
fn mixed() -> Check {
    python(&["--net", "none"], MIXED, "select ok\npoll ok\nepoll ok\nno files")
}

fn remote_python(text: &str, wanted: &str) -> Check {
    let kernel = Kernel::start(&["rumpnet_netinet"])?;
    says(&mut kernel.command(&["/usr/bin/python3", "-c", text])?, wanted)
}

fn remote_mixed() -> Check {
    remote_python(MIXED, "select ok\npoll ok\nepoll ok\nno files")
}

/// A handler runs while a call waits, and ends the waiting by an error of its own.
fn signals() -> Check {
    remote_python(SIGNALS, "accept ended\nrecv ended")
}

/// What came of each call of a program, which makes its files in a folder, is what comes of it at the host.
fn handled_alike(carrier: Carrier, text: &str) -> Check {
    let scratch = Scratch::new("signals")?;
    let program = compiled(&scratch.path("signals"), text)?;
    let kernel = match carrier {
        Carrier::Local => None,
        Carrier::Remote => Some(Kernel::start(&["rumpnet_netinet", "rumpfs_tmpfs"])?),
    };
    let words = [program.as_str(), "/rump"];
    let mut command = match &kernel {
        None => hijacked(&["--net", "none"], &words)?,
        Some(kernel) => kernel.command(&words)?,
    };
    let host = run_group_within(Command::new(&program).arg(scratch.path("")), PATIENCE)?;
    let rump = run_group_within(&mut command, PATIENCE)?;
    let text = |finished: &Finished| String::from_utf8_lossy(&finished.stdout).into_owned();
    if (host.status, rump.status) != (Some(0), Some(0)) {
        return Err(format!("the host: {}; we: {}\n{}", host.verdict(), rump.verdict(), text(&rump)));
    }
    equal("what came of calls", &text(&host), &text(&rump))
}

const NGINX_CONF: &str = "daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr; user root;
events { worker_connections 64; }
http { access_log off; client_body_temp_path {dir}/logs; proxy_temp_path {dir}/logs; fastcgi_temp_path {dir}/logs;
uwsgi_temp_path {dir}/logs; scgi_temp_path {dir}/logs;
server { listen 127.0.0.1:{port}; location / { root {dir}; } } }
";

const SERVER: &str = "import asyncio, sys
async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
";

const ECHOES: &str = "import asyncio, sys
async def one(number):
    reader, writer = await asyncio.open_connection('127.0.0.1', int(sys.argv[1]))
    good = 0
    for n in range(25):
        line = b'%d %d %s\\n' % (number, n, b'x' * 1000)
        writer.write(line)
        await writer.drain()
        good += await reader.readline() == line
    writer.close()
    return good
async def main():
    print(sum(await asyncio.gather(*(one(number) for number in range(20)))), 'echoes')
asyncio.run(main())
";

const OWN: &str = "import socket, threading
try:
    socket.create_connection(('127.0.0.1', {port}), 10)
except ConnectionRefusedError:
    print('refused')
listener = socket.create_server(('127.0.0.1', 80))
def serve():
    peer, _ = listener.accept()
    peer.sendall(peer.recv(100))
    peer.close()
thread = threading.Thread(target=serve)
thread.start()
with socket.create_connection(('127.0.0.1', 80)) as client:
    client.sendall(b'hello')
    print(client.recv(100).decode())
thread.join()
";

const MIXED: &str = "import os, select, socket, threading, time
listener = socket.create_server(('127.0.0.1', 0))
one = socket.create_connection(listener.getsockname())
other, _ = listener.accept()
read, write = os.pipe()
def later(run):
    threading.Timer(0.2, run).start()
def by_select(timeout):
    return select.select([read, one], [], [], timeout)[0]
def by_poll(timeout):
    poll = select.poll()
    poll.register(read, select.POLLIN)
    poll.register(one, select.POLLIN)
    return [fd for fd, _ in poll.poll(timeout * 1000)]
def by_epoll(timeout):
    with select.epoll() as epoll:
        epoll.register(read, select.EPOLLIN)
        epoll.register(one, select.EPOLLIN)
        return [fd for fd, _ in epoll.poll(timeout)]
def numbers(found):
    return [fd if isinstance(fd, int) else fd.fileno() for fd in found]
for wait in (by_select, by_poll, by_epoll):
    assert wait(0.1) == []
    later(lambda: os.write(write, b'x'))
    assert numbers(wait(10)) == [read]
    os.read(read, 1)
    later(lambda: other.send(b'x'))
    assert numbers(wait(10)) == [one.fileno()]
    os.write(write, b'x')
    assert sorted(numbers(wait(10))) == sorted([read, one.fileno()])
    assert one.recv(10) == b'x' and os.read(read, 1) == b'x'
    print(wait.__name__[3:], 'ok')
try:
    select.epoll().register(open('/rump/file', 'w'), select.EPOLLOUT)
except PermissionError:
    print('no files')
";
