//! The libraries for C, of the one archive that the compiler made (ADR 9): `librump`, static and shared, and one for each
//! component, which is a constructor and a reference.

mod archive;
mod component;
mod shared;

use crate::Outcome;
use crate::build::{absolute, results};
use crate::components::{self, Component};
use crate::file;
use crate::options::{Options, Profile};
use crate::toolchain::Toolchain;
use std::path::{Path, PathBuf};

/// The version of the interface, as shared libraries end with it.
pub const VERSION: &str = "0";

/// What steps share.
struct Workshop<'a> {
    options: &'a Options,
    toolchain: &'a Toolchain,
    /// What is built for.
    target: String,
    /// Where the libraries are made, an absolute path.
    folder: PathBuf,
}

/// Where the libraries are made, laid out as they are installed.
pub fn folder(options: &Options, toolchain: &Toolchain) -> PathBuf {
    results(options, toolchain).join("libraries")
}

/// Makes all libraries, unless they are there. Errors: those of the tools, by their own words.
pub fn make(options: &Options, toolchain: &Toolchain) -> Outcome {
    let components = components::chosen(options)?;
    let compiled = absolute(&results(options, toolchain).join("liblibrump.a"))?;
    let shop = Workshop {
        options,
        toolchain,
        target: toolchain.target()?,
        folder: absolute(&folder(options, toolchain))?,
    };
    let mark = shop.folder.with_extension("made");
    let inputs = inputs(&shop, &compiled, &components);
    file::unless_done(&mark, &inputs, || {
        let _ = std::fs::remove_dir_all(&shop.folder);
        file::make_folder(&shop.folder.join("rump"))?;
        options.say("librump.a");
        let names = archive::make(&shop, &compiled)?;
        options.say("librump.so");
        shared::make(&shop, &names)?;
        options.say(&format!("{} components", components.len()));
        component::make_all(&shop, &components)
    })
}

/// All that the libraries depend on.
fn inputs(shop: &Workshop, compiled: &Path, components: &[Component]) -> String {
    let names: Vec<_> = components.iter().map(|component| component.name.as_str()).collect();
    format!(
        "{}{}cc {:?}\nflags {:?}\nenvironment {:?}\ncomponents {names:?}\n",
        file::builder(),
        file::state(compiled),
        shop.toolchain.cc,
        shop.options.flags,
        shop.options.environment
    )
}

impl Workshop<'_> {
    fn keeps_debug_information(&self) -> bool {
        self.options.profile == Profile::Debug
    }
}
