//! The programs in C: each is built with `$CC`, the installed headers and the installed libraries, twice.

use crate::Outcome;
use crate::build::{absolute, results};
use crate::file;
use crate::options::Options;
use crate::run::output;
use crate::toolchain::Toolchain;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// How a program has the libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// They are loaded with it.
    Shared,
    /// They are in it.
    Static,
}

/// A program.
pub struct Program {
    /// Its name, and that of its source.
    pub name: &'static str,
    source: &'static str,
    libraries: &'static [&'static str],
    linkages: &'static [Linkage],
}

const BOTH: &[Linkage] = &[Linkage::Shared, Linkage::Static];

/// All of them.
pub const ALL: &[Program] = &[
    Program {
        name: "init",
        source: include_str!("../../proof/init.c"),
        libraries: &["rump"],
        linkages: BOTH,
    },
    Program {
        name: "fstest",
        source: include_str!("../../proof/fstest.c"),
        libraries: &["rumpfs_kernfs", "rumpvfs", "rump", "rumpuser"],
        linkages: BOTH,
    },
    Program {
        name: "fstest_img",
        source: include_str!("../../proof/fstest_img.c"),
        libraries: &["rump", "rumpfs_ext2fs", "rumpfs_msdos", "rumpfs_cd9660"],
        linkages: BOTH,
    },
    Program {
        name: "size",
        source: include_str!("../../proof/fstest_img.c"),
        libraries: &["rumpfs_ext2fs", "rump"],
        linkages: &[Linkage::Static],
    },
    Program {
        name: "host",
        source: include_str!("../../../../examples/c/host.c"),
        libraries: &["rump"],
        linkages: BOTH,
    },
    Program {
        name: "nettest",
        source: include_str!("../../proof/nettest.c"),
        libraries: &["rumpnet_shmif", "rumpnet_config", "rumpnet_netinet6", "rumpnet_netinet", "rump"],
        linkages: BOTH,
    },
    Program {
        name: "simpleclient",
        source: include_str!("../../proof/simpleclient.c"),
        libraries: &["rumpclient"],
        linkages: BOTH,
    },
    Program {
        name: "dynamic",
        source: include_str!("../../proof/dynamic.c"),
        libraries: &["rump"],
        linkages: &[Linkage::Shared],
    },
];

/// What a static program with one file system may have, in bytes.
const LARGEST_STATIC: u64 = 4 << 20;

const HEADER: &str = include_str!("../../proof/proof.h");

/// What decides whether one that is there is built again.
const USED: &[&str] = &[
    "lib/librump.so.0",
    "lib/librump.a",
    "lib/librumpclient.so.0",
    "lib/librumpclient.a",
    "include/rump/rump.h",
    "include/rump/rump_syscalls.h",
    "include/rump/rumpclient.h",
];

/// What C programs of ours are held to.
const STRICT: &[&str] = &["-std=c99", "-D_DEFAULT_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror"];

/// Where they are built, and with what.
pub struct Programs<'a> {
    pub options: &'a Options,
    toolchain: &'a Toolchain,
    /// Where they are, and what they work on.
    pub folder: PathBuf,
    installed: PathBuf,
    /// One at a time is built.
    building: Mutex<()>,
}

/// One that was built.
pub struct Run {
    path: PathBuf,
    libraries: PathBuf,
}

impl<'a> Programs<'a> {
    pub fn new(options: &'a Options, toolchain: &'a Toolchain) -> Outcome<Self> {
        let folder = absolute(&results(options, toolchain).join("proof"))?;
        file::write(&folder.join("proof.h"), HEADER)?;
        Ok(Self {
            options,
            toolchain,
            folder,
            installed: absolute(&options.destination)?,
            building: Mutex::new(()),
        })
    }

    /// Builds a program in all ways. Errors: the compiler's words.
    pub fn build(&self, name: &str) -> Outcome {
        self.each(name, |_| Ok(()))
    }

    /// Builds a program in all ways, and does something with each. Errors: which way, and what.
    pub fn each(&self, name: &str, work: impl Fn(&Run) -> Outcome) -> Outcome {
        let program = find(name)?;
        program.linkages.iter().try_for_each(|linkage| {
            let done = self.run(name, *linkage).and_then(|run| work(&run));
            done.map_err(|error| format!("{linkage:?}: {error}"))
        })
    }

    /// A program, which is built unless it is there.
    pub fn run(&self, name: &str, linkage: Linkage) -> Outcome<Run> {
        let _one = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let program = find(name)?;
        let path = self.folder.join(format!("{name}-{linkage:?}").to_lowercase());
        let libraries = self.installed.join("lib");
        let source = self.folder.join(format!("{name}.c"));
        file::write(&source, program.source)?;
        let mut compile = self.compile(program, linkage);
        compile.arg("-o").arg(&path).arg(&source);
        compile.arg("-L").arg(&libraries);
        compile.args(program.libraries.iter().map(|library| format!("-l{library}")));
        compile.args(self.options.flags("LDFLAGS"));
        let mut inputs = format!("{}{compile:?}\n", file::builder());
        for used in USED {
            inputs.push_str(&file::state(&self.installed.join(used)));
        }
        file::unless_done(&path.with_extension("made"), &inputs, || output(&mut compile).map(drop))?;
        Ok(Run { path, libraries })
    }

    /// Builds a program that is in one piece. Errors: it is larger than is promised, without what only debuggers read.
    pub fn measure(&self, name: &str) -> Outcome {
        let path = self.run(name, Linkage::Static)?.path;
        let stripped = path.with_extension("stripped");
        let mut strip = self.toolchain.utility("objcopy");
        output(strip.arg("--strip-all").arg(&path).arg(&stripped))?;
        let length = std::fs::metadata(&stripped).map_err(|error| error.to_string())?.len();
        if length < LARGEST_STATIC {
            Ok(())
        } else {
            Err(format!("{length} bytes, not below {LARGEST_STATIC}"))
        }
    }

    fn compile(&self, program: &Program, linkage: Linkage) -> Command {
        let mut compile = self.toolchain.compiler(self.options);
        compile.args(STRICT).arg("-I").arg(self.installed.join("include"));
        if linkage == Linkage::Static {
            compile.arg("-static");
        } else if program.libraries == ["rump"] {
            compile.arg("-ldl");
        }
        compile
    }
}

fn find(name: &str) -> Outcome<&'static Program> {
    ALL.iter().find(|program| program.name == name).ok_or_else(|| format!("there is no program {name}"))
}

impl Run {
    /// What it prints. Errors: how it ended, with its own words.
    pub fn output(&self, arguments: &[&str]) -> Outcome<String> {
        output(&mut self.command(arguments))
    }

    /// To run it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).env("LD_LIBRARY_PATH", &self.libraries);
        command
    }
}
