//! What is linked: each library of a component attaches it before `main`, or when it is loaded.

use crate::host::Host;
use crate::instance;
use crate::netconfig::LinkKind;
use rump_kpi::Component;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a library adds to kernels.
pub struct Library {
    /// Its name after `lib`, such as `rumpfs_ext2fs`.
    pub name: &'static str,
    /// What is in it, for a kernel on this host.
    pub parts: fn(&Host) -> Vec<Component>,
    /// Kinds of interfaces that have a link.
    pub links: &'static [LinkKind],
}

/// In the order in which they came.
static ATTACHED: Mutex<Vec<&'static Library>> = Mutex::new(Vec::new());

fn table() -> MutexGuard<'static, Vec<&'static Library>> {
    ATTACHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Attaches a library, unless it is: kernels that boot have its parts, and those that run get them.
pub fn attach(library: &'static Library) {
    let mut attached = table();
    if attached.iter().any(|known| known.name == library.name) {
        return;
    }
    attached.push(library);
    // A kernel that boots takes what is in the table under its lock, too: it gets the parts once.
    instance::add_to_all(library);
}

/// Whether a library was linked or loaded.
pub(crate) fn is_attached(name: &str) -> bool {
    table().iter().any(|library| library.name == name)
}

/// The attached libraries, while which no other can come.
pub fn attached() -> MutexGuard<'static, Vec<&'static Library>> {
    table()
}

/// Defines the function that attaches a library, which is all that a crate in `component` holds: its name, the libraries
/// that it needs, its parts, and kinds of interfaces that have a link, if it has any.
#[macro_export]
macro_rules! library {
    ($function:ident, $name:literal, needs [$($needed:path),*], $parts:expr $(, links $links:expr)?) => {
        static LIBRARY: $crate::component::Library = $crate::component::Library {
            name: $name,
            parts: $parts,
            links: $crate::library!(@links $($links)?),
        };

        /// Attaches the component, and those that it needs. Any number of times is as good as once.
        #[unsafe(no_mangle)]
        pub extern "C" fn $function() {
            $($needed();)*
            $crate::component::attach(&LIBRARY);
        }
    };
    (@links) => { &[] };
    (@links $links:expr) => { $links };
}
