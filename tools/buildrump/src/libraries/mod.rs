//! The libraries for C, of the one archive that the compiler made (ADR 9): `librump`, static and shared, and one for each
//! component, which is a constructor and a reference; and of another archive `librumpclient`, for clients of a server.

mod archive;
mod component;
mod shared;

use crate::Outcome;
use crate::build::{self, absolute, results};
use crate::components::{self, Component};
use crate::file;
use crate::options::{Options, Profile};
use crate::toolchain::Toolchain;
use std::path::PathBuf;

/// The version of the interface, as shared libraries end with it.
pub const VERSION: &str = "0";

/// A library that is made of an archive of the compiler's, static and shared.
struct Library {
    /// After `lib`.
    name: &'static str,
    /// What names of its interface begin with.
    interface: &'static [&'static str],
    /// The crate whose code, with what that alone needs, is an object of its own.
    apart: Option<&'static str>,
}

/// With all components.
const KERNELS: Library = Library { name: "rump", interface: &["rump_"], apart: Some("librumpkern_sysproxy") };
/// What of the interface is there for programs whose kernel is a server's.
const CLIENTS: Library = Library {
    name: "rumpclient",
    interface: &["rumpclient_", "rump_sys_", "rump_pub_mount", "rump_strerror"],
    apart: None,
};

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
    make_library(&shop, &KERNELS)?;
    if build::has_clients(options) {
        make_library(&shop, &CLIENTS)?;
    }
    // Of librump they have nothing but its name and those of its functions.
    let exports = std::fs::read_to_string(shop.exports(&KERNELS)).map_err(|error| error.to_string())?;
    file::unless_done(&shop.work.join("components.made"), &exports, || {
        options.say(&format!("{} components", components.len()));
        component::make_all(&shop, &components)
    })
}

fn make_library(shop: &Workshop, library: &Library) -> Outcome {
    let Library { name, .. } = library;
    let compiled = absolute(&results(shop.options, shop.toolchain).join(format!("liblib{name}.a")))?;
    file::unless_done(&shop.work.join(format!("{name}.made")), &file::state(&compiled), || {
        shop.options.say(&format!("lib{name}.a"));
        let names = archive::make(shop, library, &compiled)?;
        shop.options.say(&format!("lib{name}.so"));
        shared::make(shop, library, &names)
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
    /// What a shared library shows, for the linker.
    fn exports(&self, library: &Library) -> PathBuf {
        self.work.join(format!("{}.exports", library.name))
    }

    fn keeps_debug_information(&self) -> bool {
        self.options.profile == Profile::Debug
    }
}
