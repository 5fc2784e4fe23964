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
use std::path::PathBuf;

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
    /// What they are made of, and what was done, beside it.
    work: PathBuf,
}

/// Where the libraries are made, laid out as they are installed.
pub fn folder(options: &Options, toolchain: &Toolchain) -> PathBuf {
    results(options, toolchain).join("libraries")
}

/// Makes all libraries, as far as they are not there. Errors: those of the tools, by their own words.
pub fn make(options: &Options, toolchain: &Toolchain) -> Outcome {
    let components = components::chosen(options)?;
    let compiled = absolute(&results(options, toolchain).join("liblibrump.a"))?;
    let folder = absolute(&folder(options, toolchain))?;
    let shop = Workshop {
        options,
        toolchain,
        target: toolchain.target()?,
        work: folder.with_extension("work"),
        folder,
    };
    let inputs = inputs(&shop, &components);
    // What was done is noted in the folder of work, and so forgotten with it.
    file::unless_done(&shop.folder.with_extension("begun"), &inputs, || {
        let _ = std::fs::remove_dir_all(&shop.work);
        let _ = std::fs::remove_dir_all(&shop.folder);
        file::make_folder(&shop.folder.join("rump"))
    })?;
    file::unless_done(&shop.work.join("rump.made"), &file::state(&compiled), || {
        options.say("librump.a");
        let names = archive::make(&shop, &compiled)?;
        options.say("librump.so");
        shared::make(&shop, &names)
    })?;
    // Of librump they have nothing but its name and those of its functions.
    let exports = std::fs::read_to_string(shop.exports()).map_err(|error| error.to_string())?;
    file::unless_done(&shop.work.join("components.made"), &exports, || {
        options.say(&format!("{} components", components.len()));
        component::make_all(&shop, &components)
    })
}

/// All that every library depends on, but what was compiled.
fn inputs(shop: &Workshop, components: &[Component]) -> String {
    let names: Vec<_> = components.iter().map(|component| component.name.as_str()).collect();
    format!(
        "{}cc {:?}\nflags {:?}\nenvironment {:?}\ncomponents {names:?}\n",
        file::builder(),
        shop.toolchain.cc,
        shop.options.flags,
        shop.options.environment
    )
}

impl Workshop<'_> {
    /// What `librump.so` shows, for the linker.
    fn exports(&self) -> PathBuf {
        self.work.join("exports")
    }

    fn keeps_debug_information(&self) -> bool {
        self.options.profile == Profile::Debug
    }
}
