//! Files for pkg-config: `rump.pc`, `rumpclient.pc`, and one for each component, which says what it needs. They find the rest
//! from where they are, so that an installation can be moved.

use crate::components::Component;

/// What each file begins with.
const PLACES: &str = "\
prefix=${pcfiledir}/../..
includedir=${prefix}/include
libdir=${prefix}/lib
";

/// What a static program takes besides: less of librump, and the host's libraries.
const STATIC: &str = "-Wl,--gc-sections -lpthread -ldl -lm";

/// The names and texts of all.
pub fn files(components: &[Component], has_clients: bool) -> Vec<(String, String)> {
    let version = env!("CARGO_PKG_VERSION");
    let whole = |name: &str, description: &str| {
        let text = format!(
            "{PLACES}\nName: {name}\nDescription: {description}\nVersion: {version}\n\
             Cflags: -I${{includedir}}\nLibs: -L${{libdir}} -l{name}\nLibs.private: {STATIC}\n"
        );
        (format!("{name}.pc"), text)
    };
    let kernels = whole("rump", "Rump kernels, as a library for C");
    let clients =
        has_clients.then(|| whole("rumpclient", "Clients of servers of rump kernels, as a library for C"));
    let one = |component: &Component| {
        let Component { name, description, needs } = component;
        let needs: Vec<&str> = needs.iter().map(String::as_str).chain(["rump"]).collect();
        let text = format!(
            "{PLACES}\nName: {name}\nDescription: {description}\nVersion: {version}\nRequires: {}\n\
             Libs: -L${{libdir}} -l{name}\n",
            needs.join(" ")
        );
        (format!("{name}.pc"), text)
    };
    components.iter().map(one).chain([kernels]).chain(clients).collect()
}
