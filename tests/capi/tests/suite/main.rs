//! Builds and installs the libraries, compiles every program of `tests/capi/c` with each compiler, as C and as C++, shared and
//! static, and runs it: as it is, under valgrind, and with AddressSanitizer.
//!
//! Headers compile alone, and declare what the library exports, no more and no less. `RUMP_CAPI_PROFILE=debug` tests the
//! debugging build. Programs of `c/remote` are clients of servers, and so are others once more. The examples are built and tried, too. A program whose text says `Links: rumpnet_local ...` links those components; others link all but
//! `rumpnet_sockin`, which has families that others have as well.

mod compiler;
mod examples;
mod headers;
mod installation;
mod program;
mod remote;

use compiler::{Compiler, GNU};
use installation::Installation;
use interop::suite::{Suite, note_absence};
use program::{Check, Program, Variant};
use std::process::{Command, Stdio};
use std::sync::Arc;

fn main() {
    // Whoever asks what there is waits for no compiler.
    let lists_only = std::env::args().any(|argument| argument == "--list");
    let installation = match Installation::prepare(lists_only) {
        Ok(installation) => Arc::new(installation),
        Err(message) => {
            eprintln!("the libraries were not built: {message}");
            std::process::exit(1);
        }
    };
    let compilers: Vec<_> = compiler::ALL.iter().filter(|compiler| is_there(compiler.c)).collect();
    let mut suite = Suite::default();
    headers::add(&mut suite, &installation, &compilers);
    examples::add(&mut suite, &installation, &compilers);
    let variants = variants(&compilers, is_there("valgrind"));
    for program in program::all(&installation.programs()) {
        let program = Arc::new(program);
        for variant in variants.iter().copied() {
            let (name, program, installation) =
                (format!("{}: {variant}", program.name), program.clone(), installation.clone());
            suite.add(name, None, move || Program::run(&program, &installation, variant));
        }
    }
    remote::add(&mut suite, &installation, &variants);
    suite.run()
}

/// Each way of building meets each check somewhere; all of all would only take longer.
fn variants(compilers: &[&'static Compiler], has_valgrind: bool) -> Vec<Variant> {
    let mut variants = Vec::new();
    for compiler in compilers {
        let shared = Variant::shared(compiler);
        variants.extend([
            shared,
            shared.into_static(),
            shared.as_cxx(),
            shared.under(Check::AddressSanitizer),
        ]);
    }
    if has_valgrind {
        variants.push(Variant::shared(&GNU).under(Check::Valgrind));
    }
    variants
}

/// Says aloud what is missing.
fn is_there(program: &str) -> bool {
    let quiet = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = quiet.is_ok_and(|status| status.success());
    if !there {
        note_absence("the C interface", program);
    }
    there
}
