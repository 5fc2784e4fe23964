//! A program in C: how it is built, run and looked at.

use super::compiler::{Compiler, Language, run};
use super::installation::{CLIENTS, Installation};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Seconds after which a program hangs.
const PATIENCE: &str = "60";
/// The exit status that says that valgrind found something.
const FOUND: &str = "99";

/// A source in `c`.
pub struct Program {
    /// Its name.
    pub name: String,
    source: PathBuf,
    /// What it includes before its text.
    prelude: Option<PathBuf>,
}

/// What looks at a program while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Nothing but itself.
    Plain,
    /// Accesses and leaks, of the library as well.
    Valgrind,
    /// Accesses and leaks, those of C, and of memory that the library got.
    AddressSanitizer,
}

/// A way of building and running a program.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    compiler: &'static Compiler,
    language: Language,
    is_static: bool,
    check: Check,
}

impl Variant {
    /// In C, with shared libraries.
    pub fn shared(compiler: &'static Compiler) -> Self {
        Self { compiler, language: Language::C99, is_static: false, check: Check::Plain }
    }

    pub fn into_static(self) -> Self {
        Self { is_static: true, ..self }
    }

    pub fn as_cxx(self) -> Self {
        Self { language: Language::Cxx17, ..self }
    }

    pub fn under(self, check: Check) -> Self {
        Self { check, ..self }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let linkage = if self.is_static { "static" } else { "shared" };
        write!(f, "{} {:?} {linkage} {:?}", self.compiler.c, self.language, self.check)
    }
}

/// All programs of a folder, by name.
pub fn all(folder: &Path) -> Vec<Program> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let sources = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut programs: Vec<_> = sources
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .map(|source| Program { name: stem(&source), source, prelude: None })
        .collect();
    programs.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(!programs.is_empty(), "no programs in {}", folder.display());
    programs
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

impl Program {
    /// The same, as a client of a server.
    pub fn into_client(self, installation: &Installation) -> Self {
        let name = format!("{}_as_client", self.name);
        Self { name, prelude: Some(installation.programs().join("remote/as_client.h")), ..self }
    }

    /// Builds and runs it. Errors: all that compiler or program say.
    pub fn run(&self, installation: &Installation, variant: Variant) -> Result<(), String> {
        self.run_in(installation, variant, &[])
    }

    /// The same, with this besides in its environment.
    pub fn run_in(
        &self,
        installation: &Installation,
        variant: Variant,
        environment: &[(&str, &Path)],
    ) -> Result<(), String> {
        let folder = installation.work.join(format!("{} {variant}", self.name).replace(' ', "-"));
        let _ = std::fs::remove_dir_all(&folder);
        let empty = folder.join("empty");
        std::fs::create_dir_all(&empty).map_err(|error| format!("{}: {error}", empty.display()))?;
        let program = folder.join(&self.name);
        run(&mut self.compile(installation, variant, &program)?)?;
        let mut command = launch(variant.check);
        command.arg(&program).current_dir(&empty).env("LD_LIBRARY_PATH", installation.lib());
        command.envs(environment.iter().copied());
        let said = run(&mut command)?;
        // Static ones are large.
        let _ = std::fs::remove_dir_all(&folder);
        if said.contains(" checks") { Ok(()) } else { Err(format!("it checked nothing: {said}")) }
    }

    fn compile(&self, installation: &Installation, variant: Variant, to: &Path) -> Result<Command, String> {
        let mut command = variant.compiler.command(variant.language);
        command.arg("-I").arg(installation.include()).arg("-I").arg(installation.programs());
        if let Some(prelude) = &self.prelude {
            command.arg("-include").arg(prelude);
        }
        command.arg(&self.source).arg("-o").arg(to).args(["-x", "none", "-L"]).arg(installation.lib());
        if variant.is_static {
            command.arg("-static");
        }
        if variant.check == Check::AddressSanitizer {
            command.args(["-fsanitize=address", "-fno-omit-frame-pointer"]);
        }
        for library in self.libraries(installation)? {
            command.arg(format!("-l{library}"));
        }
        command.arg("-lpthread");
        Ok(command)
    }

    /// What it says that it links, or all; and what has the calls.
    fn libraries(&self, installation: &Installation) -> Result<Vec<String>, String> {
        let text = std::fs::read_to_string(&self.source).map_err(|error| error.to_string())?;
        let said = text.lines().find_map(|line| Some(line.split_once("Links:")?.1.trim_end_matches("*/")));
        let mut libraries = match said {
            _ if self.prelude.is_some() => vec![CLIENTS.to_string()],
            Some(names) => names.split_whitespace().map(str::to_string).collect(),
            None => installation.components()?,
        };
        if libraries != [CLIENTS] {
            libraries.push("rump".to_string());
        }
        Ok(libraries)
    }
}

fn launch(check: Check) -> Command {
    let mut command = Command::new("timeout");
    command.arg(PATIENCE);
    if check == Check::Valgrind {
        // A kernel stays until the end, and its hash tables are known by pointers into them: "possibly lost".
        command.args(["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite"]);
        command.args(["--errors-for-leak-kinds=definite", &format!("--error-exitcode={FOUND}")]);
        command.arg(concat!("--suppressions=", env!("CARGO_MANIFEST_DIR"), "/valgrind.supp"));
    }
    command
}
