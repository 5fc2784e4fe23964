//! Linux in a process: user-mode Linux, whose drivers judge formats that the kernel of the host may lack.
//!
//! A [`Machine`] gets images as disks and steps to do with them. [`Machine::run`] boots it once for all of them (a
//! boot takes a second or two), and the [`Answers`] tell how each step went. The host's files are its root, for
//! reading: the programs of the host run in it. It writes to a scratch folder and to its disks alone. A tap of the host can
//! be its network.
//!
//! Reference: the Linux kernel's documentation, "UML HowTo". Modules come from the package of the kernel.

mod listing;

use crate::image::Scratch;
use crate::program::{Finished, lacks, run_group_within, run_ok};
use crate::tree::Tree;
use crate::{Check, context};
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A library that lets a machine run on processors that are newer than it.
const REGISTERS: &str = include_str!("uml/registers.c");
const MODULES: &str = "/usr/lib/uml/modules";
const LIBRARY: &str = "registers.so";
/// Longest life of a machine. On a processor that others use as well, one took a minute.
const PATIENCE: Duration = Duration::from_secs(300);
/// The driver of disks knows no more.
const MOST_DISKS: usize = 16;

/// A Linux that is not started yet.
pub struct Machine {
    scratch: Scratch,
    modules: Vec<&'static str>,
    disks: Vec<String>,
    /// The tap that is its network, and the network namespace that this is in.
    tap: Option<(PathBuf, String)>,
    steps: usize,
}

/// An image in a machine.
#[derive(Clone, Copy, Debug)]
pub struct Disk(usize);

impl Disk {
    fn letter(self) -> char {
        char::from(b'a' + self.0 as u8)
    }
}

/// Something that a machine does.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Step(usize);

/// A file system, as Linux shows it.
#[derive(Debug)]
pub struct Shown {
    /// Everything in it, but extended attributes.
    pub tree: Tree,
    /// What `statfs` answers: length of a block, blocks, and blocks that are free.
    pub space: [u64; 3],
}

/// Whether the processor has registers (AMX) for which machines have no room.
fn has_more_registers() -> bool {
    fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains(" amx_tile"))
}

/// What a machine lacks here.
pub fn lacking() -> Option<&'static str> {
    lacks(&["linux.uml", "modprobe", "find", "sha256sum", "cc"])
}

impl Machine {
    /// A machine with these modules, and what they need.
    pub fn new(modules: &[&'static str]) -> Check<Self> {
        let scratch = Scratch::new("uml")?;
        for folder in ["lib", "mount", "machine"] {
            context(fs::create_dir(scratch.path(folder)), folder)?;
        }
        context(symlink(MODULES, scratch.path("lib/modules")), MODULES)?;
        let source = scratch.path("registers.c");
        context(fs::write(&source, REGISTERS), "registers.c")?;
        let [library, source] = [scratch.path(LIBRARY), source].map(PathBuf::into_os_string);
        run_ok("cc", &["-shared".into(), "-fPIC".into(), "-o".into(), library, source, "-ldl".into()])?;
        Ok(Self { scratch, modules: modules.to_vec(), disks: Vec::new(), tap: None, steps: 0 })
    }

    /// Gives it an image as a disk that it may write to.
    pub fn disk(&mut self, image: &Path) -> Check<Disk> {
        self.attach(image, "")
    }

    /// Gives it an image as a disk that it cannot write to.
    pub fn disc(&mut self, image: &Path) -> Check<Disk> {
        self.attach(image, "r")
    }

    /// Gives it a network, `vec0`: a tap in a network namespace, which is made if it is not there.
    pub fn plug(&mut self, namespace: impl Into<PathBuf>, tap: &str) {
        self.tap = Some((namespace.into(), tap.into()));
    }

    /// Gives it a file, in the folder in which steps without a disk run.
    pub fn give(&self, name: &str, bytes: &[u8]) -> Check {
        context(fs::write(self.path(name), bytes), name)
    }

    /// Where a file of that folder is for the host.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path(name)
    }

    fn attach(&mut self, image: &Path, flags: &str) -> Check<Disk> {
        let number = self.disks.len();
        if number == MOST_DISKS {
            return Err(format!("a machine has at most {MOST_DISKS} disks"));
        }
        let disk = Disk(number);
        self.disks.push(format!("ubd{}{flags}={}", disk.letter(), image.display()));
        Ok(disk)
    }

