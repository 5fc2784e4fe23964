//! `librump.so`, which shows the interface and nothing else.

use super::{VERSION, Workshop};
use crate::Outcome;
use crate::file;
use crate::run::output;

/// Makes it, of `librump.a`, with these names.
pub fn make(shop: &Workshop, names: &[String]) -> Outcome {
    let name = format!("librump.so.{VERSION}");
    file::write(&shop.exports(), &format!("{{ global: {}; local: *; }};\n", names.join("; ")))?;
    let mut link = shop.toolchain.compiler(shop.options);
    link.current_dir(&shop.folder).args(["-shared", "-o", &name, &format!("-Wl,-soname,{name}")]);
    // The compiler takes what is after a comma for another word.
    link.arg("-Xlinker").arg("--version-script").arg("-Xlinker").arg(shop.exports());
    link.args(["-Wl,--whole-archive", "librump.a", "-Wl,--no-whole-archive", "-Wl,--gc-sections"]);
    // Threads may be in it when somebody closes it.
    link.args(["-Wl,-z,relro,-z,now,-z,defs,-z,nodelete", "-lpthread", "-ldl", "-lm"]);
    output(link.args(shop.options.flags("LDFLAGS")))?;
    file::link(&name, &shop.folder.join("librump.so"))
}
