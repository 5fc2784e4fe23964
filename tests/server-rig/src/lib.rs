//! A folder, servers in it, and clients of them: for tests of programs that are servers, or that talk to them.
#![forbid(unsafe_code)]

use rump_client::Connection;
use rump_client::abi::Errno;
use rump_client::abi::netbsd::numbers;
use rump_client::kpi::KResult;
use rump_client::memory::Region;
use rump_sysproxy::url::Url;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long one waits for what must come.
pub const SOON: Duration = Duration::from_secs(10);

/// Of NetBSD's open(2): reading and writing.
pub const RDWR: u64 = 2;
/// Nothing waits.
pub const NONBLOCK: u64 = 4;
/// It is made.
pub const CREAT: u64 = 0x200;

/// Waits for what comes soon.
pub fn soon(what: &str, is_so: impl FnMut() -> bool) {
    within(SOON, what, is_so);
}

/// Waits for what comes within a time.
pub fn within(time: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + time;
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub struct Said {
    /// Its exit status; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// A folder, gone with it, as are the servers that are at sockets in it.
pub struct Scratch(pub PathBuf);

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// A fresh one.
    pub fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("rump-server-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The URL of a socket in it.
    pub fn url(&self, name: &str) -> String {
        format!("unix://{}", self.path(name).display())
    }

    /// A program, in this folder.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(words).current_dir(&self.0).stdin(Stdio::null()).env_remove("RUMP_SERVER");
        command
    }

    /// Runs it to its end. What it leaves in the background may keep its output open.
    pub fn run(&self, program: impl AsRef<std::ffi::OsStr>, words: &[&str]) -> Said {
        self.finish(&mut self.command(program, words))
    }

    /// Runs a command to its end.
    pub fn finish(&self, command: &mut Command) -> Said {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let [out, err] = ["out", "err"].map(|name| self.path(&format!(".{name}{number}")));
        let mut child =
            command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap()).spawn().unwrap();
        let until = Instant::now() + SOON;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
                None => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    panic!("{command:?} does not end");
                }
            }
        };
        let [out, err] =
            [out, err].map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
        Said { code: status.code(), out, err }
    }

    /// Starts a server in the background, at the socket `sock`.
    pub fn server(&self, words: &[&str]) -> Server {
        self.server_of(program("rump_server"), "sock", words)
    }

    /// Starts one by another name of the program, at another socket.
    pub fn server_of(&self, program: &Path, socket: &str, words: &[&str]) -> Server {
        let url = self.url(socket);
        let words: Vec<&str> = words.iter().copied().chain([url.as_str()]).collect();
        let said = self.run(program, &words);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{words:?}");
        Server::at(&self.path(socket))
    }

    /// Halts the server at a URL.
    pub fn halt(&self, url: &str) -> Said {
        self.run(program("rump_halt"), &[url])
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program of `rump-server`: beside the `rump` of `RUMP_BIN`, as it was built for this test, or as it is built now.
pub fn program(name: &str) -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        if let Some(built) = std::env::var_os("RUMP_BIN") {
            return Path::new(&built).parent().unwrap().to_path_buf();
        }
        // The tests are in `deps`, and the programs beside it.
        let here = std::env::current_exe().unwrap();
        let folder = here.parent().and_then(Path::parent).unwrap();
        // A build of this package's own tests has just made them.
        if std::env::var("CARGO_PKG_NAME").as_deref() != Ok("rump-server") {
            build(folder);
        }
        folder.to_path_buf()
    });
    Box::leak(folder.join(name).into_boxed_path())
}

fn build(folder: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "rump-server"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if folder.ends_with("release") {
        build.arg("--release");
    }
    // The folder of the profile is in that of all.
    build.arg("--target-dir").arg(folder.parent().unwrap());
    let status = build.status().unwrap();
    assert!(status.success(), "building rump-server: {status}");
}

/// A server that somebody started; killed at the latest with this.
pub struct Server {
    /// Its process.
    pub pid: Pid,
    /// Where it is.
    pub url: String,
}

