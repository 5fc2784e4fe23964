//! Programs with a kernel behind them, in their own process (`rump run`) and at a server: `cp` into an image beside `rump cp`,
//! and `iperf3` between two stacks on a bus beside the same stream of two programs that have their kernels as a library. The
//! median of five. See README.md.
#![forbid(unsafe_code)]

use rump_benches::Outcome;
use rump_benches::pair::{LANES, Pair, peer, place};
use rump_benches::program::{Running, is_installed, rump_command, rump_path, succeed, timed};
use rump_benches::table::{Format as Shown, Table, Target};
use rump_benches::writing::Scratch;
use rump_client::kern::{MountArgs, Unmount};
use rump_client::{Connection, RemoteProcess};
use rump_sysproxy::url::Url;
use rumpkit::Mode;
use rumpnet_shmif::Format;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes of the file, and of the stream.
const FILE: u64 = 1 << 30;
const STREAM: u64 = 2 << 30;
/// How long something is waited for that another program does.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["peer", format, path] => peer(format, path.as_ref()),
        [] => measure(Shown::Text, None),
        ["--json"] => measure(Shown::Json, None),
        [only] => measure(Shown::Text, Some(only)),
        _ => Err("there are --json, cp and iperf3".into()),
    }
}

fn measure(shown: Shown, only: Option<&str>) -> Outcome {
    let mut table = Table::new(shown);
    if only.is_none_or(|only| only == "cp") {
        copies(&mut table)?;
    }
    if only.is_none_or(|only| only == "iperf3") {
        streams(&mut table)?;
    }
    table.finish();
    Ok(())
}

/// Each into a fresh image, until it is unmounted.
fn copies(table: &mut Table) -> Outcome {
    let scratch = Scratch::prepare()?;
    let file = scratch.path("large");
    let mut large = File::create(&file)?;
    let chunk = vec![0x5a; 1 << 20];
    (0..FILE >> 20).try_for_each(|_| large.write_all(&chunk))?;
    let file = file.display().to_string();
    let inside = || timed(&mut rump_command(&scratch.fresh_ext4()?, &["cp", &file, ":/large"]));
    let local = || {
        let disk = format!("{}:/mnt", scratch.fresh_ext4()?.display());
        let words = ["run", "--disk", &disk, "--", "cp", &file, "/rump/mnt/large"];
        timed(Command::new(rump_path()).args(words))
    };
    let remote = || {
        let server = Server::start(&scratch)?;
        let mut copy = Command::new("cp");
        copy.arg(&file).arg("/rump/mnt/large").env("RUMP_SERVER", format!("unix://{}", server.socket));
        copy.env("LD_PRELOAD", rump_path().with_file_name("librumphijack.so"));
        let begin = Instant::now();
        succeed(&mut copy)?;
        server.process.unmount("/mnt", Unmount::Normal)?;
        Ok(begin.elapsed())
    };
    let title = "cp of 1 GiB into ext4, local";
    table.beside(title, Target::Speed(0.5), local, ("rump cp", inside))?;
    let title = "cp of 1 GiB into ext4, at a server";
    table.beside(title, Target::Speed(0.5), remote, ("rump cp", inside))
}

/// A server that has an image mounted.
struct Server {
    process: RemoteProcess,
    socket: String,
    _running: Running,
}

impl Server {
    fn start(scratch: &Scratch) -> Outcome<Self> {
        let drive = format!("key=/dev/disk0,hostpath={},size=host", scratch.fresh_ext4()?.display());
        let socket = scratch.path("socket").display().to_string();
        let words = ["-s", "-l", "rumpfs_ext2fs", "-l", "rumpdev_disk", "-d", &drive];
        let mut command = Command::new(rump_path().with_file_name("rump_server"));
        command.args(words).arg(format!("unix://{socket}"));
        let _running = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        let url = || Url::Unix(socket.clone().into());
        let connection = until(|| Ok(Connection::new(url(), "bench", |_| ())?))?;
        let process = RemoteProcess::new(connection.into());
        process.mkdir("/mnt", Mode::new(0o755))?;
        let args = MountArgs { source: Some(b"/dev/disk0".to_vec()), ..MountArgs::default() };
        process.mount("ext2fs", "/mnt", args)?;
        Ok(Self { process, socket, _running })
    }
}

/// Tries again until it goes well.
fn until<T>(run: impl Fn() -> Outcome<T>) -> Outcome<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match run() {
            Err(_) if Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
            done => return done,
        }
    }
}

/// On a bus of the format that is ours, by `iperf3` of the host.
fn streams(table: &mut Table) -> Outcome {
    if !is_installed("iperf3") {
        table.skip("iperf3", "it is not installed");
        return Ok(());
    }
    let pair = Pair::new(LANES, Format::Lanes)?;
    let bus = place("iperf3");
    let _ = std::fs::remove_file(&bus);
    let serving = hijacked(&bus, 1, &["iperf3", "-s"]).stdout(Stdio::null()).spawn()?;
    let _serving = Running(serving);
    until(|| iperf3(&bus, 1 << 20))?;
    let title = "iperf3 on a bus of lanes, local";
    let inside = ("two programs of rumpkit", || pair.stream(STREAM));
    let measured = table.beside(title, Target::Speed(0.7), || iperf3(&bus, STREAM), inside);
    let _ = std::fs::remove_file(&bus);
    measured
}

fn hijacked(bus: &Path, address: u8, words: &[&str]) -> Command {
    let mut command = Command::new(rump_path());
    command.args(["run", "--if", &format!("lanes:{}", bus.display())]);
    command.args(["--addr", &format!("10.0.0.{address}/24"), "--"]).args(words);
    command
}

/// What the receiver took for so many bytes.
fn iperf3(bus: &Path, bytes: u64) -> Outcome<Duration> {
    let bytes = bytes.to_string();
    let output = hijacked(bus, 2, &["iperf3", "-c", "10.0.0.1", "-n", &bytes, "-J"]).output()?;
    let told: Value = serde_json::from_slice(&output.stdout)?;
    let seconds = told["end"]["sum_received"]["seconds"].as_f64();
    Ok(Duration::from_secs_f64(seconds.ok_or_else(|| told["error"].to_string())?))
}
