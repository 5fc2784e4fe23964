//! Mounting: which session, which of its trees.

use crate::descriptor::{Descriptor, Descriptors};
use crate::directory::Records;
use crate::error::Error;
use crate::inode;
use crate::name::Naming;
use crate::options::{Options, Session};
use crate::record::{MOST, Role};
use crate::session;
use crate::volume::{Parts, Skipped, Volume};
use alloc::format;
use alloc::sync::Arc;
use rump_kpi::{BlockDevice, Errno, KError};

/// What SP (SUSP 5.3) begins with: signature, length, version, and two bytes to be sure.
const SHARING: [u8; 6] = *b"SP\x07\x01\xbe\xef";
/// Bytes of CD-ROM XA, which may come before it.
const XA: usize = 14;

/// Mounts. Errors: EINVAL (no such session), EFTYPE, EIO.
pub fn mount(device: Arc<dyn BlockDevice>, options: Options) -> Result<Volume, Error> {
    let start = match options.session {
        Session::Newest => session::find(&*device)?.newest,
        Session::Sector(sector) => sector,
        Session::Number(number) => {
            let starts = session::find(&*device)?.starts;
            *starts.get(number - 1).ok_or_else(|| no_such_session(number, starts.len()))?
        }
    };
    let found = Descriptors::read(&*device, start)?
        .ok_or_else(|| Error::corrupt("volume descriptors", start, "no signature"))?;
    let volume = choose(device, &found, options)?;
    // A root that cannot be read is told now.
    inode::load(&volume, volume.root())?;
    Ok(volume)
}

fn no_such_session(number: usize, count: usize) -> Error {
    Error::Io(KError::new(Errno::EINVAL, format!("cd9660: session {number} of {count}")))
}

/// Rock Ridge if it is there, else Joliet, else ISO 9660:1999, else what is always there.
fn choose(device: Arc<dyn BlockDevice>, found: &Descriptors, options: Options) -> Result<Volume, Error> {
    let volume = |descriptor: &Descriptor, naming| {
        Volume::new(Parts {
            device: device.clone(),
            block_bits: descriptor.block_bits,
            blocks: descriptor.blocks(),
            root_block: descriptor.root_block,
            naming,
            options,
        })
    };
    if options.rock_ridge {
        if let Some(skipped) = rock_ridge(&volume(&found.primary, Naming::Plain)) {
            return Ok(volume(&found.primary, Naming::RockRidge).skipping(skipped));
        }
    }
    let joliet = found.joliet.as_ref().filter(|_| options.joliet).map(|found| (found, Naming::Joliet));
    let enhanced =
        found.enhanced.as_ref().filter(|_| options.enhanced).map(|found| (found, Naming::Enhanced));
    let (descriptor, naming) = joliet.or(enhanced).unwrap_or((&found.primary, Naming::Plain));
    Ok(volume(descriptor, naming))
}

/// Where the fields of Rock Ridge are, if the root directory says that system use fields are shared.
pub fn rock_ridge(volume: &Volume) -> Option<Skipped> {
    let (mut bytes, at) = ([0; MOST], volume.root().0);
    let record = Records::new(volume, at, u64::MAX).next(&mut bytes).ok().flatten()?;
    let record = Some(record).filter(|record| record.at == at && record.role() == Role::Own)?;
    [0, XA].into_iter().find_map(|root| {
        let behind = record.system_use.get(root..)?.strip_prefix(&SHARING)?;
        Some(Skipped { root, others: (*behind.first()?).into() })
    })
}
