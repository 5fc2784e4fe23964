//! The command under test, and images of a tree.

use crate::server::Server;
use interop::image::{Image, Scratch};
use interop::program::{Finished, run_group_within, run_ok, run_within};
use interop::rump::project;
use interop::{Check, context};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How long one program may take.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// 2023-11-14, at a whole second: some formats have no others.
const NOW: &str = "@1700000000";
/// Where the tree is for the program under test.
pub const ROOT: &str = "/rump/mnt/tree";

/// Where the kernel is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// In the program.
    Local,
    /// At a server.
    Remote,
}

/// `rump`, with its library and the server beside it: `RUMP_BIN`, else the build for tests.
pub fn binary() -> Check<&'static Path> {
    static BINARY: OnceLock<Check<PathBuf>> = OnceLock::new();
    BINARY.get_or_init(find_binary).as_deref().map_err(Clone::clone)
}

fn find_binary() -> Check<PathBuf> {
    if let Some(given) = std::env::var_os("RUMP_BIN") {
        return Ok(given.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "-p", "rump", "-p", "rump-hijack", "-p", "rump-server"]);
    build.current_dir(project());
    let finished = run_within(&mut build, Duration::from_secs(1800))?;
    if finished.status != Some(0) {
        return Err(format!("building rump: {}", finished.verdict()));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| project().join("target"), Into::into);
    Ok(target.join("debug/rump"))
}

/// A program with a kernel behind it; `options` are those of `rump run`.
pub fn hijacked(options: &[&str], words: &[&str]) -> Check<Command> {
    let mut command = Command::new(binary()?);
    command.arg("run").args(options).arg("--").args(words);
    Ok(command)
}

/// Makes a program of C at a path.
pub fn compiled(program: &Path, text: &str) -> Check<String> {
    let source = program.with_extension("c");
    context(fs::write(&source, text), source.display())?;
    let [program, source] = [program, &source].map(|path| path.display().to_string());
    run_ok("gcc", &["-pthread", "-o", &program, &source])?;
    Ok(program)
}

/// A folder of the host and an image, with the same tree.
pub struct Twins {
    scratch: Scratch,
    image: Image,
    carrier: Carrier,
    /// Since the first program that needs it.
    server: Mutex<Option<Server>>,
}

impl Twins {
    pub fn make(name: &str, carrier: Carrier) -> Check<Self> {
        Self::make_with(name, carrier, |_| Ok(()))
    }

    /// The same with what `plant_more` adds to the tree.
    pub fn make_with(name: &str, carrier: Carrier, plant_more: impl FnOnce(&str) -> Check) -> Check<Self> {
        let scratch = Scratch::in_memory(name)?;
        let tree = scratch.path("source/tree");
        plant(&tree).map_err(|error| format!("{}: {error}", tree.display()))?;
        plant_more(&tree.display().to_string())?;
        run_ok(
            "find",
            &[
                tree.as_os_str(),
                "-exec".as_ref(),
                "touch".as_ref(),
                "-h".as_ref(),
                "-d".as_ref(),
                NOW.as_ref(),
                "{}".as_ref(),
                "+".as_ref(),
            ],
        )?;
        let image = Image::make(name, 48, &["-t", "ext4"], Some(&scratch.path("source")))?;
        Ok(Self { scratch, image, carrier, server: Mutex::default() })
    }

    /// The tree at the host.
    pub fn tree(&self) -> String {
        self.path("source/tree")
    }

    /// A place beside it.
    pub fn path(&self, name: &str) -> String {
        self.scratch.path(name).display().to_string()
    }

    fn disk(&self) -> String {
        format!("{}:/mnt", self.image.path().display())
    }

    /// Runs a program on the tree of the host.
    pub fn at_host(&self, words: &[&str]) -> Check<Finished> {
        let words = filled(words, &self.tree(), &self.path("host"));
        run_group_within(Command::new(&words[0]).args(&words[1..]), PATIENCE)
    }