    /// Mounts a disk (`arguments` are those of `mount`), runs a script for `sh` in its root, and unmounts it. What the
    /// script prints is the answer.
    pub fn change(&mut self, disk: Disk, arguments: &str, script: &str) -> Check<Step> {
        let folder = self.scratch.path("mount").display().to_string();
        let mut text = format!("set -e\nmount {arguments} /dev/ubd{} {folder}\n", disk.letter());
        // The mount goes whatever the script comes to.
        let _ = write!(
            text,
            "status=0\n(set -e; cd {folder}; {script}\n) || status=$?\numount {folder}\nexit $status\n"
        );
        self.step(&text)
    }

    /// Runs a script for `sh`. What it prints is the answer.
    pub fn step(&mut self, script: &str) -> Check<Step> {
        let step = self.steps;
        self.steps += 1;
        context(fs::write(self.file(step, "sh"), script), "step").map(|()| Step(step))
    }

    /// Mounts a disk for reading and looks at all of it, for [`Answers::shown`].
    pub fn show(&mut self, disk: Disk, arguments: &str) -> Check<Step> {
        self.change(disk, &format!("-r {arguments}"), listing::SCRIPT)
    }

    fn file(&self, step: usize, what: &str) -> PathBuf {
        self.path(&format!("step-{step}.{what}"))
    }

    /// Boots, does all steps in their order, those behind one that failed as well, and ends.
    pub fn run(self) -> Check<Answers> {
        let init = self.scratch.path("init");
        context(fs::write(&init, self.init()), "init")?;
        context(fs::set_permissions(&init, fs::Permissions::from_mode(0o755)), "init")?;
        let mut command = self.program();
        command.args(["mem=256M", "rootfstype=hostfs", "rootflags=/", "ro", "con=null", "con0=null,fd:1"]);
        command.arg(format!("uml_dir={}", self.scratch.path("machine").display()));
        command.arg(format!("init={}", init.display())).args(&self.disks);
        if has_more_registers() {
            command.env("LD_PRELOAD", self.scratch.path(LIBRARY));
        }
        // Its memory is a file there.
        command.env("TMPDIR", self.scratch.path("machine"));
        let console = run_group_within(&mut command, PATIENCE)?;
        Ok(Answers { machine: self, console })
    }

    /// The program that is the machine, with its network.
    fn program(&self) -> Command {
        let Some((namespace, tap)) = &self.tap else { return Command::new("linux.uml") };
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", namespace.display())).arg("linux.uml");
        command.arg(format!("vec0:transport=tap,ifname={tap}"));
        command
    }

    /// The first process. With the end of the last step the machine goes off.
    fn init(&self) -> String {
        let folder = self.scratch.path("").display().to_string();
        let folder = folder.trim_end_matches('/');
        let mut text = format!(
            "#!/bin/sh
            export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TZ=UTC
            umask 022
            mount -t proc proc /proc
            mount -t sysfs sysfs /sys
            mount -t hostfs -o {folder} hostfs {folder}
            cd {folder}\n"
        );
        for module in &self.modules {
            let _ = writeln!(text, "modprobe -d {folder} {module}");
        }
        for step in 0..self.steps {
            let _ = writeln!(text, "sh step-{step}.sh >step-{step}.out 2>step-{step}.err");
            let _ = writeln!(text, "echo $? >step-{step}.status");
        }
        text.push_str("cd /\nsync\necho o >/proc/sysrq-trigger\nsleep 60\n");
        text
    }
}

/// What a machine did.
pub struct Answers {
    machine: Machine,
    console: Finished,
}

impl Answers {
    /// What a step printed. Errors: it failed, or the machine did not come to it.
    pub fn output(&self, step: Step) -> Check<Vec<u8>> {
        let read = |what: &str| fs::read(self.machine.file(step.0, what)).unwrap_or_default();
        if read("status") == b"0\n" {
            return Ok(read("out"));
        }
        let (said, status) = (read("err"), read("status"));
        let console = String::from_utf8_lossy(&self.console.stdout);
        let last: Vec<&str> = console.lines().rev().take(12).collect();
        Err(format!(
            "step {} of Linux: {} (status {}); the machine {}, its console last said {last:#?}",
            step.0,
            String::from_utf8_lossy(&said).trim(),
            String::from_utf8_lossy(&status).trim(),
            self.console.verdict(),
        ))
    }

    /// What [`Machine::show`] saw.
    pub fn shown(&self, step: Step) -> Check<Shown> {
        listing::parse(&self.output(step)?)
    }
}
