//! The behaviours, by what they are about.

macro_rules! behaviours {
    ($($name:ident: $needs:expr $(, without $excludes:expr)?;)*) => {
        /// The behaviours of this module.
        pub(super) const ALL: &[crate::Behaviour] = &[$(crate::Behaviour {
            name: stringify!($name),
            needs: $needs.union(rumpkit::kpi::Capabilities::WRITE),
            excludes: rumpkit::kpi::Capabilities::empty()$(.union($excludes))?,
            run: $name,
        },)*];
    };
}

mod acls;
mod allocation;
mod directories;
mod files;
mod holes;
mod links;
mod names;
mod permissions;
mod rename;
mod times;
mod xattrs;

use crate::Behaviour;

/// Every behaviour.
pub fn all() -> impl Iterator<Item = &'static Behaviour> {
    let modules = [
        files::ALL,
        holes::ALL,
        allocation::ALL,
        names::ALL,
        links::ALL,
        rename::ALL,
        directories::ALL,
        permissions::ALL,
        acls::ALL,
        xattrs::ALL,
        times::ALL,
    ];
    modules.into_iter().flatten()
}
