//! A shared library of a static one, which shows the interface and nothing else.

use super::{Library, VERSION, Workshop};
use crate::Outcome;
use crate::file;
use crate::run::output;

/// Makes it, with these names.
pub fn make(shop: &Workshop, library: &Library, names: &[String]) -> Outcome {
    let name = format!("lib{}.so.{VERSION}", library.name);
    let exports = shop.exports(library);
    file::write(&exports, &format!("{{ global: {}; local: *; }};\n", names.join("; ")))?;
    let mut link = shop.toolchain.compiler(shop.options);
    link.current_dir(&shop.folder).args(["-shared", "-o", &name, &format!("-Wl,-soname,{name}")]);
    // The compiler takes what is after a comma for another word.
    link.arg("-Xlinker").arg("--version-script").arg("-Xlinker").arg(exports);
    link.arg("-Wl,--whole-archive").arg(format!("lib{}.a", library.name));
    link.args(["-Wl,--no-whole-archive", "-Wl,--gc-sections"]);
    // Threads may be in it when somebody closes it.
    link.args(["-Wl,-z,relro,-z,now,-z,defs,-z,nodelete", "-lpthread", "-ldl", "-lm"]);
    output(link.args(shop.options.flags("LDFLAGS")))?;
    file::link(&name, &shop.folder.join(format!("lib{}.so", library.name)))
}