    /// Runs it on the tree of the image.
    pub fn at_rump(&self, words: &[&str]) -> Check<Finished> {
        let words = filled(words, ROOT, &self.path("rump"));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = match self.carrier {
            Carrier::Local => hijacked(&["--disk", &self.disk()], &words)?,
            Carrier::Remote => self.at_server(|server| server.command(&words))?,
        };
        run_group_within(&mut command, PATIENCE)
    }

    /// Does something with the server that has the image.
    pub fn at_server<T>(&self, run: impl FnOnce(&Server) -> Check<T>) -> Check<T> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let server = match &mut *server {
            Some(server) => server,
            none => none.insert(Server::of_image(&self.image.path())?),
        };
        run(server)
    }

    /// The image is whole, and holds what the folder holds.
    pub fn compare(&self) -> Check {
        if let Some(server) = self.server.lock().unwrap_or_else(PoisonError::into_inner).take() {
            server.end()?;
        }
        let image = self.image.path();
        let judged = run_within(Command::new("e2fsck").arg("-fn").arg(&image), PATIENCE)?;
        if judged.status != Some(0) {
            return Err(format!("e2fsck: {}\n{}", judged.verdict(), String::from_utf8_lossy(&judged.stdout)));
        }
        let out = self.path("out");
        context(fs::create_dir_all(&out), &out)?;
        run_ok("debugfs", &["-R", &format!("rdump /tree {out}"), &image.display().to_string()])?;
        let copied = format!("{out}/tree");
        run_ok("diff", &["-r", "--no-dereference", &self.tree(), &copied])?;
        // What debugfs makes of links has not their owners.
        let listed = |root: &str| {
            let links = ["-type", "l", "-printf", "%P %l\n"];
            let others = ["-o", "-printf", "%P %y %m %U %G\n"];
            run_ok("find", &[&[root, "-mindepth", "1"][..], &links, &others].concat()).map(sorted)
        };
        equal("what was left behind", &listed(&self.tree())?, &listed(&copied)?)
    }
}

/// The words with what stands for the tree (`{}`) and for a file of the host beside it (`{out}`).
fn filled(words: &[&str], root: &str, out: &str) -> Vec<String> {
    words.iter().map(|word| word.replace("{out}", out).replace("{}", root)).collect()
}

pub fn sorted(text: String) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

pub fn equal(what: &str, host: &str, rump: &str) -> Check {
    if host == rump {
        return Ok(());
    }
    let first = host.lines().zip(rump.lines()).find(|(host, rump)| host != rump);
    let counts = format!("{} lines and {}", host.lines().count(), rump.lines().count());
    let (host, rump) = first.unwrap_or((host, rump));
    Err(format!("{what}: {counts}; the host has\n  {host}\nwe have\n  {rump}"))
}

fn plant(tree: &Path) -> std::io::Result<()> {
    for folder in ["etc", "home/anna/.config", "empty", "deep/a/b/c/d"] {
        fs::create_dir_all(tree.join(folder))?;
    }
    fs::write(tree.join("etc/fstab"), "/dev/sda1 / ext4 defaults 0 1\n")?;
    fs::write(
        tree.join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/bash\nanna:x:1000:1000::/home/anna:/bin/sh\n",
    )?;
    fs::write(
        tree.join("home/anna/notes.txt"),
        "the quick brown fox\njumps over the lazy dog\n".repeat(500),
    )?;
    fs::write(tree.join("home/anna/name with spaces"), "")?;
    let bytes: Vec<u8> =
        (0..300_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(tree.join("home/anna/data.bin"), bytes)?;
    fs::write(tree.join("deep/a/b/c/d/file"), "deep down\n")?;
    for number in 0..200 {
        fs::write(tree.join(format!("home/anna/.config/item{number:03}")), format!("item {number}\n"))?;
    }
    fs::hard_link(tree.join("etc/fstab"), tree.join("etc/fstab.hard"))?;
    symlink("fstab", tree.join("etc/fstab.link"))?;
    symlink("../home/anna", tree.join("etc/anna"))?;
    symlink("nowhere", tree.join("etc/broken"))
}
