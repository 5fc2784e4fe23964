//! What to make: the request, and the identifier and time that follow from the content.

use super::Args;
use super::fit::{self, FITTING_BLOCK_SIZE};
use super::options::{Identifier, as_uuid};
use super::target::Target;
use crate::fill::measure::{Depth, Layout, Measure, Needs, ext};
use crate::fill::rules::{Ruled, Rules};
use crate::session::Failure;
use crate::source::Tree;
use crate::stop::Stop;
use rumpkit::mkfs::{Family, Inodes, Request, Summary, family, plan};
use rumpkit::{Errno, KError, TimeSpec};
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};

const DEFAULT_INODE_SIZE: u16 = 256;

/// See the module.
pub struct Plan {
    /// What is asked for.
    pub request: Request,
    /// What it gives.
    pub summary: Summary,
}

impl Plan {
    /// Plans; the source is passed once if its content or size matters.
    pub fn new(
        args: &Args,
        target: &Target,
        source: Option<&mut Tree>,
        rules: &mut Rules,
        stop: &Stop,
    ) -> Result<Self, Failure> {
        let identifier = args.uuid.unwrap_or(match args.reproducible {
            true => Identifier::Derived,
            false => Identifier::Random,
        });
        let family = family(&args.format).map_err(|error| refused(args, target, error))?;
        check(args, family, identifier)?;
        let is_deep = args.reproducible || identifier == Identifier::Derived;
        let mut request = request(args, family, target);
        let (mut needs, mut digest) = (Needs::default(), [0; 32]);
        if let Some(source) = source.filter(|_| args.fit || is_deep) {
            let depth = if is_deep { Depth::Content } else { Depth::Sizes };
            let layout = layout(args, family, &request)?;
            source.keep()?;
            (needs, digest) = measure(source, rules, layout, depth, stop)?;
        }
        request.now = now(args, rules, &needs);
        rules.now = request.now;
        identify(&mut request, args, identifier, &digest)?;
        if args.fit {
            return match family {
                Family::Ext => fit::blocks(args, target, request, &needs),
                Family::Fat => fit::fat(args, target, request, &needs),
                Family::Exfat => fit::clusters(args, target, request, &needs),
            };
        }
        request.size_bytes = target.size(args.size.map(|size| size.0))?;
        let summary = plan(&args.format, &request).map_err(|error| refused(args, target, error))?;
        Ok(Self { request, summary })
    }
}

/// Refuses what no request of the format can say. Errors: [`Failure::Usage`].
fn check(args: &Args, family: Family, identifier: Identifier) -> Result<(), Failure> {
    let format = &args.format;
    let wrong = match (family, identifier) {
        (Family::Ext, Identifier::Serial(_)) => Some("-U: a UUID has 32 digits here"),
        (Family::Fat | Family::Exfat, Identifier::Uuid(_)) => {
            Some("-U: a serial number looks like 1234-ABCD")
        }
        (Family::Fat | Family::Exfat, _) if args.owner.is_some() => Some("--owner: no owners are stored"),
        (Family::Fat | Family::Exfat, _) if args.map.is_some() => {
            Some("--map: no owners, modes and devices are stored")
        }
        _ => None,
    };
    wrong.map_or(Ok(()), |why| Err(Failure::Usage(format!("{format}: {why}"))))
}

fn request(args: &Args, family: Family, target: &Target) -> Request {
    let is_fitted = args.fit && family == Family::Ext;
    Request {
        begin_bytes: target.offset(),
        label: args.label.clone(),
        features: args.features.clone(),
        block_size: args.block_size.or(is_fitted.then_some(FITTING_BLOCK_SIZE)),
        sector_size: args.sector_size,
        fat_bits: args.fat,
        inode_size: args.inode_size,
        journal_bytes: args.journal.map(|size| size.0),
        inodes: args.inodes.map_or(Inodes::Default, Inodes::Count),
        reserved_percent: args.reserved.or(is_fitted.then_some(0)),
        ..Request::new(0, [0; 16], [0; 16], TimeSpec::default())
    }
}

fn measure(
    source: &mut Tree,
    rules: &Rules,
    layout: Layout,
    depth: Depth,
    stop: &Stop,
) -> Result<(Needs, [u8; 32]), Failure> {
    let mut measure = Measure::new(layout, depth, stop.clone());
    let mut ruled = Ruled::new(rules, &mut measure);
    source.source().run(&mut ruled)?;
    ruled.finish()?;
    Ok(measure.finish())
}

/// What the space of files depends on; a volume of any size tells.
fn layout(args: &Args, family: Family, request: &Request) -> Result<Layout, Failure> {
    match family {
        Family::Ext => {}
        Family::Fat => return Ok(Layout::Fat),
        Family::Exfat => return Ok(Layout::Exfat),
    }
    let request = Request { size_bytes: 1 << 30, ..request.clone() };
    let sample =
        plan(&args.format, &request).map_err(|error| Failure::Usage(format!("{}: {error}", args.format)))?;
    Ok(Layout::Ext(ext::Layout {
        block_size: sample.block_size.into(),
        inode_size: args.inode_size.unwrap_or(DEFAULT_INODE_SIZE).into(),
        has_extents: sample.features.iter().any(|name| name.starts_with("extent")),
    }))
}

fn now(args: &Args, rules: &Rules, needs: &Needs) -> TimeSpec {
    if args.reproducible {
        return rules.latest.unwrap_or(needs.latest.max(TimeSpec::default()));
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeSpec { sec: since.as_secs() as i64, nsec: since.subsec_nanos() }
}

fn identify(
    request: &mut Request,
    args: &Args,
    identifier: Identifier,
    digest: &[u8; 32],
) -> Result<(), Failure> {
    let derived = |purpose: &str| {
        let mut hash = Sha256::new();
        for word in [purpose.as_bytes(), args.format.as_bytes(), args.label.as_bytes(), digest] {
            hash.update((word.len() as u64).to_le_bytes());
            hash.update(word);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        bytes
    };
    let random = || {
        let mut bytes = [0; 16];
        let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
        match filled {
            Ok(16) => Ok(bytes),
            Ok(_) => Err(Failure::Other("no random bytes".into())),
            Err(error) => Err(Failure::Other(format!("random bytes: {error}"))),
        }
    };
    request.uuid = match identifier {
        Identifier::Uuid(uuid) => uuid,
        Identifier::Serial(serial) => (u128::from(serial) << 96).to_be_bytes(),
        Identifier::Random => as_uuid(random()?, 4),
        Identifier::Derived => as_uuid(derived("uuid"), 8),
    };
    request.hash_seed = if args.reproducible { derived("hash seed") } else { random()? };
    Ok(())
}

/// What a maker said, as the failure of a command.
pub fn refused(args: &Args, target: &Target, error: KError) -> Failure {
    match error.errno {
        Errno::EINVAL | Errno::ENOTSUP | Errno::ENODEV => Failure::Usage(format!("{}: {error}", args.format)),
        _ => Failure::Other(format!("{}: {error}", target.name())),
    }
}