impl Server {
    /// The one that listens at a socket.
    pub fn at(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        let pid = rustix::net::sockopt::socket_peercred(&stream).unwrap().pid;
        Self { pid, url: format!("unix://{}", socket.display()) }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// Waits until it has ended.
    pub fn ends(&self) {
        soon("the server ends", || !is_alive(self.pid));
    }

    /// How many entries its folder of the host's /proc has.
    pub fn count(&self, folder: &str) -> usize {
        fs::read_dir(format!("/proc/{}/{folder}", self.pid.as_raw_nonzero())).unwrap().count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if is_alive(self.pid) {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }
}

/// Whether there is such a process, which is more than what nobody waited for yet.
pub fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'))
}

/// The URL that a text is.
pub fn url_of(text: &str) -> Url {
    Url::parse(text, Path::new("/")).unwrap()
}

/// A process at a server.
pub fn client(url: &str) -> Client {
    Client(Connection::new(url_of(url), "test", |_| ()).unwrap())
}

/// A process of a server's kernel.
pub struct Client(pub Connection);

impl Client {
    /// The errno, or what the call answers.
    pub fn call(&self, number: u32, args: &[u64], regions: &[Region<'_>]) -> Result<i64, Errno> {
        errno(self.0.call(number, args, regions)).map(|[first, _]| first)
    }

    /// Its number.
    pub fn pid(&self) -> Result<i64, Errno> {
        self.call(numbers::GETPID, &[], &[])
    }

    /// A call whose first argument is a path.
    pub fn on_path(&self, number: u32, path: &str, rest: &[u64]) -> Result<i64, Errno> {
        let path = [path.as_bytes(), &[0]].concat();
        let region = Region::read(&path);
        let args: Vec<u64> = [region.address()].iter().chain(rest).copied().collect();
        self.call(number, &args, &[region])
    }

    /// open(2), with mode 0644.
    pub fn open(&self, path: &str, flags: u64) -> Result<u64, Errno> {
        self.on_path(numbers::OPEN, path, &[flags, 0o644]).map(|fd| fd as u64)
    }

    /// write(2).
    pub fn write(&self, fd: u64, bytes: &[u8]) -> Result<i64, Errno> {
        let region = Region::read(bytes);
        self.call(numbers::WRITE, &[fd, region.address(), bytes.len() as u64], &[region])
    }

    /// read(2).
    pub fn read(&self, fd: u64, into: &mut [u8]) -> Result<i64, Errno> {
        let length = into.len() as u64;
        let region = Region::write(into);
        self.call(numbers::READ, &[fd, region.address(), length], &[region])
    }

    /// close(2).
    pub fn close(&self, fd: u64) {
        self.call(numbers::CLOSE, &[fd], &[]).unwrap();
    }

    /// The ends of a pipe, the one to read from first.
    pub fn pipe(&self, flags: u64) -> [u64; 2] {
        let mut ends = [0; 8];
        let region = Region::write(&mut ends);
        self.call(numbers::PIPE2, &[region.address(), flags], &[region]).unwrap();
        let end = |at: usize| u64::from(u32::from_ne_bytes(std::array::from_fn(|byte| ends[at + byte])));
        [end(0), end(4)]
    }

    /// mount(2) of what is at a device.
    pub fn mount(&self, fs_type: &str, device: &str, dir: &str) -> Result<i64, Errno> {
        let [fs_type, device, dir] = [fs_type, device, dir].map(|text| [text.as_bytes(), &[0]].concat());
        let regions = [&fs_type, &device, &dir].map(|text| Region::read(text));
        let [fs_type, device, dir] = regions.each_ref().map(Region::address);
        let data = device.to_ne_bytes();
        let data = Region::read(&data);
        let args = [fs_type, dir, 0, data.address(), 8];
        let regions: Vec<Region<'_>> = regions.into_iter().chain([data]).collect();
        self.call(numbers::__MOUNT50, &args, &regions)
    }
}

/// The number of an error.
pub fn errno<T>(result: KResult<T>) -> Result<T, Errno> {
    result.map_err(|error| error.errno)
}
